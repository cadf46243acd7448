/** Schema of the `storage` section: one driver, and what holds for every driver. */

import type { Static } from 'typebox';
import { bool, choice, duration, int, optional, Type } from '../options/types.ts';
import { azureOptions } from './drivers/azure/options.ts';
import { filesystemOptions } from './drivers/filesystem/options.ts';
import { gcsOptions } from './drivers/gcs/options.ts';
import { memoryOptions } from './drivers/memory/options.ts';
import { s3Options } from './drivers/s3/options.ts';

const hour = 3_600_000;

export const maintenanceOptions = Type.Object(
  {
    uploadpurging: Type.Object(
      {
        enabled: bool({ description: 'Removes abandoned uploads.', default: true }),
        age: duration({
          description: 'Uploads older than this are removed.',
          default: 168 * hour,
          minimumMs: 0,
        }),
        interval: duration({
          description: 'Time between runs.',
          default: 24 * hour,
          minimumMs: 1000,
        }),
        dryrun: bool({ description: 'Only logs what would be removed.', default: false }),
      },
      {
        description:
          'Removal of abandoned uploads. When given and enabled, age, interval and dryrun must all be present.',
      },
    ),
    readonly: Type.Object(
      {
        enabled: bool({
          description:
            'Refuses all writes with 405, and writes nothing for those who read. Uploads are purged all the same.',
          default: false,
        }),
      },
      { description: 'Read-only mode.' },
    ),
  },
  { description: 'Maintenance.' },
);
export type MaintenanceOptions = Static<typeof maintenanceOptions>;

export const cacheOptions = Type.Object(
  {
    blobdescriptor: optional(
      choice(['inmemory', 'redis'], {
        description: 'Cache of blob descriptors. Absent = none.',
        aliases: ['layerinfo'],
      }),
    ),
    blobdescriptorsize: int({
      description: 'Entries of the inmemory cache; 0 = no limit.',
      default: 10_000,
      loose: true,
    }),
  },
  { description: 'Blob descriptor cache.' },
);
export type CacheOptions = Static<typeof cacheOptions>;

export const storageOptions = Type.Object(
  {
    filesystem: optional(filesystemOptions),
    inmemory: optional(memoryOptions),
    s3: optional(s3Options),
    azure: optional(azureOptions),
    gcs: optional(gcsOptions),
    maintenance: maintenanceOptions,
    delete: Type.Object(
      {
        enabled: bool({
          description: 'Allows deletion of manifests, tags and blobs.',
          default: false,
        }),
      },
      { description: 'Deletion through the API.' },
    ),
    redirect: Type.Object(
      {
        disable: bool({
          description: 'Blobs are always sent by the registry, never by a redirect to the store.',
          default: false,
        }),
      },
      { description: 'Redirects to the store.' },
    ),
    cache: cacheOptions,
    tag: Type.Object(
      {
        concurrencylimit: int({
          description: 'Tag lookups that run at a time for one request; 0 = one per core.',
          default: 0,
          minimum: 0,
        }),
      },
      { description: 'Tag lookup.' },
    ),
  },
  { description: 'Where data is kept: exactly one driver.' },
);
export type StorageOptions = Static<typeof storageOptions>;
