/** The s3 driver under the shared suite, on the in-process fake with R2's rules and tiny pages. */

import { createS3Driver } from '../../../../src/storage/drivers/s3/driver.ts';
import { storageDriverSuite } from '../../../suites/storage-driver.ts';
import { S3Fake } from '../../../support/s3-fake.ts';
import { someS3Options } from '../../../support/s3-options.ts';

storageDriverSuite(
  's3aws on a strict fake',
  {
    emptyFolders: false,
    appendsToCommitted: true,
    bigChunkBytes: 10 * 1024 * 1024,
    redirectMethods: ['GET', 'HEAD'],
  },
  async () => {
    const fake = await S3Fake.start({
      equalParts: true,
      refusesChecksums: true,
      demandsContentMd5: true,
      forgetsUploads: true,
      pageSize: 7,
    });
    const options = someS3Options({
      regionendpoint: fake.endpoint,
      rootdirectory: '/some/prefix',
    });
    return {
      driver: await createS3Driver(options),
      leftovers: async () => [...fake.objects.keys(), ...fake.uploads.keys()],
      tearDown: () => fake.stop(),
    };
  },
);
