/** The s3 driver under the shared suite, on a real Ceph radosgw. */

import { ListMultipartUploadsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { createS3Driver } from '../../../../src/storage/drivers/s3/driver.ts';
import { storageDriverSuite } from '../../../suites/storage-driver.ts';
import { radosgwMissing, startRadosgw } from '../../../support/radosgw.ts';
import { newBucket, plainClient, someS3Options } from '../../../support/s3-options.ts';

storageDriverSuite(
  's3aws on radosgw',
  {
    emptyFolders: false,
    appendsToCommitted: true,
    bigChunkBytes: 10 * 1024 * 1024,
    redirectMethods: ['GET', 'HEAD'],
  },
  async () => {
    const gateway = await startRadosgw();
    const client = plainClient(gateway.endpoint);
    const bucket = await newBucket(client);
    const options = someS3Options({ bucket, regionendpoint: gateway.endpoint });
    return {
      driver: await createS3Driver(options),
      async leftovers() {
        const objects = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
        const uploads = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
        return [...(objects.Contents ?? []), ...(uploads.Uploads ?? [])].map(({ Key }) => `${Key}`);
      },
      async tearDown() {
        client.destroy();
        await gateway.stop();
      },
    };
  },
  radosgwMissing(),
);
