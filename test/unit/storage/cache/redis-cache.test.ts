/** Against a real redis-server: Distribution's keys, and what happens when the server is gone, hangs or lies. */

import { once } from 'node:events';
import { Redis } from 'ioredis';
import { afterEach, expect, it } from 'vitest';
import { parseConfig } from '../../../../src/config/load.ts';
import { silentLogger } from '../../../../src/observe/logger.ts';
import type { Digest } from '../../../../src/oci/digest.ts';
import type { RepositoryName } from '../../../../src/oci/reference.ts';
import { RedisDescriptorCache } from '../../../../src/storage/cache/redis-cache.ts';
import { createRedisClient } from '../../../../src/storage/cache/redis-client.ts';
import type { RedisOptions } from '../../../../src/storage/cache/redis-options.ts';
import { anAuthority } from '../../../support/certificates.ts';
import { type RedisServer, startRedis } from '../../../support/redis.ts';
import { tempFolder } from '../../../support/temp-folder.ts';
import { describeWith } from '../../../support/tools.ts';

const name = 'some/repo' as RepositoryName;
const other = 'other' as RepositoryName;
const digest = `sha256:${'a'.repeat(64)}` as Digest;
const alias = `sha512:${'b'.repeat(128)}` as Digest;
const facts = { digest, sizeBytes: 1234 };

const undo: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function server(...args: Parameters<typeof startRedis>): Promise<RedisServer> {
  const made = await startRedis(...args);
  undo.push(() => made.kill());
  return made;
}

function optionsOf(section: object): RedisOptions {
  const text = JSON.stringify({ version: 0.1, storage: { inmemory: {} }, redis: section });
  const loaded = parseConfig(text, { path: 'config.yml', env: {} });
  if (!loaded.ok) throw new Error(loaded.faults.map(({ message }) => message).join('; '));
  return loaded.config.redis;
}

interface Counts {
  requests: number;
  hits: number;
  errors: number;
}

async function cacheOn(
  section: object,
  { waitReady = true } = {},
): Promise<{ cache: RedisDescriptorCache; counts: Counts }> {
  const client = await createRedisClient(optionsOf(section), silentLogger);
  const counts = { requests: 0, hits: 0, errors: 0 };
  const cache = new RedisDescriptorCache({
    client,
    retries: { count: 3, minMs: 1, maxMs: 5 },
    observer: {
      request: () => {
        counts.requests += 1;
      },
      hit: () => {
        counts.hits += 1;
      },
      error: () => {
        counts.errors += 1;
      },
      operation: () => {},
    },
    logger: silentLogger,
  });
  undo.push(() => cache.close());
  if (waitReady) await once(client, 'ready');
  return { cache, counts };
}

/** Storing goes on in the background: looks until it is there. */
async function stored(cache: RedisDescriptorCache, key: Digest = digest): Promise<object> {
  for (;;) {
    const found = await cache.get(name, key);
    if (found !== undefined) return found;
  }
}

function clientOf({ port }: RedisServer): Redis {
  const client = new Redis({ port, host: '127.0.0.1' });
  undo.push(() => client.disconnect());
  return client;
}

describeWith(['redis-server'], 'the redis descriptor cache', () => {
  it('keeps facts per repository under the keys that Distribution uses', async () => {
    const redis = await server();
    const { cache, counts } = await cacheOn({ addrs: [redis.addr] });
    expect(await cache.get(name, digest)).toBeUndefined();
    cache.set(name, digest, facts);
    expect(await stored(cache)).toEqual(facts);
    expect(await cache.get(other, digest)).toBeUndefined();
    expect(counts.hits).toBe(1);
    const raw = clientOf(redis);
    expect(await raw.smembers('repository::some/repo::blobs')).toEqual([digest]);
    expect(await raw.hget(`repository::some/repo::blobs::${digest}`, 'mediatype')).toBe(
      'application/octet-stream',
    );
    const entry = await raw.hmget(`blobs::${digest}`, 'digest', 'size', 'mediatype');
    expect(entry).toEqual([digest, '1234', 'application/octet-stream']);
    expect(await raw.ttl(`blobs::${digest}`)).toBe(-1);
  });

  it('reads what Distribution wrote, and takes a broken entry for a miss', async () => {
    const redis = await server();
    const raw = clientOf(redis);
    await raw.sadd('repository::some/repo::blobs', digest);
    await raw.hset(`blobs::${digest}`, 'digest', digest, 'size', '7', 'mediatype', 'a/b');
    await raw.hset(`repository::some/repo::blobs::${digest}`, 'mediatype', 'c/d');
    const { cache } = await cacheOn({ addrs: [redis.addr] });
    expect(await cache.get(name, digest)).toEqual({ digest, sizeBytes: 7 });
    await raw.hset(`blobs::${digest}`, 'size', 'many');
    expect(await cache.get(name, digest)).toBeUndefined();
    await raw.hset(`blobs::${digest}`, 'size', '7', 'digest', 'nonsense');
    expect(await cache.get(name, digest)).toBeUndefined();
  });

  it('a blob asked for by another algorithm is kept under both digests', async () => {
    const redis = await server();
    const { cache } = await cacheOn({ addrs: [redis.addr] });
    cache.set(name, alias, facts);
    expect(await stored(cache, alias)).toEqual(facts);
    expect(await stored(cache)).toEqual(facts);
  });

  it('forgets, and a reader that looked before the delete cannot bring the entry back', async () => {
    const redis = await server();
    const { cache } = await cacheOn({ addrs: [redis.addr] });
    cache.set(name, digest, facts);
    await stored(cache);
    await cache.delete(name, digest);
    cache.set(name, digest, facts);
    expect(await cache.get(name, digest)).toBeUndefined();
    expect(await clientOf(redis).exists(`blobs::${digest}`)).toBe(0);
  });

  it('without a server every lookup is a miss at once, and a later server is used', async () => {
    const redis = await server();
    await redis.kill();
    const { cache, counts } = await cacheOn({ addrs: [redis.addr] }, { waitReady: false });
    expect(await cache.get(name, digest)).toBeUndefined();
    expect(counts).toEqual({ requests: 1, hits: 0, errors: 1 });
    cache.set(name, digest, facts);
    expect(counts.errors).toBe(2);
    await redis.restart();
    while ((await cache.get(name, digest)) === undefined) {
      cache.set(name, digest, facts);
      await new Promise((resolve) => setImmediate(resolve));
    }
  });

  it('a delete while the server is gone is made up for when it is back', async () => {
    const redis = await server();
    const { cache } = await cacheOn({ addrs: [redis.addr] });
    cache.set(name, digest, facts);
    await stored(cache);
    await redis.kill();
    await cache.delete(name, digest);
    expect(cache.pendingClears).toBe(1);
    await redis.restart();
    const raw = clientOf(redis);
    // As a server with a disk would come back.
    await raw.sadd('repository::some/repo::blobs', digest);
    await raw.hset(`blobs::${digest}`, 'digest', digest, 'size', '1234');
    await raw.hset(`repository::some/repo::blobs::${digest}`, 'mediatype', 'a/b');
    expect(await cache.get(name, digest)).toBeUndefined();
    while ((await raw.sismember('repository::some/repo::blobs', digest)) === 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  });

  it('a server that hangs costs one limit, not one per request', async () => {
    const redis = await server();
    const { cache, counts } = await cacheOn({ addrs: [redis.addr], readtimeout: '50ms' });
    redis.signal('SIGSTOP');
    undo.push(() => redis.signal('SIGCONT'));
    expect(await cache.get(name, digest)).toBeUndefined();
    expect(counts.errors).toBe(1);
    const startedAtMs = performance.now();
    for (let lookup = 0; lookup < 50; lookup += 1) {
      await cache.get(name, digest);
    }
    expect(performance.now() - startedAtMs).toBeLessThan(10 * 50);
    expect(counts.errors).toBe(51);
  });

  it('a password that is refused shows as an error of each lookup', async () => {
    const redis = await server(['--requirepass', 'right']);
    const { cache, counts } = await cacheOn(
      { addrs: [redis.addr], password: 'wrong' },
      { waitReady: false },
    );
    for (const _ of [1, 2, 3]) {
      expect(await cache.get(name, digest)).toBeUndefined();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(counts).toEqual({ requests: 3, hits: 0, errors: 3 });
  });

  it('speaks TLS with a user of its own, and refuses a server it cannot trust', async () => {
    const folder = await tempFolder();
    undo.push(() => folder.remove());
    const ca = await anAuthority(folder.path, 'ca');
    const { certificate, key } = await ca.issue('server');
    const acl = ['--user', 'default', 'off', '--user', 'app', 'on', '>apw', '~*', '+@all'];
    const tls = ['--tls-cert-file', certificate, '--tls-key-file', key];
    const redis = await server(
      [
        '--port',
        '0',
        ...tls,
        '--tls-ca-cert-file',
        ca.certificate,
        '--tls-auth-clients',
        'no',
        ...acl,
      ],
      { portOption: '--tls-port' },
    );
    const login = { addrs: [redis.addr], username: 'app', password: 'apw' };
    const { cache } = await cacheOn({ ...login, tls: { clientcas: [ca.certificate] } });
    cache.set(name, digest, facts);
    expect(await stored(cache)).toEqual(facts);
    const stranger = await createRedisClient(
      optionsOf({ ...login, tls: { enabled: true } }),
      silentLogger,
    );
    undo.push(() => stranger.disconnect());
    const [error] = (await once(stranger, 'error')) as [Error];
    expect(error.message).toMatch(/self-signed|unable to verify|self signed/);
  });

  it('a CA file that is not there is told with its option', async () => {
    const options = optionsOf({ addrs: ['127.0.0.1:1'], tls: { rootcas: ['/no/such.pem'] } });
    await expect(createRedisClient(options, silentLogger)).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining('redis.tls.rootcas'),
    });
  });
});
