/** The in-memory driver under the shared suite. */

import { createMemoryDriver } from '../../../src/storage/drivers/memory/driver.ts';
import { storageDriverSuite } from '../../suites/storage-driver.ts';

storageDriverSuite(
  'inmemory',
  {
    emptyFolders: true,
    appendsToCommitted: true,
    bigChunkBytes: 10 * 1024 * 1024,
    redirectMethods: [],
  },
  async () => ({ driver: createMemoryDriver(), tearDown: async () => {} }),
);
