/** distribution-spec 1.1, category Content Discovery: end-8, end-12. */

import { beforeAll, describe, expect } from 'vitest';
import {
  aDescriptor,
  anImage,
  anIndex,
  digestOf,
  emptyConfig,
  nextPage,
  ociConfig,
  ociIndex,
  ociManifest,
} from '../support/api-client.ts';
import { onBothFrontEnds } from '../support/api-suite.ts';
import { clause } from '../support/clause.ts';

interface Listed {
  readonly digest: string;
  readonly artifactType?: string;
  readonly annotations?: unknown;
}

const name = 'conformance/discovery';
const tags = ['1', 'B', 'a', 'b', 'c'];

onBothFrontEnds('content discovery', {}, (on) => {
  beforeAll(async () => {
    await on.api.pushBlob(name, emptyConfig);
    for (const tag of tags.toReversed()) {
      await on.api.putManifest(name, tag, anImage());
    }
  });

  describe('tags', () => {
    const list = async (query = '') => {
      const reply = await on.api.get(`/v2/${name}/tags/list${query}`);
      return { reply, found: (reply.json() as { tags: string[] }).tags };
    };

    clause('end-8a.a', 'MUST', 'the tags of a repository answer 200', async () => {
      expect((await list()).reply.status).toBe(200);
    });

    clause('end-8a.b', 'MUST', 'the tags come in ASCII order', async () => {
      expect((await list()).found).toEqual(tags);
    });

    clause('end-8a.c', 'MUST', 'the body has `name` and `tags`', async () => {
      expect((await list()).reply.json()).toEqual({ name, tags });
    });

    clause('end-8b.a', 'MUST', '`n` tags come while there are as many', async () => {
      expect((await list('?n=3')).found).toEqual(tags.slice(0, 3));
      expect((await list('?n=50')).found).toEqual(tags);
    });

    clause('end-8b.b', 'MUST', 'a Link is to the next page', async () => {
      const { reply } = await list('?n=3');
      expect(reply.headers.link).toMatch(/^<[^>]+>; rel="next"$/);
      const next = await on.api.get(nextPage(reply) ?? '');
      expect((next.json() as { tags: string[] }).tags).toEqual(tags.slice(3));
    });

    clause('end-8b.c', 'MUST', 'n=0 is an empty list', async () => {
      expect((await list('?n=0')).found).toEqual([]);
    });

    clause('end-8b.d', 'MUST NOT', 'n=0 has no Link', async () => {
      expect((await list('?n=0')).reply.headers).not.toHaveProperty('link');
    });

    clause(
      'end-8b.e',
      'MUST',
      '`last` is a tag after which the list goes on, in order',
      async () => {
        expect((await list('?last=a')).found).toEqual(['b', 'c']);
        expect((await list('?n=1&last=B')).found).toEqual(['a']);
        expect((await list('?last=aa')).found).toEqual(['b', 'c']);
      },
    );
  });

  describe('referrers', () => {
    const subject = { mediaType: ociManifest, digest: digestOf('the subject'), size: 11 };
    const annotations = { 'org.example': 'kept' };
    const typed = JSON.stringify(anImage({ subject, artifactType: 'x/typed', annotations }));
    const untyped = JSON.stringify(anImage({ subject }));
    const typedIndex = JSON.stringify(anIndex([], { subject, artifactType: 'x/index' }));
    const untypedIndex = JSON.stringify(anIndex([], { subject, annotations }));
    const path = `/v2/${name}/referrers/${subject.digest}`;
    const listed = async (query = ''): Promise<Map<string, Listed>> => {
      const { manifests } = (await on.api.get(path + query)).json() as { manifests: Listed[] };
      return new Map(manifests.map((entry) => [entry.digest, entry]));
    };

    beforeAll(async () => {
      for (const text of [typed, untyped]) {
        await on.api.putManifest(name, digestOf(text), text);
      }
      for (const text of [typedIndex, untypedIndex]) {
        await on.api.putManifest(name, digestOf(text), text, ociIndex);
      }
    });

    clause('end-12a.a', 'MUST', 'the referrers answer 200', async () => {
      expect((await on.api.get(path)).status).toBe(200);
    });

    clause('end-12a.b', 'MUST NOT', 'never a 404', async () => {
      for (const nothing of [
        `/v2/${name}/referrers/${digestOf('x')}`,
        `/v2/no/where/referrers/${digestOf('x')}`,
      ]) {
        expect((await on.api.get(nothing)).status).toBe(200);
      }
    });

    clause('end-12a.c', 'MUST', 'a bad digest is a 400', async () => {
      for (const bad of ['sha256:x', 'x', 'sha256']) {
        expect((await on.api.get(`/v2/${name}/referrers/${bad}`)).status).toBe(400);
      }
    });

    clause('end-12a.d', 'MUST', 'the body is an image index of descriptors', async () => {
      const body = (await on.api.get(path)).json() as { manifests: unknown[] };
      expect(body).toMatchObject({ schemaVersion: 2, mediaType: ociIndex });
      expect(body.manifests).toHaveLength(4);
    });

    clause('end-12a.e', 'MUST', 'the Content-Type is that of an index', async () => {
      expect((await on.api.get(path)).headers['content-type']).toBe(ociIndex);
    });

    clause('end-12a.f', 'MUST', 'artifactType is the one of the manifest or index', async () => {
      const found = await listed();
      expect(found.get(digestOf(typed))?.artifactType).toBe('x/typed');
      expect(found.get(digestOf(typedIndex))?.artifactType).toBe('x/index');
    });

    clause('end-12a.g', 'MUST', 'without one it is the media type of the config', async () => {
      expect((await listed()).get(digestOf(untyped))?.artifactType).toBe(ociConfig);
    });

    clause('end-12a.h', 'MUST', 'of an index without one it is omitted', async () => {
      expect((await listed()).get(digestOf(untypedIndex))).not.toHaveProperty('artifactType');
    });

    clause('end-12a.i', 'MUST', 'annotations are included', async () => {
      const found = await listed();
      expect(found.get(digestOf(typed))?.annotations).toEqual(annotations);
      expect(found.get(digestOf(untypedIndex))?.annotations).toEqual(annotations);
    });

    clause('end-12a.j', 'MUST', 'no referrers are an empty list', async () => {
      const reply = await on.api.get(`/v2/${name}/referrers/${digestOf('lonely')}`);
      expect((reply.json() as { manifests: unknown[] }).manifests).toEqual([]);
    });

    clause('end-12a.k', 'MUST', 'a list too long for one answer goes on by Link', async () => {
      const crowded = { mediaType: ociManifest, digest: digestOf('crowded'), size: 7 };
      const texts = Array.from({ length: 3 }, (_, n) =>
        JSON.stringify(
          anImage({ subject: crowded, annotations: { filler: `${n}${'x'.repeat(2_000_000)}` } }),
        ),
      );
      for (const text of texts) {
        await on.api.putManifest(name, digestOf(text), text);
      }
      const found: string[] = [];
      for (
        let next: string | undefined = `/v2/${name}/referrers/${crowded.digest}`;
        next !== undefined;
      ) {
        const reply = await on.api.get(next);
        found.push(
          ...(reply.json() as { manifests: Listed[] }).manifests.map(({ digest }) => digest),
        );
        next = nextPage(reply);
      }
      expect(found.toSorted()).toEqual(texts.map((text) => digestOf(text)).sort());
    });

    clause('end-12b.a', 'SHOULD', 'artifactType filters', async () => {
      expect([...(await listed('?artifactType=x/typed')).keys()]).toEqual([digestOf(typed)]);
    });

    clause('end-12b.b', 'MUST', 'a filter applied is told', async () => {
      const reply = await on.api.get(`${path}?artifactType=x/typed`);
      expect(reply.headers['oci-filters-applied']).toBe('artifactType');
    });

    clause(
      'enabling.a',
      'MUST',
      'manifests listed under the fallback tag are included',
      async () => {
        const late = {
          mediaType: ociManifest,
          digest: digestOf('late subject', 'sha512'),
          size: 1,
        };
        const text = JSON.stringify(anImage({ subject: late }));
        await on.api.putManifest(name, digestOf(text), text);
        const tag = `sha512-${late.digest.slice('sha512:'.length).slice(0, 64)}`;
        await on.api.putManifest(name, tag, anIndex([aDescriptor(text, ociManifest)]), ociIndex);
        const reply = await on.api.get(`/v2/${name}/referrers/${late.digest}`);
        const { manifests } = reply.json() as { manifests: Listed[] };
        expect(manifests.map(({ digest }) => digest)).toEqual([digestOf(text)]);
      },
    );

    clause('enabling.b', 'MUST', 'every manifest pushed with a subject is included', async () => {
      expect([...(await listed()).keys()].sort()).toEqual(
        [typed, untyped, typedIndex, untypedIndex].map((text) => digestOf(text)).sort(),
      );
    });
  });
});
