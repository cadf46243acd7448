/** Schema of `storage.gcs`. */

import type { Static } from 'typebox';
import { int, mapOf, optional, secret, Type, text } from '../../../options/types.ts';

export const gcsOptions = Type.Object(
  {
    bucket: text({ description: 'Bucket.' }),
    keyfile: optional(
      text({ description: 'Path of a service-account JSON file; wins over `credentials`.' }),
    ),
    credentials: optional(
      mapOf(secret({ description: 'Field value.' }), {
        description:
          'Fields of a service-account JSON file. Absent with `keyfile` = default credentials.',
      }),
    ),
    rootdirectory: text({ description: 'Prefix of all object names.', default: '' }),
    chunksize: int({
      description: 'Chunk size of resumable uploads in bytes, a multiple of 256 KiB.',
      default: 16_777_216,
      minimum: 262_144,
      multipleOf: 262_144,
      loose: true,
    }),
    maxconcurrency: int({
      description: 'Storage calls that run at a time; below 25 counts as 25.',
      default: 50,
      loose: true,
    }),
    useragent: optional(text({ description: 'User agent of requests.' })),
  },
  { description: 'Google Cloud Storage. Not in this version: refused at start.' },
);
export type GcsOptions = Static<typeof gcsOptions>;
