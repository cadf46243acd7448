/** Signed URLs from which clients fetch blobs themselves. No call to S3: signing is local. */

import { GetObjectCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

const validSeconds = 20 * 60;

/** @param client  Made by createSigningClient, whose endpoint is the host that the URL names. */
export function signUrl(
  client: S3Client,
  bucket: string,
  key: string,
  method: 'GET' | 'HEAD',
): Promise<string> {
  const input = { Bucket: bucket, Key: key };
  return method === 'GET'
    ? getSignedUrl(client, new GetObjectCommand(input), { expiresIn: validSeconds })
    : getSignedUrl(client, new HeadObjectCommand(input), { expiresIn: validSeconds });
}
