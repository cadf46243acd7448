/** What a registry remembers in memory, each part bounded: all of it hints or content under its digest. */

import { LRUCache } from 'lru-cache';
import { BlobCache } from './blob-cache.ts';
import { BlobLocations } from './blob-locations.ts';
import type { RegistryContext } from './context.ts';
import { ManifestCache } from './manifest-cache.ts';
import { OwnLinks } from './own-links.ts';
import { ReferrerIndexes } from './referrers-index.ts';
import { ReferrerScans } from './referrers-scan.ts';

/** Tags whose last digest is remembered. */
const maxLastDigests = 20_000;

export function createCaches(): Pick<
  RegistryContext,
  | 'blobs'
  | 'lastDigests'
  | 'locations'
  | 'manifests'
  | 'ownLinks'
  | 'referrerIndexes'
  | 'referrerScans'
  | 'tagLists'
> {
  return {
    manifests: new ManifestCache(),
    blobs: new BlobCache(),
    locations: new BlobLocations(),
    ownLinks: new OwnLinks(),
    referrerIndexes: new ReferrerIndexes(),
    referrerScans: new ReferrerScans(),
    lastDigests: new LRUCache({ max: maxLastDigests }),
    tagLists: new WeakMap(),
  };
}
