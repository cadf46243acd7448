/** Schema of `storage.s3` (also `s3aws`). Booleans and integers may be quoted, as the original's driver maps allow. */

import type { Static } from 'typebox';
import { bool, choice, int, optional, secret, Type, text } from '../../../options/types.ts';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

export const s3LogLevels = [
  'off',
  'debug',
  'debugwithsigning',
  'debugwithhttpbody',
  'debugwithrequestretries',
  'debugwithrequesterrors',
  'debugwitheventstreambody',
] as const;

export const s3Options = Type.Object(
  {
    bucket: text({ description: 'Bucket; it is never created.' }),
    region: optional(text({ description: 'AWS region. Required unless `regionendpoint` is set.' })),
    regionendpoint: optional(
      text({ description: 'Endpoint of an S3-compatible service, with or without scheme.' }),
    ),
    forcepathstyle: bool({
      description: 'Bucket in the path instead of the host name; most custom endpoints need it.',
      default: false,
      loose: true,
    }),
    accesskey: optional(
      secret({
        description: 'Access key. Absent with `secretkey` = the AWS SDK’s credential chain.',
      }),
    ),
    secretkey: optional(secret({ description: 'Secret key of `accesskey`.' })),
    encrypt: bool({
      description: 'Server-side encryption: AES256, or KMS with `keyid`.',
      default: false,
      loose: true,
    }),
    keyid: optional(text({ description: 'KMS key id, used with `encrypt`.' })),
    secure: bool({
      description: 'https for an endpoint given without scheme.',
      default: true,
      loose: true,
    }),
    skipverify: bool({
      description: 'The endpoint’s certificate is not checked.',
      default: false,
      loose: true,
    }),
    v4auth: bool({
      description: 'Signature version 4; false (version 2) is refused at start.',
      default: true,
      loose: true,
    }),
    chunksize: int({
      description: 'Part size of multipart uploads in bytes; also the memory of a running upload.',
      default: 10 * MiB,
      minimum: 5 * MiB,
      maximum: 5 * GiB,
      loose: true,
    }),
    multipartcopychunksize: int({
      description: 'Part size of multipart copies in bytes.',
      default: 32 * MiB,
      minimum: 5 * MiB,
      maximum: 5 * GiB,
      loose: true,
    }),
    multipartcopymaxconcurrency: int({
      description: 'Part copies that run at a time, per copied blob.',
      default: 100,
      minimum: 1,
      loose: true,
    }),
    multipartcopythresholdsize: optional(
      int({
        description:
          'Blobs of up to this many bytes are copied in one request. Absent = 33554432, on Ceph 5368709120.',
        minimum: 0,
        maximum: 5 * GiB,
        loose: true,
      }),
    ),
    rootdirectory: text({ description: 'Prefix of all keys.', default: '' }),
    storageclass: choice(
      [
        'NONE',
        'STANDARD',
        'REDUCED_REDUNDANCY',
        'STANDARD_IA',
        'ONEZONE_IA',
        'INTELLIGENT_TIERING',
        'OUTPOSTS',
        'GLACIER_IR',
        'EXPRESS_ONEZONE',
      ],
      {
        description: 'Storage class of new objects; NONE sends no header.',
        default: 'STANDARD',
        ignoreCase: true,
      },
    ),
    objectacl: choice(
      [
        'private',
        'public-read',
        'public-read-write',
        'authenticated-read',
        'aws-exec-read',
        'bucket-owner-read',
        'bucket-owner-full-control',
      ],
      { description: 'Canned ACL of new objects.', default: 'private' },
    ),
    useragent: optional(text({ description: 'Text added to the user agent of requests.' })),
    usedualstack: bool({ description: 'AWS dual-stack endpoints.', default: false, loose: true }),
    accelerate: bool({ description: 'S3 transfer acceleration.', default: false, loose: true }),
    usefipsendpoint: bool({ description: 'AWS FIPS endpoints.', default: false, loose: true }),
    redirectendpoint: optional(
      text({
        description:
          'Scheme and host of the signed download URLs, when clients reach the store under another name.',
      }),
    ),
    loglevel: choice(s3LogLevels, {
      description: 'Log of requests to the store.',
      default: 'off',
      ignoreCase: true,
    }),
  },
  { description: 'Amazon S3 and compatible services.', aliases: ['s3aws'] },
);
export type S3Options = Static<typeof s3Options>;
