/**
 * Paths to object keys and back. Keys are Distribution's, so that both programs can work on one bucket; ours besides
 * are the `.s3upload` objects, which Distribution passes over.
 */

/** Ends the key of the object that keeps an unfinished upload's state (upload-state.ts). */
export const stateSuffix = '.s3upload';

export interface Keys {
  /** `/docker/x` -> `root/docker/x`. */
  of(path: string): string;
  /** The prefix of everything below a directory, ending in `/`; empty for the bucket's root. */
  below(path: string): string;
}

export function createKeys(root: string): Keys {
  const of = (path: string): string => `${root}${path}`.replace(/^\/+|\/+$/g, '');
  return {
    of,
    below(path: string): string {
      const key = of(path);
      return key === '' ? '' : `${key}/`;
    },
  };
}

/** `x-amz-copy-source`: S3 decodes it, so everything but the slashes is escaped. */
export function copySource(bucket: string, key: string): string {
  return `${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;
}
