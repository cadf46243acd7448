/**
 * The parts a configuration can ask for and this version does not have. Each is refused at start; none is ignored.
 * Delete a row when its part is built.
 */

import type { Draft } from './schema.ts';

export interface NotBuilt {
  /** Paths in use that need the missing part. */
  readonly uses: (draft: Draft) => readonly string[];
  readonly message: string;
}

const when = (isUsed: boolean, path: string): readonly string[] => (isUsed ? [path] : []);

export const notBuilt: readonly NotBuilt[] = [
  {
    uses: ({ storage }) => when(storage.azure !== undefined, 'storage.azure'),
    message: 'the azure storage driver is not part of this version: use filesystem or s3',
  },
  {
    uses: ({ storage }) => when(storage.gcs !== undefined, 'storage.gcs'),
    message:
      'the gcs storage driver is not part of this version: use filesystem, or s3 with GCS’s S3-compatible endpoint',
  },
  {
    uses: ({ proxy }) => when(proxy.remoteurl !== undefined, 'proxy.remoteurl'),
    message: 'pull-through caching is not part of this version: remove the proxy section',
  },
];
