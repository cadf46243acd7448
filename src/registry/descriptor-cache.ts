/**
 * The blob descriptor cache (`storage.cache`): facts of blobs by repository. Scoped to repositories, holds blobs only
 * (never manifests) and is never an authority for writes: a cache that is down means slower, not wrong.
 */

import { LRUCache } from 'lru-cache';
import type { Digest } from '../oci/digest.ts';
import type { RepositoryName } from '../oci/reference.ts';

export interface BlobFacts {
  /** Digest under which the bytes are stored: SHA-256, also when another algorithm was asked for. */
  readonly digest: Digest;
  readonly sizeBytes: number;
}

export interface DescriptorCache {
  get(name: RepositoryName, digest: Digest): Promise<BlobFacts | undefined> | BlobFacts | undefined;
  set(name: RepositoryName, digest: Digest, facts: BlobFacts): void;
  /** Forgets; resolves when done or given up. */
  delete(name: RepositoryName, digest: Digest): Promise<void> | void;
}

export const noDescriptorCache: DescriptorCache = {
  get: () => undefined,
  set: () => {},
  delete: () => {},
};

/** Counts lookups for the metrics. */
export interface CacheObserver {
  request(): void;
  hit(): void;
}

/** What a Map and an LRUCache have in common. */
interface Entries {
  get(key: string): BlobFacts | undefined;
  set(key: string, facts: BlobFacts): unknown;
  delete(key: string): unknown;
}

/** `size` 0 = the configured "no limit": bounded by memory alone, as the operator asked. */
export function inMemoryDescriptorCache(size: number, observer: CacheObserver): DescriptorCache {
  const entries: Entries =
    size > 0 ? new LRUCache<string, BlobFacts>({ max: size }) : new Map<string, BlobFacts>();
  const key = (name: RepositoryName, digest: Digest): string => `${name}@${digest}`;
  return {
    get(name, digest): BlobFacts | undefined {
      observer.request();
      const facts = entries.get(key(name, digest));
      if (facts !== undefined) {
        observer.hit();
      }
      return facts;
    },
    set(name, digest, facts): void {
      entries.set(key(name, digest), facts);
    },
    delete(name, digest): void {
      entries.delete(key(name, digest));
    },
  };
}
