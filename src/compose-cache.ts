/** Makes the blob descriptor cache that `storage.cache` asks for. */

import type { Config } from './config/schema.ts';
import type { Logger } from './observe/logger.ts';
import type { Metrics } from './observe/metrics.ts';
import {
  type DescriptorCache,
  inMemoryDescriptorCache,
  noDescriptorCache,
} from './registry/descriptor-cache.ts';

export interface OpenCache {
  readonly descriptors: DescriptorCache;
  close(): Promise<void>;
}

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
  return { descriptors, close: () => descriptors.close() };
}
