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

  interface RedisVars {
    readonly Config: Readonly<Record<string, unknown>>;
    readonly Active: number;
    readonly Open: number;
    readonly Commands: number;
    readonly PendingDeletes: number;
  }
  interface Vars {
    readonly registry: { readonly redis?: RedisVars };
  }

  /** `redis` of `/debug/vars`, of each process; as text too. */
  async function redisVars(
    registry: RunningRegistry,
  ): Promise<{ text: string; redis: (RedisVars | undefined)[] }> {
    const [, port] = /debug server listening 127\.0\.0\.1:(\d+)/.exec(registry.log()) ?? [];
    const text = await (await fetch(`http://127.0.0.1:${port}/debug/vars`)).text();
    const vars = JSON.parse(text) as Vars | { readonly processes: { readonly vars: Vars }[] };
    const each = 'processes' in vars ? vars.processes.map((process) => process.vars) : [vars];
    return { text, redis: each.map(({ registry: { redis } }) => redis) };
  }

  it.each([1, 2])('%i processes show their redis in /debug/vars, secrets masked', async (count) => {
    const redis = await startRedis(['--requirepass', 'hunter2']);
    undo.push(() => redis.kill());
    const { registry, api } = await start({
      storage: { cache: { blobdescriptor: 'redis' } },
      redis: { addrs: [redis.addr], password: 'hunter2', db: 3, dialtimeout: '500ms' },
      http: { addr: '127.0.0.1:0', processes: count, debug: { addr: '127.0.0.1:0' } },
    });
    const expected = {
      Config: expect.objectContaining({
        addrs: [redis.addr],
        db: 3,
        password: '***',
        dialtimeout: '500ms',
        tls: { rootcas: [], clientcas: [] },
      }),
      Active: 0,
      Open: 1,
      Commands: 0,
      PendingDeletes: 0,
    };
    await expect
      .poll(async () => (await redisVars(registry)).redis, { timeout: 10_000 })
      .toEqual(Array.from({ length: count }, () => expected));
    expect((await redisVars(registry)).text).not.toContain('hunter2');
    const digest = await api.pushBlob('repo', 'content');
    await redis.kill();
    expect((await api.delete(`/v2/repo/blobs/${digest}`)).status).toBe(202);
    const after = (await redisVars(registry)).redis;
    expect(after.map((each) => each?.PendingDeletes ?? 0).reduce((a, b) => a + b)).toBe(1);
    await expect
      .poll(async () => (await redisVars(registry)).redis.map((each) => each?.Open))
      .toEqual(Array.from({ length: count }, () => 0));
  });

  it('/debug/vars has redis when it is configured but unused, and not otherwise', async () => {
    const http = { addr: '127.0.0.1:0', debug: { addr: '127.0.0.1:0' } };
    const unused = await start({ redis: { addrs: ['127.0.0.1:1'] }, http });
    expect((await redisVars(unused.registry)).redis).toEqual([
      expect.objectContaining({ Active: 0, Open: 0 }),
    ]);
    const without = await start({ http });
    expect((await redisVars(without.registry)).redis).toEqual([undefined]);
  });
});
