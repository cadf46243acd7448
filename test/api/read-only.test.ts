/** Read-only mode, and deletes switched off: what is refused, and how. */

import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiClient, digestOf, emptyConfig, ociManifest } from '../support/api-client.ts';
import { onBothFrontEnds } from '../support/api-suite.ts';
import { startRegistry } from '../support/registry.ts';

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
