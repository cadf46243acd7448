/** Makes the blob descriptor cache that `storage.cache` asks for. */

import { describeSection } from './config/describe.ts';
import type { Config, OptionSchema } from './config/schema.ts';
import type { Logger } from './observe/logger.ts';
import type { Metrics } from './observe/metrics.ts';
import {
  type DescriptorCache,
  inMemoryDescriptorCache,
  noDescriptorCache,
} from './registry/descriptor-cache.ts';
import type { RedisState } from './storage/cache/redis-cache.ts';
import { redisOptions } from './storage/cache/redis-options.ts';

export interface OpenCache {
  readonly descriptors: DescriptorCache;
  /** Only when the cache is in Redis. */
  readonly redis?: () => RedisState;
  close(): Promise<void>;
}

/** `redis` of `/debug/vars`, in Distribution's shape and with more; `undefined` when Redis is not configured. */
export function redisVars(
  { redis }: Config,
  cache: OpenCache,
): (() => Readonly<Record<string, unknown>>) | undefined {
  if (redis.addrs.length === 0) {
    return undefined;
  }
  const options = describeSection(redis, redisOptions as unknown as OptionSchema);
  return () => {
    const { open, commands, pendingClears } = cache.redis?.() ?? unusedRedis;
    return {
      Config: options,
      // Distribution: open ones that are not idle. Each carries many commands here.
      Active: Math.min(open, commands),
      // Not in Distribution.
      Open: open,
      Commands: commands,
      PendingDeletes: pendingClears,
    };
  };
}

const unusedRedis: RedisState = { open: 0, commands: 0, pendingClears: 0 };

export async function createCache(
  config: Config,
  metrics: Metrics,
  logger: Logger,
): Promise<OpenCache> {
  const { blobdescriptor, blobdescriptorsize } = config.storage.cache;
  const observer = { request: () => metrics.cacheRequest(), hit: () => metrics.cacheHit() };
  const close = (): Promise<void> => Promise.resolve();
  switch (blobdescriptor) {
    case 'inmemory':
      return { descriptors: inMemoryDescriptorCache(blobdescriptorsize, observer), close };
    case 'redis':
      return await createRedisCache(config, metrics, logger);
    default:
      return { descriptors: noDescriptorCache, close };
  }
}

async function createRedisCache(
  { redis }: Config,
  metrics: Metrics,
  logger: Logger,
): Promise<OpenCache> {
  // Loaded only here: the client is large, and most registries do without.
  const { createRedisClient } = await import('./storage/cache/redis-client.ts');
  const { RedisDescriptorCache } = await import('./storage/cache/redis-cache.ts');
  const descriptors = new RedisDescriptorCache({
    client: await createRedisClient(redis, logger),
    retries: {
      count: Math.max(0, redis.maxretries),
      minMs: redis.minretrybackoff,
      maxMs: redis.maxretrybackoff,
    },
    observer: {
      request: () => metrics.cacheRequest(),
      hit: () => metrics.cacheHit(),
      error: () => metrics.cacheError(),
      operation: (operation, seconds) => metrics.cacheOperation(operation, seconds),
    },
    logger,
  });
  return { descriptors, redis: () => descriptors.state, close: () => descriptors.close() };
}
