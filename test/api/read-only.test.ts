/** Read-only mode, and deletes switched off: what is refused, and how. */

import { chmod, cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  ApiClient,
  aDescriptor,
  anImage,
  anIndex,
  digestOf,
  emptyConfig,
  locationOf,
  ociIndex,
  ociManifest,
} from '../support/api-client.ts';
import { onBothFrontEnds } from '../support/api-suite.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { startWithoutRootRights } from '../support/launch.ts';
import { frontEnds, startRegistry } from '../support/registry.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';
import { describeWith } from '../support/tools.ts';
import { treeFacts } from '../support/tree-facts.ts';

let root = '';
let digest = '';

beforeAll(async () => {
  const registry = await startRegistry();
  const api = new ApiClient(registry.port);
  ({ digest } = await api.pushImage('ro/image', 'v1'));
  api.close();
  root = await mkdtemp(join(tmpdir(), 'longshore-test-'));
  await cp(registry.root, root, { recursive: true });
  await registry.stop();
});
afterAll(() => rm(root, { recursive: true, force: true }));

const readOnly = { storage: { maintenance: { readonly: { enabled: true } } } };

onBothFrontEnds(
  'read-only',
  () => ({ config: readOnly, root }),
  (on) => {
    test.each([
      '/v2/',
      '/v2/_catalog',
      '/v2/ro/image/tags/list',
      '/v2/ro/image/manifests/v1',
      `/v2/ro/image/blobs/${digestOf(emptyConfig)}`,
      `/v2/ro/image/referrers/${digestOf('x')}`,
    ])('GET and HEAD of %s go on', async (path) => {
      expect((await on.api.get(path)).status).toBe(200);
      expect((await on.api.head(path)).status).toBe(200);
    });

    test.each([
      ['PUT', '/v2/ro/image/manifests/v2'],
      ['DELETE', '/v2/ro/image/manifests/v1'],
      ['DELETE', `/v2/ro/image/blobs/${digestOf(emptyConfig)}`],
      ['POST', '/v2/ro/image/blobs/uploads/'],
      ['PATCH', '/v2/ro/image/blobs/uploads/some-id'],
      ['PUT', '/v2/ro/image/blobs/uploads/some-id'],
      ['DELETE', '/v2/ro/image/blobs/uploads/some-id'],
    ])('%s %s is a 405', async (method, path) => {
      const reply = await on.api.send(method, path, {
        headers: { 'content-type': ociManifest },
        body: '{}',
      });
      expect(reply.status).toBe(405);
      expect(reply.headers.allow).toBe('GET, HEAD');
      expect(reply.codes()).toEqual(['UNSUPPORTED']);
    });

    test('nothing was changed', async () => {
      const reply = await on.api.get('/v2/ro/image/manifests/v1');
      expect(reply.headers['docker-content-digest']).toBe(digest);
    });
  },
);

onBothFrontEnds(
  'without deletes',
  { config: { storage: { delete: { enabled: false } } } },
  (on) => {
    test('pushes go on and deletes are a 405', async () => {
      const image = await on.api.pushImage('keep/image', 'v1');
      const blob = digestOf(emptyConfig);
      for (const path of [
        '/v2/keep/image/manifests/v1',
        `/v2/keep/image/manifests/${image.digest}`,
        `/v2/keep/image/blobs/${blob}`,
        '/v2/keep/image/manifests/unknown',
      ]) {
        const reply = await on.api.delete(path);
        expect(reply.status).toBe(405);
        expect(reply.codes()).toEqual(['UNSUPPORTED']);
      }
      expect((await on.api.get('/v2/keep/image/manifests/v1')).text).toBe(image.text);
    });

    test('an upload can still be cancelled', async () => {
      expect((await on.api.delete(await on.api.startUpload('keep/image'))).status).toBe(204);
    });
  },
);

const image = JSON.stringify(anImage());
const subject = aDescriptor(image, ociManifest);
const referrer = JSON.stringify(anImage({ subject, artifactType: 'x/signature' }));
const fallback = JSON.stringify(anImage({ artifactType: 'x/by-tag' }));

/** An image, a referrer of it, another one by the fallback tag, and an upload under way; gives what there is to read. */
async function pushAll(port: number): Promise<string[]> {
  const api = new ApiClient(port);
  const name = 'all/kinds';
  await api.pushBlob(name, emptyConfig).catch(async () => {
    // docker-registry 2.8 knows no push in one request.
    await api.finishUpload(await api.startUpload(name), digestOf(emptyConfig), emptyConfig);
  });
  const index = anIndex([aDescriptor(fallback, ociManifest)]);
  for (const [reference, text, type] of [
    ['v1', image, ociManifest],
    [digestOf(referrer), referrer, ociManifest],
    [digestOf(fallback), fallback, ociManifest],
    [digestOf(image).replace(':', '-'), JSON.stringify(index), ociIndex],
  ] as const) {
    expect((await api.putManifest(name, reference, text, type)).status).toBe(201);
  }
  const upload = locationOf(await api.patch(await api.startUpload(name), 'the first bytes'));
  api.close();
  return [
    '/v2/',
    '/v2/_catalog',
    '/v2/_catalog?n=1',
    `/v2/${name}/tags/list`,
    `/v2/${name}/tags/list?n=1`,
    `/v2/${name}/manifests/v1`,
    `/v2/${name}/manifests/${digestOf(image)}`,
    `/v2/${name}/manifests/unknown`,
    `/v2/${name}/blobs/${digestOf(emptyConfig)}`,
    `/v2/${name}/blobs/${digestOf('unknown')}`,
    upload.startsWith('/') ? upload : new URL(upload).pathname + new URL(upload).search,
    referrersOf(image),
    `${referrersOf(image)}?artifactType=x/signature`,
    referrersOf('unknown'),
    `/v2/un/known/referrers/${digestOf(image)}`,
    '/v2/un/known/tags/list',
  ];
}

function referrersOf(text: string): string {
  return `/v2/all/kinds/referrers/${digestOf(text)}`;
}

/** Reads everything, several at a time as clients do, and judges the list of referrers. */
async function readAll(api: ApiClient, targets: readonly string[]): Promise<void> {
  for (const target of targets) {
    const replies = await Promise.all([api.get(target), api.get(target), api.head(target)]);
    for (const reply of replies) {
      expect([200, 204, 404], `${target}: ${reply.status} ${reply.text}`).toContain(reply.status);
    }
  }
  const listed = (await api.get(referrersOf(image))).json() as { manifests: object[] };
  const expected = [
    aDescriptor(referrer, ociManifest, { artifactType: 'x/signature' }),
    aDescriptor(fallback, ociManifest, { artifactType: 'x/by-tag' }),
  ];
  expect(listed.manifests).toHaveLength(2);
  expect(listed.manifests).toEqual(expect.arrayContaining(expected));
}

function warnings(log: string): string[] {
  return log.split('\n').filter((line) => / level=(warning|error) /.test(line));
}

function readers(
  start: (root: string) => Promise<{ port: number; stop(): Promise<unknown> }>,
): void {
  let original: TempFolder;
  let targets: string[];
  let folder: TempFolder;

  beforeAll(async () => {
    original = await tempFolder();
    const writer = await start(original.path);
    targets = await pushAll(writer.port);
    await writer.stop();
  });
  beforeEach(async () => {
    folder = await tempFolder();
    await cp(original.path, folder.path, { recursive: true });
  });
  afterEach(async () => {
    await setModes(folder.path, 0o755);
    await folder.remove();
  });
  afterAll(() => original.remove());

  test.each(frontEnds)('are served in read-only mode and no file is changed (%s)', async (one) => {
    const before = await treeFacts(folder.path);
    const registry = await startRegistry({ root: folder.path, config: readOnly, frontEnd: one });
    const api = new ApiClient(registry.port);
    await readAll(api, targets);
    api.close();
    expect(await registry.stop()).toBe(0);
    expect(await treeFacts(folder.path)).toEqual(before);
    expect(warnings(registry.log())).toEqual([]);
  });

  test.each([
    ['', {}, 1],
    [', in read-only mode', readOnly, 0],
  ])('are served from storage that cannot be written%s', async (_, config, told) => {
    await setModes(folder.path, 0o555);
    const command = startWithoutRootRights();
    const registry = await startRegistry({ root: folder.path, config, command });
    const api = new ApiClient(registry.port);
    await readAll(api, targets);
    await readAll(api, targets);
    api.close();
    expect(await registry.stop()).toBe(0);
    const lines = warnings(registry.log()).filter((line) => !line.includes('pushes will fail'));
    expect(lines).toHaveLength(told);
    for (const line of lines) {
      expect(line).toMatch(/index of referrers .* error=".*\(EACCES\)/);
    }
  });
}

/** Of all folders at and below `folder`. */
async function setModes(folder: string, mode: number): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) {
      await setModes(join(folder, entry.name), mode);
    }
  }
  await chmod(folder, mode);
}

describe('data of our own', () => readers((root) => startRegistry({ root })));
describeWith(['docker-registry'], 'data of docker-registry', () => readers(startDockerRegistry));
