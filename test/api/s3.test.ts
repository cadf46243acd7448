/**
 * The built registry on a real S3 server (Ceph's radosgw): every way to push and pull, what is left in the bucket, and
 * the same bucket under Debian's docker-registry.
 */

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CreateMultipartUploadCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { openStorage } from '../../src/compose-storage.ts';
import { silentLogger } from '../../src/observe/logger.ts';
import { purgeUploads } from '../../src/registry/purge-uploads.ts';
import {
  ApiClient,
  aDescriptor,
  anImage,
  digestOf,
  emptyType,
  locationOf,
  nextPage,
  ociLayer,
  ociManifest,
} from '../support/api-client.ts';
import { noise } from '../support/bytes.ts';
import { loaded } from '../support/config.ts';
import {
  dockerRegistryProgram,
  type RunningDockerRegistry,
  startDockerRegistry,
} from '../support/docker-registry.ts';
import { writeOciLayout } from '../support/oci-layout.ts';
import { type Radosgw, radosgwMissing, startRadosgw } from '../support/radosgw.ts';
import { type RunningRegistry, runLongshore, startRegistry } from '../support/registry.ts';
import { newBucket, plainClient } from '../support/s3-options.ts';
import { objectKeys, openUploadKeys, s3Storage } from '../support/s3-storage.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { findProgram } from '../support/tools.ts';

const run = promisify(execFile);
const mebibyte = 1024 * 1024;
const skipped = radosgwMissing();
const repositories = 'docker/registry/v2/repositories';

let gateway: Radosgw;
let client: S3Client;
let bucket: string;
let registry: RunningRegistry;
let api: ApiClient;

/** Sessions are removed after their reply. */
function sessionsGone(name: string): Promise<void> {
  return vi.waitFor(
    async () =>
      expect(await objectKeys(client, bucket, `${repositories}/${name}/_uploads/`)).toEqual([]),
    { timeout: 10_000 },
  );
}

async function pulled(name: string, digest: string, from: ApiClient = api): Promise<Buffer> {
  const reply = await from.get(`/v2/${name}/blobs/${digest}`);
  if (reply.status !== 307) {
    expect(reply.status, reply.text).toBe(200);
    return reply.body;
  }
  const signed = await fetch(locationOf(reply));
  expect(signed.status).toBe(200);
  return Buffer.from(await signed.arrayBuffer());
}

describe.skipIf(skipped !== undefined)(`registry on radosgw ${skipped ?? ''}`, () => {
  beforeAll(async () => {
    gateway = await startRadosgw();
    client = plainClient(gateway.endpoint);
    bucket = await newBucket(client);
    registry = await startRegistry({ config: { storage: s3Storage(gateway.endpoint, bucket) } });
    api = new ApiClient(registry.port);
  });
  afterAll(async () => {
    api?.close();
    await registry?.stop();
    client?.destroy();
    await gateway?.stop();
  });

  it('starts an upload with the least chunk S3 takes', async () => {
    const reply = await api.send('POST', '/v2/start/blobs/uploads/', { body: '' });
    expect(reply.status).toBe(202);
    expect(reply.headers['oci-chunk-min-length']).toBe(String(5 * mebibyte));
    expect(reply.headers.range).toBe('0-0');
  });

  it.each([
    ['nothing', 0],
    ['a byte', 1],
    ['what the main thread stores', 100_000],
    ['what fits one part', 3 * mebibyte],
    ['exactly two parts', 10 * mebibyte],
    ['seven parts and a rest', 37 * mebibyte + 11],
  ])('stores and gives back %s, by each way to push', async (_name, sizeBytes) => {
    const name = `sizes/b${sizeBytes}`;
    const asDocker = noise(sizeBytes, 1);
    const patched = await api.patch(await api.startUpload(name), asDocker);
    expect(patched.status, patched.text).toBe(202);
    const closed = await api.finishUpload(locationOf(patched), digestOf(asDocker));
    expect(closed.status, closed.text).toBe(201);

    const atOnce = noise(sizeBytes, 2);
    const put = await api.finishUpload(await api.startUpload(name), digestOf(atOnce), atOnce);
    expect(put.status, put.text).toBe(201);

    const posted = noise(sizeBytes, 3);
    await api.pushBlob(name, posted);

    const unannounced = noise(sizeBytes, 4);
    const streamed = await api.send(
      'POST',
      `/v2/${name}/blobs/uploads/?digest=${digestOf(unannounced)}`,
      { body: [unannounced] },
    );
    expect(streamed.status, streamed.text).toBe(201);

    for (const content of [asDocker, atOnce, posted, unannounced]) {
      expect(digestOf(await pulled(name, digestOf(content)))).toBe(digestOf(content));
    }
    await sessionsGone(name);
    expect(await openUploadKeys(client, bucket)).toEqual([]);
  });

  it.each([
    ['shorter than a part', 2 * mebibyte + 3],
    ['longer than a part', 6 * mebibyte + 5],
    ['of exactly a part', 5 * mebibyte],
  ])('takes chunks %s', async (title, chunkBytes) => {
    const name = `chunks/${title.replaceAll(' ', '-')}`;
    const content = noise(chunkBytes * 3 + 1000, chunkBytes % 97);
    let location = await api.startUpload(name);
    for (let start = 0; start < content.length; start += chunkBytes) {
      const chunk = content.subarray(start, start + chunkBytes);
      const reply = await api.patch(location, chunk, {
        'Content-Range': `${start}-${start + chunk.length - 1}`,
      });
      expect(reply.status, reply.text).toBe(202);
      expect(reply.headers.range).toBe(`0-${start + chunk.length - 1}`);
      location = locationOf(reply);
    }
    expect((await api.finishUpload(location, digestOf(content))).status).toBe(201);
    expect(digestOf(await pulled(name, digestOf(content)))).toBe(digestOf(content));
  });

  it('reads a session once at commit when nobody knows its digest', async () => {
    const content = noise(13 * mebibyte, 21);
    const first = await api.patch(
      await api.startUpload('unknown'),
      content.subarray(0, 6 * mebibyte),
    );
    const second = await api.patch(locationOf(first), content.subarray(6 * mebibyte));
    const closed = await api.finishUpload(locationOf(second), digestOf(content));
    expect(closed.status, closed.text).toBe(201);
    expect(digestOf(await pulled('unknown', digestOf(content)))).toBe(digestOf(content));
  });

  it.each([
    ['small', 4000, 0],
    ['large', 12 * mebibyte, 6 * mebibyte],
  ])(
    'keeps a %s session whose digest was wrong, until the right one comes',
    async (kind, size, sent) => {
      const name = `wrong/${kind}`;
      const content = noise(size, 31);
      let location = await api.startUpload(name);
      if (sent > 0) {
        location = locationOf(await api.patch(location, content.subarray(0, sent)));
      }
      const refused = await api.finishUpload(location, digestOf('other'), content.subarray(sent));
      expect(refused.status).toBe(400);
      expect(refused.codes()).toEqual(['DIGEST_INVALID']);
      const status = await api.get(location);
      expect(status.headers.range).toBe(`0-${size - 1}`);
      const closed = await api.finishUpload(locationOf(status), digestOf(content));
      expect(closed.status, closed.text).toBe(201);
      expect(digestOf(await pulled(name, digestOf(content)))).toBe(digestOf(content));
    },
  );

  it('begins a session anew whose one large body was wrong', async () => {
    const content = noise(12 * mebibyte, 33);
    const wrong = digestOf('neither');
    const location = await api.startUpload('anew');
    const refused = await api.finishUpload(location, wrong, content);
    expect(refused.codes()).toEqual(['DIGEST_INVALID']);
    expect((await api.head(`/v2/anew/blobs/${wrong}`)).status).toBe(404);
    expect(await openUploadKeys(client, bucket)).toEqual([]);
    const status = await api.get(location);
    expect([status.status, status.headers.range]).toEqual([204, '0-0']);
    const closed = await api.finishUpload(locationOf(status), digestOf(content), content);
    expect(closed.status, closed.text).toBe(201);
    expect(digestOf(await pulled('anew', digestOf(content)))).toBe(digestOf(content));
    expect((await api.get(location)).status).toBe(404);
  });

  it('leaves nothing of a whole blob whose digest was wrong', async () => {
    const wrong = digestOf('not these bytes');
    const reply = await api.send('POST', `/v2/refused/blobs/uploads/?digest=${wrong}`, {
      body: noise(12 * mebibyte, 41),
    });
    expect(reply.status).toBe(400);
    expect(reply.codes()).toEqual(['DIGEST_INVALID']);
    expect((await api.head(`/v2/refused/blobs/${wrong}`)).status).toBe(404);
    expect(await openUploadKeys(client, bucket)).toEqual([]);
    expect(await objectKeys(client, bucket, `${repositories}/refused/`)).toEqual([]);
  });

  it('cancels a session with its multipart upload', async () => {
    const reply = await api.patch(await api.startUpload('cancelled'), noise(12 * mebibyte, 51));
    expect(await openUploadKeys(client, bucket)).toHaveLength(1);
    expect((await api.delete(locationOf(reply))).status).toBe(204);
    expect(await openUploadKeys(client, bucket)).toEqual([]);
    expect(await objectKeys(client, bucket, `${repositories}/cancelled/`)).toEqual([]);
    expect((await api.get(locationOf(reply))).status).toBe(404);
  });

  it('mounts and deletes blobs', async () => {
    const digest = await api.pushBlob('mount/from', noise(6 * mebibyte, 61));
    const mounted = await api.send(
      'POST',
      `/v2/mount/to/blobs/uploads/?mount=${digest}&from=mount/from`,
      { body: '' },
    );
    expect(mounted.status).toBe(201);
    expect((await api.delete(`/v2/mount/from/blobs/${digest}`)).status).toBe(202);
    expect((await api.head(`/v2/mount/from/blobs/${digest}`)).status).toBe(404);
    expect(digestOf(await pulled('mount/to', digest))).toBe(digest);
  });

  it('lists tags and repositories page by page', async () => {
    const tags = ['v1', 'v1-alpine', 'v1.2', 'v10', 'v2'];
    for (const tag of tags) {
      await api.pushImage('paged/a', tag);
    }
    await api.pushImage('paged/a-b', 'x');
    await api.pushImage('paged/a/c', 'x');
    const seen: string[] = [];
    for (let next: string | undefined = '/v2/paged/a/tags/list?n=2'; next !== undefined; ) {
      const reply = await api.get(next);
      expect(reply.status, reply.text).toBe(200);
      seen.push(...(reply.json() as { tags: string[] }).tags);
      next = nextPage(reply);
    }
    expect(seen).toEqual(tags);
    const catalog: string[] = [];
    for (let next: string | undefined = '/v2/_catalog?n=1'; next !== undefined; ) {
      const reply = await api.get(next);
      catalog.push(...(reply.json() as { repositories: string[] }).repositories);
      next = nextPage(reply);
    }
    expect(catalog.filter((name) => name.startsWith('paged/'))).toEqual([
      'paged/a',
      'paged/a/c',
      'paged/a-b',
    ]);
  });

  it('keeps manifests, moves and deletes tags, and lists referrers', async () => {
    const first = await api.pushImage('manifests', 'latest');
    const second = await api.pushImage('manifests', 'latest', { annotations: { second: 'yes' } });
    expect((await api.get('/v2/manifests/manifests/latest')).text).toBe(second.text);
    expect((await api.get(`/v2/manifests/manifests/${first.digest}`)).text).toBe(first.text);
    const signature = JSON.stringify(
      anImage({
        artifactType: 'application/vnd.example.signature',
        subject: aDescriptor(second.text, 'application/vnd.oci.image.manifest.v1+json'),
        config: aDescriptor('{}', emptyType),
      }),
    );
    const stored = await api.putManifest('manifests', digestOf(signature), signature);
    expect(stored.status, stored.text).toBe(201);
    expect(stored.headers['oci-subject']).toBe(second.digest);
    const referrers = (await api.get(`/v2/manifests/referrers/${second.digest}`)).json() as {
      manifests: { digest: string }[];
    };
    expect(referrers.manifests.map(({ digest }) => digest)).toEqual([digestOf(signature)]);
    expect((await api.delete('/v2/manifests/manifests/latest')).status).toBe(202);
    expect((await api.get('/v2/manifests/manifests/latest')).status).toBe(404);
    expect((await api.delete(`/v2/manifests/manifests/${second.digest}`)).status).toBe(202);
    expect((await api.get(`/v2/manifests/manifests/${second.digest}`)).status).toBe(404);
  });

  it('sends GET and HEAD to URLs that S3 serves', async () => {
    const content = noise(2 * mebibyte, 71);
    const digest = await api.pushBlob('redirected', content);
    const got = await api.get(`/v2/redirected/blobs/${digest}`);
    expect(got.status).toBe(307);
    const whole = await fetch(locationOf(got));
    expect(digestOf(Buffer.from(await whole.arrayBuffer()))).toBe(digest);
    const part = await fetch(locationOf(got), { headers: { range: 'bytes=5-9' } });
    expect(part.status).toBe(206);
    expect(Buffer.from(await part.arrayBuffer())).toEqual(content.subarray(5, 10));
    const headed = await api.head(`/v2/redirected/blobs/${digest}`);
    expect(headed.status).toBe(307);
    const head = await fetch(locationOf(headed), { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(head.headers.get('content-length')).toBe(String(content.length));
  });

  describe('with redirects off', () => {
    let streaming: RunningRegistry;
    let streamed: ApiClient;

    beforeAll(async () => {
      streaming = await startRegistry({
        config: {
          storage: { ...s3Storage(gateway.endpoint, bucket), redirect: { disable: true } },
        },
      });
      streamed = new ApiClient(streaming.port);
    });
    afterAll(async () => {
      streamed?.close();
      await streaming?.stop();
    });

    it('streams whole blobs and ranges of them itself', async () => {
      const content = noise(11 * mebibyte, 81);
      const digest = await api.pushBlob('streamed', content);
      const target = `/v2/streamed/blobs/${digest}`;
      const whole = await streamed.get(target);
      expect(whole.status).toBe(200);
      expect(digestOf(whole.body)).toBe(digest);
      const head = await streamed.head(target);
      expect([head.status, head.headers['content-length']]).toEqual([200, String(content.length)]);
      const middle = await streamed.get(target, { range: 'bytes=6000000-6000999' });
      expect(middle.status).toBe(206);
      expect(middle.body).toEqual(content.subarray(6_000_000, 6_001_000));
      const end = await streamed.get(target, { range: 'bytes=-7' });
      expect(end.body).toEqual(content.subarray(-7));
      const past = await streamed.get(target, { range: `bytes=${content.length}-` });
      expect(past.status).toBe(416);
    });
  });

  it('purges sessions and multipart uploads that nobody finished', async () => {
    const owned = await newBucket(client);
    const storage = s3Storage(gateway.endpoint, owned);
    const server = await startRegistry({ config: { storage } });
    const abandoned = new ApiClient(server.port);
    const kept = await abandoned.pushImage('purged', 'kept');
    await abandoned.patch(await abandoned.startUpload('purged'), noise(12 * mebibyte, 91));
    const orphan = 'docker/registry/v2/blobs/sha256/aa/aa/data';
    await client.send(new CreateMultipartUploadCommand({ Bucket: owned, Key: orphan }));
    expect(await openUploadKeys(client, owned)).toHaveLength(2);

    const config = loaded(stringify({ version: 0.1, storage }));
    const opened = await openStorage(config, silentLogger, { withWorkers: false });
    // Of any age: the limit lies a minute ahead.
    const result = await purgeUploads(opened.context, { age: -60_000, dryrun: false });
    await opened.close();
    expect(result).toEqual({ deleted: 1, errors: 0 });
    expect(await openUploadKeys(client, owned)).toEqual([]);
    expect(await objectKeys(client, owned, `${repositories}/purged/_uploads/`)).toEqual([]);
    expect((await abandoned.get('/v2/purged/manifests/kept')).text).toBe(kept.text);
    abandoned.close();
    await server.stop();
  });

  describe.each([
    ['a bucket that is not there', { bucket: 'nowhere' }, /bucket nowhere does not exist/],
    ['an unknown access key', { accesskey: 'nobody' }, /the access key is not known/],
    ['a wrong secret key', { secretkey: 'wrong' }, /the secret key does not fit/],
    [
      'an endpoint where nobody listens',
      { regionendpoint: 'http://127.0.0.1:9' },
      /127\.0\.0\.1:9/,
    ],
  ])('started with %s', (_name, changes, reason) => {
    it('says why in one line and ends with 1', async () => {
      const folder = await tempFolder();
      const file = join(folder.path, 'config.yml');
      const storage = s3Storage(gateway.endpoint, bucket, changes);
      await writeFile(
        file,
        stringify({
          version: 0.1,
          log: { level: 'error' },
          storage,
          http: { addr: '127.0.0.1:0' },
        }),
      );
      const { code, stderr } = await runLongshore(['serve', file]);
      const lines = stderr.trim().split('\n');
      expect(lines, stderr).toHaveLength(1);
      expect(lines[0]).toMatch(reason);
      expect(stderr).not.toContain('testsecret1');
      expect(code).toBe(1);
      await folder.remove();
    });
  });

  describe.skipIf(findProgram(dockerRegistryProgram) === undefined)(
    'and docker-registry on one bucket',
    () => {
      let debian: RunningDockerRegistry;
      let other: ApiClient;

      beforeAll(async () => {
        debian = await startDockerRegistry(s3Storage(gateway.endpoint, bucket));
        other = new ApiClient(debian.port);
      });
      afterAll(async () => {
        other?.close();
        await debian?.stop();
      });

      it.each([
        ['ours, read there', (): [ApiClient, ApiClient] => [api, other]],
        ['there, read by ours', (): [ApiClient, ApiClient] => [other, api]],
      ])('keep images pushed to %s', async (title, pick) => {
        const [writer, reader] = pick();
        const name = `shared/${title.split(',')[0]}`;
        const layer = noise(12 * mebibyte + 7, title.length);
        const started = await writer.startUpload(name);
        const patched = await writer.patch(started, layer);
        const closed = await writer.finishUpload(locationOf(patched), digestOf(layer));
        expect(closed.status, closed.text).toBe(201);
        const config = Buffer.from('{}');
        await writer.finishUpload(await writer.startUpload(name), digestOf(config), config);
        const manifest = JSON.stringify(anImage({ layers: [aDescriptor(layer, ociLayer)] }));
        const stored = await writer.putManifest(name, 'latest', manifest);
        expect(stored.status, stored.text).toBe(201);
        expect((await reader.get(`/v2/${name}/manifests/latest`, accepted)).text).toBe(manifest);
        expect(digestOf(await pulled(name, digestOf(layer), reader))).toBe(digestOf(layer));
        expect((await reader.get(`/v2/${name}/tags/list`)).json()).toEqual({
          name,
          tags: ['latest'],
        });
      });

      it.skipIf(findProgram('skopeo') === undefined)(
        'serve skopeo the same image, pushed to either',
        async () => {
          const folder = await tempFolder();
          const layout = join(folder.path, 'image');
          const digest = await writeOciLayout(layout, 'v1', [
            noise(12 * mebibyte, 7),
            noise(3000, 8),
          ]);
          for (const [to, from] of [
            [registry.host, debian.host],
            [debian.host, registry.host],
          ] as const) {
            const image = `skopeo/${to === registry.host ? 'ours' : 'theirs'}:v1`;
            await skopeoCopy(`oci:${layout}:v1`, `docker://${to}/${image}`);
            const back = join(folder.path, `back-${to.split(':')[1]}`);
            await skopeoCopy(`docker://${from}/${image}`, `oci:${back}:v1`);
            const index = JSON.parse(await readFile(join(back, 'index.json'), 'utf8')) as {
              manifests: { digest: string }[];
            };
            expect(index.manifests.map((entry) => entry.digest)).toEqual([digest]);
          }
          await folder.remove();
        },
        60_000,
      );
    },
  );
});

const accepted = { accept: ociManifest };

async function skopeoCopy(from: string, to: string): Promise<void> {
  await run('skopeo', [
    ...['--insecure-policy', 'copy', '--quiet', '--preserve-digests'],
    ...['--src-tls-verify=false', '--dest-tls-verify=false', from, to],
  ]);
}
