/** distribution-spec 1.1, category Push: end-4 to end-7, end-11, end-13, end-14. */

import { randomBytes } from 'node:crypto';
import { describe, expect } from 'vitest';
import {
  aDescriptor,
  anImage,
  digestOf,
  emptyConfig,
  locationOf,
  ociLayer,
  ociManifest,
  withQuery,
} from '../support/api-client.ts';
import { onBothFrontEnds } from '../support/api-suite.ts';
import { clause } from '../support/clause.ts';

const name = 'conformance/push';

onBothFrontEnds('push', {}, (on) => {
  const start = (query = '', body: Buffer | string = '') =>
    on.api.send('POST', `/v2/${name}/blobs/uploads/${query}`, { body });
  /** What a Location of a finished push must be: a place to pull the blob from. */
  const expectPullable = async (location: string, content: string | Buffer): Promise<void> => {
    const reply = await on.api.get(location);
    expect(reply.status).toBe(200);
    expect(reply.body.equals(Buffer.from(content))).toBe(true);
  };

  describe('blobs', () => {
    clause(
      'end-4.a',
      'SHOULD',
      'a digest that is invalid or of an unknown algorithm is a 400',
      async () => {
        for (const digest of [
          'sha256:x',
          'md5:d41d8cd98f00b204e9800998ecf8427e',
          digestOf('other'),
        ]) {
          expect((await start(`?digest=${digest}`, 'content')).status).toBe(400);
          const location = locationOf(await start());
          expect((await on.api.finishUpload(location, digest, 'content')).status).toBe(400);
        }
      },
    );

    clause('end-4a.b', 'MUST', 'POST answers 202 with a Location', async () => {
      const reply = await start();
      expect(reply.status).toBe(202);
      expect(reply.headers).toHaveProperty('location');
    });

    clause(
      'end-4a.c',
      'MUST',
      'the Location holds an id of the session, another each time',
      async () => {
        const paths = await Promise.all(
          Array.from({ length: 5 }, async () => new URL(locationOf(await start())).pathname),
        );
        expect(new Set(paths).size).toBe(5);
      },
    );

    clause('end-6.a', 'MUST', 'PUT of the whole answers 201 with a pullable Location', async () => {
      const reply = await on.api.finishUpload(
        locationOf(await start()),
        digestOf('whole'),
        'whole',
      );
      expect(reply.status).toBe(201);
      await expectPullable(locationOf(reply), 'whole');
    });

    clause('end-4b.a', 'MUST', 'a single POST answers 201 with a pullable Location', async () => {
      const reply = await start(`?digest=${digestOf('single')}`, 'single');
      expect(reply.status).toBe(201);
      await expectPullable(locationOf(reply), 'single');
    });

    clause('end-4c.a', 'SHOULD', 'digest-algorithm announces the algorithm', async () => {
      for (const algorithm of ['sha256', 'sha512']) {
        const reply = await start(`?digest-algorithm=${algorithm}`);
        expect(reply.status).toBe(202);
        const digest = digestOf(`by ${algorithm}`, algorithm);
        const done = await on.api.finishUpload(locationOf(reply), digest, `by ${algorithm}`);
        expect(done.status).toBe(201);
        await expectPullable(`/v2/${name}/blobs/${digest}`, `by ${algorithm}`);
      }
    });

    clause('end-5.a', 'MUST', 'each chunk answers 202 with Location and Range', async () => {
      const chunks = [randomBytes(2000), randomBytes(3000)];
      let location = locationOf(await start());
      let size = 0;
      for (const chunk of chunks) {
        const range = `${size}-${size + chunk.length - 1}`;
        const reply = await on.api.patch(location, chunk, { 'content-range': range });
        size += chunk.length;
        expect(reply.status).toBe(202);
        expect(reply.headers.range).toBe(`0-${size - 1}`);
        location = locationOf(reply);
      }
      const whole = Buffer.concat(chunks);
      const done = await on.api.finishUpload(location, digestOf(whole));
      expect(done.status).toBe(201);
      await expectPullable(locationOf(done), whole);
    });

    clause('end-5.b', 'MUST', 'a chunk out of order is a 416', async () => {
      const reply = await on.api.patch(locationOf(await start()), 'later', {
        'content-range': '10-14',
      });
      expect(reply.status).toBe(416);
    });

    clause(
      'end-6.b',
      'MUST',
      'the session is closed by PUT, with or without a last chunk',
      async () => {
        for (const last of ['', ' and last']) {
          const first = await on.api.patch(locationOf(await start()), 'first', {
            'content-range': '0-4',
          });
          const headers: Record<string, string> = last === '' ? {} : { 'content-range': '5-13' };
          const done = await on.api.finishUpload(
            locationOf(first),
            digestOf(`first${last}`),
            last,
            headers,
          );
          expect(done.status).toBe(201);
          await expectPullable(locationOf(done), `first${last}`);
        }
      },
    );

    clause('end-6.c', 'MUST', 'the digest at the end is of the whole blob', async () => {
      const first = await on.api.patch(locationOf(await start()), 'first ');
      expect((await on.api.finishUpload(locationOf(first), digestOf('last'), 'last')).status).toBe(
        400,
      );
    });

    clause('end-6.d', 'MUST', 'a last chunk out of order is a 416', async () => {
      const first = await on.api.patch(locationOf(await start()), 'first', {
        'content-range': '0-4',
      });
      const headers = { 'content-range': '9-12' };
      const reply = await on.api.finishUpload(
        locationOf(first),
        digestOf('firstlast'),
        'last',
        headers,
      );
      expect(reply.status).toBe(416);
    });

    clause('end-13.a', 'MUST', 'GET of an upload answers 204 with Location and Range', async () => {
      const first = await on.api.patch(locationOf(await start()), '0123456789');
      const reply = await on.api.get(locationOf(first));
      expect(reply.status).toBe(204);
      expect(reply.headers.range).toBe('0-9');
      const done = await on.api.finishUpload(locationOf(reply), digestOf('0123456789'));
      expect(done.status).toBe(201);
    });

    clause('end-14.a', 'SHOULD', 'DELETE of an upload answers 204, and it is gone', async () => {
      const location = locationOf(await start());
      expect((await on.api.delete(location)).status).toBe(204);
      expect((await on.api.get(location)).status).toBe(404);
    });

    clause('end-11.a', 'MUST', 'a mount answers 201 with a pullable Location', async () => {
      const digest = await on.api.pushBlob('conformance/source', 'to mount');
      const reply = await start(`?mount=${digest}&from=conformance/source`);
      expect(reply.status).toBe(201);
      await expectPullable(locationOf(reply), 'to mount');
    });

    clause('end-11.b', 'SHOULD', 'a mount that cannot be done becomes an upload', async () => {
      const reply = await start(`?mount=${digestOf('nowhere')}&from=conformance/source`);
      expect(reply.status).toBe(202);
      const done = await on.api.finishUpload(locationOf(reply), digestOf('nowhere'), 'nowhere');
      expect(done.status).toBe(201);
    });
  });

  describe('manifests', () => {
    const push = (reference: string, manifest: object | string, type: string = ociManifest) =>
      on.api
        .pushBlob(name, emptyConfig)
        .then(() => on.api.putManifest(name, reference, manifest, type));

    clause('end-7a.a', 'SHOULD', 'parameters of the Content-Type are ignored', async () => {
      expect((await push('typed', anImage(), `${ociManifest};q=1`)).status).toBe(201);
    });

    clause('end-7a.b', 'MUST', 'a push answers 201 with a pullable Location', async () => {
      const text = JSON.stringify(anImage());
      const reply = await push('located', text);
      expect(reply.status).toBe(201);
      await expectPullable(locationOf(reply), text);
    });

    clause('end-7a.c', 'MUST', 'the bytes are stored exactly', async () => {
      const text = JSON.stringify(anImage(), null, 7).replaceAll('{', '{ \t');
      await push('exact', text);
      await expectPullable(`/v2/${name}/manifests/exact`, text);
    });

    clause('end-7a.d', 'MUST', 'the digest told is the one that the client gave', async () => {
      const text = JSON.stringify(anImage({ annotations: { given: 'digest' } }));
      for (const algorithm of ['sha256', 'sha512']) {
        const digest = digestOf(text, algorithm);
        expect((await push(digest, text)).headers['docker-content-digest']).toBe(digest);
      }
    });

    clause('end-7a.e', 'MUST', 'a manifest whose subject is not there is taken', async () => {
      const subject = aDescriptor('not there', ociManifest);
      expect((await push('early', anImage({ subject }))).status).toBe(201);
    });

    clause(
      'end-7a.f',
      'MUST',
      'a manifest refused for a missing blob says MANIFEST_BLOB_UNKNOWN',
      async () => {
        const layers = [aDescriptor('no such layer', ociLayer)];
        const reply = await push('incomplete', anImage({ layers }));
        expect(reply.status).toBe(400);
        expect(reply.codes()).toContain('MANIFEST_BLOB_UNKNOWN');
      },
    );

    clause('end-7a.g', 'MUST', 'a pull from a repository that is not there is a 404', async () => {
      expect((await on.api.get('/v2/conformance/nowhere/manifests/x')).status).toBe(404);
    });

    clause(
      'end-7a.h',
      'SHOULD',
      'manifests of 4 megabytes are taken, and beyond a limit answered 413',
      async () => {
        const filled = (size: number): object =>
          anImage({ annotations: { filler: 'x'.repeat(size) } });
        expect((await push('large', filled(4_000_000))).status).toBe(201);
        expect((await push('too-large', filled(4_400_000))).status).toBe(413);
      },
    );

    clause('end-7a.i', 'MUST', 'a subject is answered with OCI-Subject', async () => {
      const subject = aDescriptor('a subject', ociManifest);
      const reply = await push('subject', anImage({ subject }));
      expect(reply.headers['oci-subject']).toBe(digestOf('a subject'));
    });

    clause('end-7b.a', 'SHOULD', 'ten tags in one request are taken', async () => {
      const tags = Array.from({ length: 10 }, (_, index) => `many-${index}`);
      const text = JSON.stringify(anImage({ annotations: { tags: 'ten' } }));
      const query = tags.map((tag) => `tag=${tag}`).join('&');
      expect((await push(withQuery(digestOf(text), query), text)).status).toBe(201);
      for (const tag of tags) {
        expect((await on.api.head(`/v2/${name}/manifests/${tag}`)).status).toBe(200);
      }
    });

    clause('end-7b.b', 'MUST', 'each tag taken is told in OCI-Tag', async () => {
      const text = JSON.stringify(anImage({ annotations: { tags: 'two' } }));
      const reply = await push(`${digestOf(text)}?tag=t1&tag=t2`, text);
      expect(String(reply.headers['oci-tag']).split(/,\s*/)).toEqual(['t1', 't2']);
    });
  });
});
