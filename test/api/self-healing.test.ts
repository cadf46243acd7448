/**
 * What crashes of Distribution (and hands) leave in a data directory: empty, torn, newline-ended and dangling links,
 * stray files, temp files, stubs of sessions. Reads never end in a 500, and the next push mends what it touches.
 */

import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  ApiClient,
  type ApiReply,
  aDescriptor,
  anImage,
  digestOf,
  ociConfig,
  ociLayer,
} from '../support/api-client.ts';
import { type ApiUnderTest, onBothFrontEnds } from '../support/api-suite.ts';
import { startRegistry } from '../support/registry.ts';

const config = '{"a":"config"}';
const layer = 'a layer';
const manifest = JSON.stringify(
  anImage({ config: aDescriptor(config, ociConfig), layers: [aDescriptor(layer, ociLayer)] }),
);
const digests = { layer: digestOf(layer), manifest: digestOf(manifest) };
const path = (digest: string): string => digest.replace(':', '/');

const damages: readonly (readonly [string, (digest: string) => string | undefined])[] = [
  ['empty', () => ''],
  ['torn', (digest) => digest.slice(0, 20)],
  ['full of zeros', () => '\0'.repeat(71)],
  ['ended by a newline', (digest) => `${digest}\n`],
  ['dangling', () => `sha256:${'00'.repeat(32)}`],
  ['of another blob', () => digestOf(config)],
  ['not there', () => undefined],
];

let count = 0;

function tests(subject: ApiUnderTest): void {
  let name: string;
  const repository = (): string =>
    join(subject.registry.root, 'docker/registry/v2/repositories', name);
  const blobData = (digest: string): string =>
    join(
      subject.registry.root,
      'docker/registry/v2/blobs/sha256',
      digest.slice(7, 9),
      digest.slice(7),
      'data',
    );
  const links = {
    layer: () => join(repository(), '_layers', path(digests.layer), 'link'),
    revision: () => join(repository(), '_manifests/revisions', path(digests.manifest), 'link'),
    tag: () => join(repository(), '_manifests/tags/v1/current/link'),
    index: () => join(repository(), '_manifests/tags/v1/index', path(digests.manifest), 'link'),
  };

  async function push(): Promise<void> {
    expect((await tryPush()).status).toBe(201);
  }

  /** With descriptors cached, the first push may be told of a blob that is gone; never a second one. */
  async function pushUntilTaken(): Promise<void> {
    const first = await tryPush();
    if (first.status !== 201) {
      expect(first.codes()).toEqual(['MANIFEST_BLOB_UNKNOWN']);
      await push();
    }
  }

  async function tryPush(): Promise<ApiReply> {
    const { api } = subject;
    for (const blob of [config, layer]) {
      // As clients do it: asked first, sent when it is not there.
      if ((await api.head(`/v2/${name}/blobs/${digestOf(blob)}`)).status !== 200) {
        await api.pushBlob(name, blob);
      }
    }
    return api.putManifest(name, 'v1', manifest);
  }

  /** Every kind of read; gives the ones that failed as no request should. */
  async function readAll(): Promise<ApiReply[]> {
    const { api } = subject;
    const replies: ApiReply[] = [];
    for (const target of [
      `/v2/${name}/blobs/${digests.layer}`,
      `/v2/${name}/manifests/v1`,
      `/v2/${name}/manifests/${digests.manifest}`,
      `/v2/${name}/tags/list`,
      `/v2/${name}/tags/list?n=1`,
      `/v2/${name}/referrers/${digests.manifest}`,
      '/v2/_catalog',
    ]) {
      replies.push(await api.get(target), await api.head(target));
    }
    return replies;
  }

  const statuses = async (): Promise<number[]> => (await readAll()).map(({ status }) => status);

  async function expectWhole(): Promise<void> {
    const { api } = subject;
    expect((await api.get(`/v2/${name}/blobs/${digests.layer}`)).text).toBe(layer);
    expect((await api.get(`/v2/${name}/manifests/v1`)).text).toBe(manifest);
    expect((await api.get(`/v2/${name}/manifests/${digests.manifest}`)).text).toBe(manifest);
    expect((await api.get(`/v2/${name}/tags/list`)).json()).toMatchObject({ tags: ['v1'] });
  }

  beforeEach(async () => {
    count += 1;
    name = `heal/r${count}`;
    await push();
    // Until the clock of older kernels' file systems has ticked, what this process wrote looks unchanged (own-links.ts).
    await delay(10);
  });

  describe.each(Object.keys(links) as (keyof typeof links)[])('a %s link', (kind) => {
    it.each(damages)('that is %s gives no 500 and is mended by a push', async (_, damage) => {
      const file = links[kind]();
      const digest = kind === 'layer' ? digests.layer : digests.manifest;
      const content = damage(digest);
      await (content === undefined ? rm(file) : writeFile(file, content));
      for (const status of await statuses()) {
        expect([200, 404]).toContain(status);
      }
      await pushUntilTaken();
      await expectWhole();
      // A link that can be read all the same is told to be there, and a client does not send that blob again.
      expect((await readFile(file, 'latin1')).trim()).toBe(digest);
    });
  });

  it.each([
    ['GET', 'layer'],
    ['HEAD', 'layer'],
    ['GET', 'manifest'],
    ['HEAD', 'manifest'],
  ] as const)('%s of a %s whose link names another gives nothing else', async (method, kind) => {
    const other = { layer: digestOf(config), manifest: digestOf(JSON.stringify(anImage())) }[kind];
    await subject.api.pushImage(name, undefined);
    await writeFile(kind === 'layer' ? links.layer() : links.revision(), other);
    // Started anew: the server that took them may give both out of its memory.
    const { root } = subject.registry;
    const fresh = await startRegistry({ root, frontEnd: subject.frontEnd });
    const api = new ApiClient(fresh.port);
    const path = `/v2/${name}/${kind === 'layer' ? 'blobs' : 'manifests'}/${digests[kind]}`;
    expect((await api.send(method, path)).status).toBe(404);
    if (kind === 'manifest') {
      expect((await api.send(method, `/v2/${name}/manifests/v1`)).status).toBe(404);
    } else {
      const elsewhere = `/v2/${name}-mounted/blobs/uploads/?from=${name}&mount=${digests.layer}`;
      expect((await api.send('POST', elsewhere, { body: '' })).status).toBe(202);
      expect((await api.putManifest(name, 'again', manifest)).codes()).toEqual([
        'MANIFEST_BLOB_UNKNOWN',
      ]);
    }
    await pushUntilTaken();
    await expectWhole();
    expect((await api.send(method, path)).status).toBe(200);
    api.close();
    await fresh.stop();
  });

  it.each([
    ['empty', 0],
    ['cut short', 5],
  ])('a manifest whose data is %s is unknown, and mended by a push', async (_, sizeBytes) => {
    const annotations = { of: name };
    const own = JSON.stringify(anImage({ config: aDescriptor(config, ociConfig), annotations }));
    const digest = digestOf(own);
    await subject.api.putManifest(name, 'own', own);
    await truncate(blobData(digest), sizeBytes);
    // The server that took it may give it out of its memory, whole; another one has only the file.
    const { root } = subject.registry;
    const other = await startRegistry({ root, frontEnd: subject.frontEnd });
    const api = new ApiClient(other.port);
    for (const reference of [digest, 'own']) {
      const reply = await api.get(`/v2/${name}/manifests/${reference}`);
      expect(reply.status).toBe(404);
      expect(reply.codes()).toEqual(['MANIFEST_UNKNOWN']);
    }
    expect((await api.putManifest(name, 'own', own)).status).toBe(201);
    expect((await api.get(`/v2/${name}/manifests/own`)).text).toBe(own);
    expect(await readFile(blobData(digest), 'utf8')).toBe(own);
    api.close();
    await other.stop();
  });

  it('a blob whose data is gone is unknown, also when it was seen a moment ago, and mended by a push', async () => {
    const own = `blob of ${name}`;
    const digest = await subject.api.pushBlob(name, own);
    expect((await subject.api.get(`/v2/${name}/blobs/${digest}`)).text).toBe(own);
    await rm(dirname(blobData(digest)), { recursive: true });
    expect((await subject.api.get(`/v2/${name}/blobs/${digest}`)).status).toBe(404);
    expect((await subject.api.head(`/v2/${name}/blobs/${digest}`)).status).toBe(404);
    await subject.api.pushBlob(name, own);
    expect((await subject.api.get(`/v2/${name}/blobs/${digest}`)).text).toBe(own);
  });

  it('a blob cut short by a crash is replaced by the next push of it', async () => {
    const own = Buffer.from(`blob of ${name} `.repeat(20_000));
    const digest = await subject.api.pushBlob(name, own);
    await truncate(blobData(digest), 1000);
    const location = await subject.api.startUpload(name);
    const patched = await subject.api.send('PATCH', location, { body: [own] });
    const done = await subject.api.finishUpload(String(patched.headers.location), digest);
    expect(done.status).toBe(201);
    expect((await readFile(blobData(digest))).equals(own)).toBe(true);
  });

  it('stray files and folders among tags and revisions are no tags and no error', async () => {
    const tags = join(repository(), '_manifests/tags');
    await writeFile(join(tags, 'README'), 'x');
    await writeFile(join(tags, '.DS_Store'), 'x');
    await mkdir(join(tags, '-not-a-tag'));
    await mkdir(join(tags, 'lost+found'));
    await mkdir(join(tags, 'a tag with blanks'));
    await writeFile(join(repository(), '_manifests/revisions/stray'), 'x');
    await mkdir(join(repository(), '_manifests/revisions/sha256/short'));
    for (const status of await statuses()) {
      expect(status).toBe(200);
    }
    await expectWhole();
    expect((await subject.api.delete(`/v2/${name}/manifests/${digests.manifest}`)).status).toBe(
      202,
    );
    expect((await subject.api.get(`/v2/${name}/tags/list`)).text).not.toContain('v1');
  });

  it('temp files beside links are not seen', async () => {
    const id = '01234567-89ab-cdef-0123-456789abcdef';
    for (const file of [links.layer(), links.revision(), links.tag()]) {
      await writeFile(`${file}.${id}.tmp`, 'sha256:half');
    }
    await writeFile(join(repository(), `_manifests/tags/v9.${id}.tmp`), 'x');
    for (const status of await statuses()) {
      expect(status).toBe(200);
    }
    await expectWhole();
  });

  it('a stub of a session that has only a hash state is no session', async () => {
    const id = '11111111-2222-4333-8444-555555555555';
    const state = join(repository(), '_uploads', id, 'hashstates/sha256/0');
    await mkdir(dirname(state), { recursive: true });
    await writeFile(state, Buffer.alloc(108));
    const reply = await subject.api.get(`/v2/${name}/blobs/uploads/${id}`);
    expect(reply.status).toBe(404);
    expect(reply.codes()).toEqual(['BLOB_UPLOAD_UNKNOWN']);
  });

  it.each([
    ['startedat', ''],
    ['longshore', '{"sizeBytes":'],
    ['hashstates/sha256/1000', 'no state'],
  ])('a session whose %s is torn goes on', async (file, content) => {
    const { api } = subject;
    const bytes = Buffer.alloc(2000, 'x');
    const location = await api.startUpload(name);
    const first = await api.patch(location, bytes.subarray(0, 1000), { 'content-range': '0-999' });
    const id = String(first.headers['docker-upload-uuid']);
    const target = join(repository(), '_uploads', id, file);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content);
    expect((await api.get(`/v2/${name}/blobs/uploads/${id}`)).status).toBe(204);
    const second = await api.patch(String(first.headers.location), bytes.subarray(1000), {
      'content-range': '1000-1999',
    });
    expect(second.status).toBe(202);
    const done = await api.finishUpload(String(second.headers.location), digestOf(bytes));
    expect(done.status).toBe(201);
  });

  it('a tag whose folder is empty can be deleted and pushed again', async () => {
    await rm(join(repository(), '_manifests/tags/v1/current'), { recursive: true });
    expect((await subject.api.get(`/v2/${name}/manifests/v1`)).status).toBe(404);
    expect((await subject.api.delete(`/v2/${name}/manifests/v1`)).status).toBe(202);
    expect(existsSync(dirname(dirname(links.tag())))).toBe(false);
    await push();
    await expectWhole();
  });

  it('a file where a folder belongs, or a folder where a link belongs, gives no 500', async () => {
    await rm(links.layer());
    await mkdir(links.layer());
    await rm(dirname(links.revision()), { recursive: true });
    await writeFile(dirname(links.revision()), '');
    await rm(join(repository(), '_uploads'), { recursive: true, force: true });
    for (const status of await statuses()) {
      expect([200, 404]).toContain(status);
    }
  });
}

onBothFrontEnds('damaged data', {}, tests);
// With the descriptor cache on, which remembers blobs that are gone.
onBothFrontEnds(
  'damaged data, descriptors cached',
  { config: { storage: { cache: { blobdescriptor: 'inmemory' } } } },
  tests,
);
