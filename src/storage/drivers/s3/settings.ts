/**
 * What the s3 driver runs on: the operator's options with every default filled in, checked and plain, so that the
 * same value can be handed to a worker thread. Made by validate.ts; does no I/O.
 */

import { Secret } from '../../../options/secret.ts';
import type { S3Options } from './options.ts';

/** The name Distribution prints for both `s3` and `s3aws`. */
export const driverName = 's3aws';

export const mebibyte: number = 1024 * 1024;
/** S3's bounds: no part but the last under 5 MiB, none over 5 GiB, at most 10,000 of them. */
export const minPartBytes: number = 5 * mebibyte;
export const maxPartBytes: number = 5 * 1024 * mebibyte;
export const maxParts = 10_000;

export interface S3Settings {
  readonly bucket: string;
  readonly region: string;
  /** With scheme; absent for AWS itself. */
  readonly endpoint?: string;
  readonly forcePathStyle: boolean;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly skipVerify: boolean;
  /** PEM file of further authorities, from `AWS_CA_BUNDLE`, which Distribution's SDK knows too. */
  readonly caFile?: string;
  readonly accelerate: boolean;
  readonly dualStack: boolean;
  readonly fips: boolean;
  readonly userAgent: string;
  readonly logLevel: string;
  /** Only sent when the service demands it, unless asked. */
  readonly checksums: 'WHEN_REQUIRED' | 'WHEN_SUPPORTED';
  /** Key prefix without slashes at its ends; empty for the bucket's root. */
  readonly root: string;
  readonly chunkBytes: number;
  readonly copyPartBytes: number;
  readonly copyConcurrency: number;
  /** As the operator set it; else the server decides, see ObjectStore. */
  readonly copyThresholdBytes?: number;
  /** Headers of every object written: class, ACL and server-side encryption. */
  readonly objectHeaders: ObjectHeaders;
  /** Origin of signed download URLs, when it is not the endpoint's own. */
  readonly redirectEndpoint?: string;
}

/** Names as the SDK's put, create and copy inputs take them. */
export interface ObjectHeaders {
  readonly ACL?: string;
  readonly StorageClass?: string;
  readonly ServerSideEncryption?: string;
  readonly SSEKMSKeyId?: string;
}

/** Options that survive structured clone: the secrets are plain strings. Never log them. */
export type PortableS3Options = Omit<S3Options, 'accesskey' | 'secretkey'> & {
  readonly accesskey?: string;
  readonly secretkey?: string;
};

/** Makes options fit for `workerData` or a MessagePort. */
export function toPortable(options: S3Options): PortableS3Options {
  const { accesskey, secretkey, ...rest } = options;
  return {
    ...rest,
    ...(accesskey && { accesskey: accesskey.reveal() }),
    ...(secretkey && { secretkey: secretkey.reveal() }),
  };
}

/** The reverse of `toPortable`, on the worker's side. */
export function fromPortable(options: PortableS3Options): S3Options {
  const { accesskey, secretkey, ...rest } = options;
  return {
    ...rest,
    ...(accesskey !== undefined && { accesskey: new Secret(accesskey) }),
    ...(secretkey !== undefined && { secretkey: new Secret(secretkey) }),
  };
}
