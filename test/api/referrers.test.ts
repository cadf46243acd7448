/** Referrers of a manifest. distribution-spec "Listing Referrers", "Enabling the Referrers API". */

import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type ApiClient,
  type ApiReply,
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

interface Listed {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Record<string, string>;
}

function listed(reply: ApiReply): Listed[] {
  const index = reply.json() as { schemaVersion: number; mediaType: string; manifests: Listed[] };
  expect(index).toMatchObject({ schemaVersion: 2, mediaType: ociIndex });
  return index.manifests;
}

function digests(reply: ApiReply): string[] {
  return listed(reply).map(({ digest }) => digest);
}

/** Every page, by Link. */
async function pages(api: ApiClient, first: string): Promise<{ all: Listed[]; count: number }> {
  const all: Listed[] = [];
  let count = 0;
  for (let next: string | undefined = first; next !== undefined; count++) {
    const reply = await api.get(next);
    expect(reply.status).toBe(200);
    all.push(...listed(reply));
    next = nextPage(reply);
  }
  return { all, count };
}

onBothFrontEnds('referrers', {}, (on) => {
  const repository = (name: string): string =>
    join(on.registry.root, 'docker/registry/v2/repositories', name);

  test('of what nobody refers to are an empty index, also in an unknown repository', async () => {
    const { digest } = await on.api.pushImage('ref/none', 'v1');
    for (const path of [`/v2/ref/none/referrers/${digest}`, `/v2/un/known/referrers/${digest}`]) {
      const reply = await on.api.get(path);
      expect(reply.status).toBe(200);
      expect(reply.text).toBe(`{"schemaVersion":2,"mediaType":"${ociIndex}","manifests":[]}\n`);
      expect(reply.headers['content-type']).toBe(ociIndex);
    }
  });

  test.each([
    'x',
    'sha256:abc',
    'md5:d41d8cd98f00b204e9800998ecf8427e',
    `sha256:${'A'.repeat(64)}`,
  ])('of a bad digest are a 400: %s', async (digest) => {
    const reply = await on.api.get(`/v2/ref/none/referrers/${digest}`);
    expect(reply.status).toBe(400);
    expect(reply.codes()).toEqual(['DIGEST_INVALID']);
  });

  test('are listed with size, artifact type and annotations', async () => {
    const name = 'ref/kinds';
    const { digest } = await on.api.pushImage(name, 'v1');
    const subject = { mediaType: ociManifest, digest, size: 1 };
    const annotations = { 'org.example.a': '<b>&c' };
    const withType = JSON.stringify(
      anImage({ subject, artifactType: 'application/x.sbom', annotations }),
    );
    const byConfig = JSON.stringify(anImage({ subject }));
    const index = JSON.stringify(anIndex([], { subject, artifactType: 'application/x.index' }));
    const bareIndex = JSON.stringify(anIndex([], { subject }));
    for (const [text, type] of [
      [withType, ociManifest],
      [byConfig, ociManifest],
      [index, ociIndex],
      [bareIndex, ociIndex],
    ] as const) {
      const reply = await on.api.putManifest(name, digestOf(text), text, type);
      expect(reply.headers['oci-subject']).toBe(digest);
    }
    const found = new Map(
      listed(await on.api.get(`/v2/${name}/referrers/${digest}`)).map((entry) => [
        entry.digest,
        entry,
      ]),
    );
    expect(found.get(digestOf(withType))).toEqual({
      ...aDescriptor(withType, ociManifest),
      artifactType: 'application/x.sbom',
      annotations,
    });
    expect(found.get(digestOf(byConfig))).toEqual({
      ...aDescriptor(byConfig, ociManifest),
      artifactType: ociConfig,
    });
    expect(found.get(digestOf(index))).toEqual({
      ...aDescriptor(index, ociIndex),
      artifactType: 'application/x.index',
    });
    expect(found.get(digestOf(bareIndex))).toEqual(aDescriptor(bareIndex, ociIndex));
    expect(found.size).toBe(4);
  });

  test('are filtered by artifact type, and the reply says so', async () => {
    const name = 'ref/filter';
    await on.api.pushBlob(name, emptyConfig);
    const digest = digestOf('a subject');
    const subject = { mediaType: ociManifest, digest, size: 1 };
    const texts = ['one', 'two', 'two'].map((kind, index) =>
      JSON.stringify(
        anImage({ subject, artifactType: `x/${kind}`, annotations: { n: `${index}` } }),
      ),
    );
    for (const text of texts) {
      await on.api.putManifest(name, digestOf(text), text);
    }
    const two = await on.api.get(`/v2/${name}/referrers/${digest}?artifactType=x%2Ftwo`);
    expect(two.headers['oci-filters-applied']).toBe('artifactType');
    expect(digests(two)).toEqual(
      texts
        .slice(1)
        .map((text) => digestOf(text))
        .sort(),
    );
    const none = await on.api.get(`/v2/${name}/referrers/${digest}?artifactType=x/three`);
    expect(none.status).toBe(200);
    expect(digests(none)).toEqual([]);
    const all = await on.api.get(`/v2/${name}/referrers/${digest}`);
    expect(all.headers).not.toHaveProperty('oci-filters-applied');
    expect(digests(all)).toHaveLength(3);
  });

  test.each(['sha384', 'sha512'])('of a subject named by %s are found by it', async (algorithm) => {
    const name = 'ref/long';
    await on.api.pushBlob(name, emptyConfig);
    const digest = digestOf(`a subject ${algorithm}`, algorithm);
    const text = JSON.stringify(anImage({ subject: { mediaType: ociManifest, digest, size: 1 } }));
    const own = digestOf(text, algorithm);
    expect((await on.api.putManifest(name, own, text)).headers['oci-subject']).toBe(digest);
    expect(digests(await on.api.get(`/v2/${name}/referrers/${digest}`))).toEqual([own]);
  });

  test('a deleted referrer is listed no more, one pushed again is', async () => {
    const name = 'ref/deleted';
    await on.api.pushBlob(name, emptyConfig);
    const digest = digestOf('subject of the deleted');
    const text = JSON.stringify(anImage({ subject: { mediaType: ociManifest, digest, size: 1 } }));
    const path = `/v2/${name}/referrers/${digest}`;
    await on.api.putManifest(name, 'tagged', text);
    expect(digests(await on.api.get(path))).toEqual([digestOf(text)]);
    await on.api.delete(`/v2/${name}/manifests/tagged`);
    expect(digests(await on.api.get(path))).toEqual([digestOf(text)]);
    await on.api.delete(`/v2/${name}/manifests/${digestOf(text)}`);
    expect(digests(await on.api.get(path))).toEqual([]);
    await on.api.putManifest(name, digestOf(text), text);
    expect(digests(await on.api.get(path))).toEqual([digestOf(text)]);
  });

  test('outlive the deletion of their subject', async () => {
    const name = 'ref/orphans';
    const { digest } = await on.api.pushImage(name, 'v1');
    const text = JSON.stringify(anImage({ subject: { mediaType: ociManifest, digest, size: 1 } }));
    await on.api.putManifest(name, digestOf(text), text);
    await on.api.delete(`/v2/${name}/manifests/${digest}`);
    expect(digests(await on.api.get(`/v2/${name}/referrers/${digest}`))).toEqual([digestOf(text)]);
  });

  describe('under the fallback tag', () => {
    test.each(['sha256', 'sha512'])(
      'are merged in once each, for a subject by %s',
      async (algorithm) => {
        const name = `ref/fallback-${algorithm}`;
        await on.api.pushBlob(name, emptyConfig);
        const digest = digestOf('subject of the fallback', algorithm);
        const subject = { mediaType: ociManifest, digest, size: 1 };
        const indexed = JSON.stringify(anImage({ subject, artifactType: 'x/indexed' }));
        const bare = JSON.stringify(
          anImage({ artifactType: 'x/bare', annotations: { listed: 'only' } }),
        );
        await on.api.putManifest(name, digestOf(indexed), indexed);
        await on.api.putManifest(name, digestOf(bare), bare);
        const [, encoded = ''] = digest.split(':');
        const index = anIndex([aDescriptor(indexed, ociManifest), aDescriptor(bare, ociManifest)]);
        const tag = `${algorithm}-${encoded.slice(0, 64)}`;
        expect((await on.api.putManifest(name, tag, index, ociIndex)).status).toBe(201);
        const found = listed(await on.api.get(`/v2/${name}/referrers/${digest}`));
        expect(found.map((entry) => entry.digest)).toEqual(
          [digestOf(indexed), digestOf(bare)].sort(),
        );
        expect(found.map((entry) => entry.artifactType).sort()).toEqual(['x/bare', 'x/indexed']);
      },
    );

    test('count only while they exist', async () => {
      const name = 'ref/fallback-gone';
      await on.api.pushBlob(name, emptyConfig);
      const digest = digestOf('subject of the gone');
      const text = JSON.stringify(anImage({ artifactType: 'x/gone' }));
      await on.api.putManifest(name, digestOf(text), text);
      const index = anIndex([aDescriptor(text, ociManifest)]);
      await on.api.putManifest(name, digest.replace(':', '-'), index, ociIndex);
      expect(digests(await on.api.get(`/v2/${name}/referrers/${digest}`))).toHaveLength(1);
      await on.api.delete(`/v2/${name}/manifests/${digestOf(text)}`);
      expect(digests(await on.api.get(`/v2/${name}/referrers/${digest}`))).toEqual([]);
    });

    test('a tag that holds something else is no list', async () => {
      const name = 'ref/fallback-other';
      const digest = digestOf('subject with an image tag');
      await on.api.pushImage(name, digest.replace(':', '-'));
      expect(digests(await on.api.get(`/v2/${name}/referrers/${digest}`))).toEqual([]);
    });
  });

  test('that another registry wrote are found at the first question', async () => {
    const name = 'ref/foreign';
    await on.api.pushBlob('ref/source', emptyConfig);
    const digest = digestOf('subject elsewhere');
    const text = JSON.stringify(anImage({ subject: { mediaType: ociManifest, digest, size: 1 } }));
    await on.api.putManifest('ref/source', digestOf(text), text);
    // What a registry without the referrers API leaves: the link alone. Asking before there is anything fixes nothing.
    expect(digests(await on.api.get(`/v2/${name}/referrers/${digest}`))).toEqual([]);
    const [, hex = ''] = digestOf(text).split(':');
    const revision = join(repository(name), '_manifests/revisions/sha256', hex);
    await mkdir(revision, { recursive: true });
    await writeFile(join(revision, 'link'), digestOf(text));
    expect(digests(await on.api.get(`/v2/${name}/referrers/${digest}`))).toEqual([digestOf(text)]);
    const index = join(repository(name), '_manifests/referrers');
    expect(await readdir(index)).toContain('complete');
  });

  test('in their thousands come by pages, each once', async () => {
    const name = 'ref/many';
    const digest = digestOf('a popular subject');
    const [, hex = ''] = digest.split(':');
    await on.api.pushImage(name, 'v1');
    await on.api.get(`/v2/${name}/referrers/${digest}`);
    const folder = join(repository(name), '_manifests/referrers/sha256', hex);
    await mkdir(folder, { recursive: true });
    const expected = Array.from({ length: 2500 }, (_, index) =>
      digestOf(`referrer ${index}`),
    ).sort();
    await Promise.all(
      expected.map((referrer, index) =>
        writeFile(
          join(folder, referrer.replace(':', '-')),
          JSON.stringify({
            mediaType: ociManifest,
            digest: referrer,
            size: 1,
            artifactType: `x/${index % 5}`,
          }),
        ),
      ),
    );
    const { all, count } = await pages(on.api, `/v2/${name}/referrers/${digest}`);
    expect(count).toBe(3);
    expect(all.map((entry) => entry.digest)).toEqual(expected);
    const filtered = await pages(on.api, `/v2/${name}/referrers/${digest}?artifactType=x/3`);
    expect(filtered.all).toHaveLength(500);
    await rm(folder, { recursive: true });
  });

  test('with large annotations come by pages that a client may read', async () => {
    const name = 'ref/large';
    await on.api.pushBlob(name, emptyConfig);
    const digest = digestOf('subject of the large');
    const subject = { mediaType: ociManifest, digest, size: 1 };
    for (let index = 0; index < 6; index++) {
      const annotations = { n: `${index}`, filler: 'x'.repeat(1_500_000) };
      const text = JSON.stringify(anImage({ subject, annotations }));
      expect((await on.api.putManifest(name, digestOf(text), text)).status).toBe(201);
    }
    const first = await on.api.get(`/v2/${name}/referrers/${digest}`);
    expect(first.body.length).toBeLessThanOrEqual(4 * 1024 * 1024);
    const { all } = await pages(on.api, `/v2/${name}/referrers/${digest}`);
    expect(all).toHaveLength(6);
  });
});
