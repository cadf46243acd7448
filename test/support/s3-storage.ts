/** The `storage` section for a server on a test bucket, and looks at what it left there. */

import {
  ListMultipartUploadsCommand,
  paginateListObjectsV2,
  type S3Client,
} from '@aws-sdk/client-s3';

/** Fits Distribution too. */
export function s3Storage(
  endpoint: string,
  bucket: string,
  changes: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    s3: {
      region: 'us-east-1',
      regionendpoint: endpoint,
      forcepathstyle: true,
      bucket,
      accesskey: 'testaccess',
      secretkey: 'testsecret1',
      chunksize: 5 * 1024 * 1024,
      ...changes,
    },
  };
}

/** Keys of multipart uploads that nobody finished. */
export async function openUploadKeys(client: S3Client, bucket: string): Promise<string[]> {
  const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  return (Uploads ?? []).map(({ Key = '' }) => Key);
}

export async function objectKeys(client: S3Client, bucket: string, prefix = ''): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix })) {
    keys.push(...(page.Contents ?? []).map(({ Key = '' }) => Key));
  }
  return keys;
}
