/**
 * What every use case of this room is handed: storage, time, ids, caches, limits. Built once by compose.
 */

import type { Logger } from '../observe/logger.ts';
import type { Digest } from '../oci/digest.ts';
import type { Tag } from '../oci/reference.ts';
import type { GoRegExp } from '../options/go-regexp.ts';
import type { BodyStore } from '../storage/body-store.ts';
import type { ListEntry, StorageDriver } from '../storage/driver.ts';
import type { BlobCache } from './blob-cache.ts';
import type { BlobLocations } from './blob-locations.ts';
import type { DescriptorCache } from './descriptor-cache.ts';
import type { ManifestCache } from './manifest-cache.ts';
import type { OwnLinks } from './own-links.ts';
import type { ReferrerIndexes } from './referrers-index.ts';
import type { ReferrerScans } from './referrers-scan.ts';

export interface RegistryContext {
  readonly driver: StorageDriver;
  readonly bodies: BodyStore;
  readonly descriptors: DescriptorCache;
  readonly manifests: ManifestCache;
  readonly blobs: BlobCache;
  /** Digest that a tag had when it was last asked for: a guess that saves a round, never an answer. */
  readonly lastDigests: {
    get(key: string): Digest | undefined;
    set(key: string, digest: Digest): unknown;
  };
  /** Tags made of a directory listing, while the driver keeps that very listing. */
  readonly tagLists: WeakMap<readonly ListEntry[], readonly Tag[]>;
  readonly locations: BlobLocations;
  readonly ownLinks: OwnLinks;
  readonly referrerIndexes: ReferrerIndexes;
  readonly referrerScans: ReferrerScans;
  readonly logger: Logger;
  readonly options: RegistrySettings;
  now(): number;
  /** A new upload id: UUID version 7, lower case. */
  newId(): string;
}

export interface RegistrySettings {
  /** Nobody may push: nothing is written for those who read either. */
  readonly isReadOnly: boolean;
  readonly deleteEnabled: boolean;
  /** Parallel tag reads when a manifest's tags are looked for; at least 1. */
  readonly tagLookups: number;
  /** Bodies up to this many bytes are stored by the main thread. */
  readonly smallBodyBytes: number;
  readonly validation: ValidationSettings;
  /** Allowed manifest classes; empty = all. */
  readonly classes: readonly string[];
}

export interface ValidationSettings {
  readonly enabled: boolean;
  readonly allowUrls: readonly GoRegExp[];
  readonly denyUrls: readonly GoRegExp[];
  readonly platforms: 'all' | 'none' | 'list';
  readonly platformList: readonly { readonly architecture: string; readonly os: string }[];
}
