/** The filesystem driver under the shared suite. What is its own is tested in the files beside this one. */

import { describe } from 'vitest';
import { createFilesystemDriver } from '../../../../src/storage/drivers/filesystem/driver.ts';
import { storageDriverSuite } from '../../../suites/storage-driver.ts';
import { openHandlesBelow } from '../../../support/open-handles.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const ways = [
  { chunksync: 'each', dirsync: 'commit' },
  { chunksync: 'commit', dirsync: 'commit' },
  { chunksync: 'each', dirsync: 'none' },
] as const;

describe.each(ways)('chunksync: $chunksync, dirsync: $dirsync', (way) => {
  storageDriverSuite(
    'filesystem',
    {
      emptyFolders: true,
      appendsToCommitted: true,
      bigChunkBytes: 10 * 1024 * 1024,
      redirectMethods: [],
    },
    async () => {
      const folder = await tempFolder();
      return {
        driver: createFilesystemDriver({
          rootdirectory: `${folder.path}/root`,
          maxthreads: 100,
          ...way,
        }),
        leftovers: () => folder.files(),
        openHandles: () => openHandlesBelow(folder.path),
        tearDown: () => folder.remove(),
      };
    },
  );
});
