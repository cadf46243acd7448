/**
 * Bytes of manifests by digest, bounded by their sum. Content never changes under a digest, so an entry is never
 * stale; whether a repository may see it is always asked of storage.
 */

import { LRUCache } from 'lru-cache';
import { ownBytes } from '../kept.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';

export interface StoredManifest {
  /** SHA-256 of the bytes. */
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Buffer;
  /** What it points to, for notifications and checks. */
  readonly references: readonly Descriptor[];
  /** False when it may point to more than `references`. */
  readonly isWhole: boolean;
}

/** Bytes of manifests kept; the parsed references come on top, about as much again. */
export const manifestCacheBytes: number = 16 * 1024 * 1024;

export class ManifestCache {
  readonly #entries: LRUCache<Digest, StoredManifest>;

  constructor(maxBytes: number = manifestCacheBytes) {
    this.#entries = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: (manifest): number => manifest.bytes.length + 512,
    });
  }

  get(digest: Digest): StoredManifest | undefined {
    return this.#entries.get(digest);
  }

  set(manifest: StoredManifest): void {
    this.#entries.set(manifest.digest, { ...manifest, bytes: ownBytes(manifest.bytes) });
  }
}
