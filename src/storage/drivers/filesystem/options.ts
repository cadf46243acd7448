/** Schema of `storage.filesystem`. */

import type { Static } from 'typebox';
import { choice, int, Type, text } from '../../../options/types.ts';

export const filesystemOptions = Type.Object(
  {
    rootdirectory: text({
      description: 'Directory that holds all data.',
      default: '/var/lib/registry',
    }),
    maxthreads: int({
      description:
        'Storage calls of each process that run at a time; below 25 counts as 25. A quarter is for reads, a quarter for short calls, the rest is dealt out among the workers, at least 1 each.',
      default: 100,
      loose: true,
    }),
    chunksync: choice(['each', 'commit'], {
      description:
        'When the bytes of unfinished uploads are synced: each = before each PATCH is answered; commit = by the PUT that ends the upload, so that many small chunks cost far less, but a power cut may take unfinished uploads (never a blob).',
      default: 'each',
    }),
    dirsync: choice(['commit', 'none'], {
      description:
        'Whether directories are synced too: commit = before a push is answered, so that it survives a power cut; none = never, as Distribution: files are synced, their names are left to the file system, and a power cut may undo the last seconds of pushes and deletes (what is there is whole).',
      default: 'commit',
    }),
  },
  { description: 'Local disk.' },
);
export type FilesystemOptions = Static<typeof filesystemOptions>;
/** For who makes a driver: what is new may be left out. */
export type FilesystemParameters = Omit<FilesystemOptions, 'chunksync' | 'dirsync'> &
  Partial<Pick<FilesystemOptions, 'chunksync' | 'dirsync'>>;
