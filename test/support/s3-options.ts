/** Options of `storage.s3` as the config room would hand them over, for a test server: path style, static keys. */

import { randomUUID } from 'node:crypto';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { Secret } from '../../src/options/secret.ts';
import type { S3Options } from '../../src/storage/drivers/s3/options.ts';

const mebibyte = 1024 * 1024;

export function someS3Options(changes: Partial<S3Options> = {}): S3Options {
  return {
    bucket: 'registry',
    regionendpoint: 'http://127.0.0.1:1',
    forcepathstyle: true,
    accesskey: new Secret('testaccess'),
    secretkey: new Secret('testsecret1'),
    encrypt: false,
    secure: true,
    skipverify: false,
    v4auth: true,
    chunksize: 5 * mebibyte,
    multipartcopychunksize: 32 * mebibyte,
    multipartcopymaxconcurrency: 100,
    rootdirectory: '',
    storageclass: 'STANDARD',
    objectacl: 'private',
    usedualstack: false,
    accelerate: false,
    usefipsendpoint: false,
    loglevel: 'off',
    ...changes,
  };
}

/** A plain SDK client on the same server, to look at what the driver did. Destroy it after use. */
export function plainClient(endpoint: string): S3Client {
  return new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'testaccess', secretAccessKey: 'testsecret1' },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}

/** Makes a bucket of its own for a test. */
export async function newBucket(client: S3Client): Promise<string> {
  const bucket = `test-${randomUUID()}`;
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  return bucket;
}
