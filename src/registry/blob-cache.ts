/**
 * Bytes of small blobs by digest (image configs, mostly: every pull of an image reads one), bounded by their sum.
 * As with manifests, content never changes under a digest, and whether a repository may see it is asked of storage.
 */

import { LRUCache } from 'lru-cache';
import { ownBytes } from '../kept.ts';
import type { Digest } from '../oci/digest.ts';

/** Larger blobs are streamed. */
export const maxCachedBlobBytes: number = 32 * 1024;
export const blobCacheBytes: number = 8 * 1024 * 1024;

export class BlobCache {
  readonly #entries: LRUCache<Digest, Buffer>;

  constructor(maxBytes: number = blobCacheBytes) {
    this.#entries = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: (bytes): number => bytes.length + 128,
    });
  }

  get(digest: Digest): Buffer | undefined {
    return this.#entries.get(digest);
  }

  set(digest: Digest, bytes: Buffer): void {
    this.#entries.set(digest, ownBytes(bytes));
  }
}
