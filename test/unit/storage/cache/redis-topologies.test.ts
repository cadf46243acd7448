/** The redis cache over a cluster and over sentinels, with real servers. */

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, it, vi } from 'vitest';
import { parseConfig } from '../../../../src/config/load.ts';
import { silentLogger } from '../../../../src/observe/logger.ts';
import type { Digest } from '../../../../src/oci/digest.ts';
import type { RepositoryName } from '../../../../src/oci/reference.ts';
import { RedisDescriptorCache } from '../../../../src/storage/cache/redis-cache.ts';
import { createRedisClient } from '../../../../src/storage/cache/redis-client.ts';
import { freePort } from '../../../support/free-port.ts';
import { type RedisServer, startRedis } from '../../../support/redis.ts';
import { tempFolder } from '../../../support/temp-folder.ts';
import { describeWith } from '../../../support/tools.ts';

vi.setConfig({ testTimeout: 60_000 });

const name = 'some/repo' as RepositoryName;
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

function aDigest(fill: string): Digest {
  return `sha256:${fill.repeat(64)}` as Digest;
}

async function cacheOn(redis: object): Promise<RedisDescriptorCache> {
  const text = JSON.stringify({ version: 0.1, storage: { inmemory: {} }, redis });
  const loaded = parseConfig(text, { path: 'config.yml', env: {} });
  if (!loaded.ok) throw new Error(loaded.faults.map(({ message }) => message).join('; '));
  const client = await createRedisClient(loaded.config.redis, silentLogger);
  const cache = new RedisDescriptorCache({
    client,
    retries: { count: 3, minMs: 8, maxMs: 512 },
    observer: { request() {}, hit() {}, error() {}, operation() {} },
    logger: silentLogger,
  });
  undo.push(() => cache.close());
  // Not events.once: a server that is still starting refuses at first, which is an error event.
  await new Promise((resolve) => client.once('ready', () => resolve(undefined)));
  return cache;
}

/** Stores, and looks until it is there: storing goes on in the background. */
async function storeAndGet(cache: RedisDescriptorCache, digest: Digest): Promise<object> {
  for (;;) {
    cache.set(name, digest, { digest, sizeBytes: 5 });
    const found = await cache.get(name, digest);
    if (found !== undefined) return found;
  }
}

describeWith(['redis-server', 'redis-cli'], 'a cluster of redis', () => {
  it('keeps entries whose keys live on different nodes, and forgets them', async () => {
    const folder = await tempFolder();
    undo.push(() => folder.remove());
    const nodes: RedisServer[] = [];
    for (const number of [1, 2, 3]) {
      const node = await startRedis([
        ...['--cluster-enabled', 'yes', '--cluster-config-file', `nodes-${number}.conf`],
        ...['--dir', folder.path],
      ]);
      // At once: should the next not start, this one must not stay.
      undo.push(() => node.kill());
      nodes.push(node);
    }
    const addrs = nodes.map(({ addr }) => addr);
    await promisify(execFile)('redis-cli', ['--cluster', 'create', ...addrs, '--cluster-yes']);
    const cache = await cacheOn({ addrs });
    for (const fill of ['a', 'b', 'c', 'd', 'e', 'f']) {
      const digest = aDigest(fill);
      expect(await storeAndGet(cache, digest)).toEqual({ digest, sizeBytes: 5 });
      await cache.delete(name, digest);
      expect(await cache.get(name, digest)).toBeUndefined();
    }
    expect(cache.pendingClears).toBe(0);
  });
});

describeWith(['redis-server'], 'sentinels', () => {
  it('name the master that is used', async () => {
    const folder = await tempFolder();
    undo.push(() => folder.remove());
    const master = await startRedis(['--requirepass', 'pw']);
    undo.push(() => master.kill());
    const port = await freePort();
    const file = join(folder.path, 'sentinel.conf');
    const lines = [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${folder.path}`,
      `sentinel monitor registry 127.0.0.1 ${master.port} 1`,
      'sentinel auth-pass registry pw',
    ];
    await writeFile(file, `${lines.join('\n')}\n`);
    const sentinel = spawn('redis-server', [file, '--sentinel'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    undo.push(async () => {
      const ended = once(sentinel, 'exit');
      sentinel.kill();
      await ended;
    });
    const cache = await cacheOn({
      addrs: [`127.0.0.1:${port}`],
      mastername: 'registry',
      password: 'pw',
    });
    const digest = aDigest('a');
    expect(await storeAndGet(cache, digest)).toEqual({ digest, sizeBytes: 5 });
  });
});
