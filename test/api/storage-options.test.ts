/** Storage middleware and the redis cache as operators set them up: built program, real sockets, a real redis-server. */

import { afterEach, expect, it, vi } from 'vitest';
import { ApiClient } from '../support/api-client.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { type RunningRegistry, startRegistry } from '../support/registry.ts';
import { describeWith } from '../support/tools.ts';

vi.setConfig({ testTimeout: 60_000 });

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function start(config: object): Promise<{ registry: RunningRegistry; api: ApiClient }> {
  const registry = await startRegistry({ config: { ...config } });
  undo.push(() => registry.stop());
  const api = new ApiClient(registry.port);
  undo.push(() => api.close());
  return { registry, api };
}

const redirect = {
  storage: [{ name: 'redirect', options: { baseurl: 'https://cdn.example/mirror' } }],
};

it('redirect middleware sends GET and HEAD of blobs elsewhere, manifests stay here', async () => {
  const { api } = await start({ middleware: redirect });
  const digest = await api.pushBlob('some/repo', 'content');
  const hex = digest.slice('sha256:'.length);
  for (const reply of [
    await api.get(`/v2/some/repo/blobs/${digest}`),
    await api.head(`/v2/some/repo/blobs/${digest}`),
  ]) {
    expect(reply.status).toBe(307);
    expect(reply.headers.location).toBe(
      `https://cdn.example/mirror/docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`,
    );
  }
  await api.pushImage('some/repo', 'latest');
  expect((await api.get('/v2/some/repo/manifests/latest')).status).toBe(200);
});

it('with redirects disabled, or the entry, blobs come from the registry', async () => {
  const disabled = { storage: redirect.storage.map((entry) => ({ ...entry, disabled: true })) };
  for (const config of [
    { middleware: redirect, storage: { redirect: { disable: true } } },
    { middleware: disabled },
  ]) {
    const { api } = await start(config);
    const digest = await api.pushBlob('some/repo', 'content');
    expect((await api.get(`/v2/some/repo/blobs/${digest}`)).text).toBe('content');
  }
});

describeWith(['redis-server'], 'with the redis cache', () => {
  async function onRedis(): Promise<{ redis: RedisServer; api: ApiClient }> {
    const redis = await startRedis();
    undo.push(() => redis.kill());
    const { api } = await start({
      storage: { cache: { blobdescriptor: 'redis' } },
      redis: { addrs: [redis.addr] },
    });
    return { redis, api };
  }

  it('blobs are served and deleted while redis is gone, and stay deleted when it is back', async () => {
    const { redis, api } = await onRedis();
    const [kept, gone] = [await api.pushBlob('repo', 'kept'), await api.pushBlob('repo', 'gone')];
    const at = (digest: string): string => `/v2/repo/blobs/${digest}`;
    expect((await api.get(at(kept))).text).toBe('kept');
    await redis.kill();
    expect((await api.get(at(kept))).text).toBe('kept');
    expect((await api.delete(at(gone))).status).toBe(202);
    expect((await api.head(at(gone))).status).toBe(404);
    await redis.restart();
    expect((await api.head(at(gone))).status).toBe(404);
    expect((await api.head(at(kept))).status).toBe(200);
  });

  it('a registry starts without redis', async () => {
    const { api } = await start({
      storage: { cache: { blobdescriptor: 'redis' } },
      redis: { addrs: ['127.0.0.1:1'] },
    });
    const digest = await api.pushBlob('repo', 'content');
    expect((await api.get(`/v2/repo/blobs/${digest}`)).text).toBe('content');
  });
});
