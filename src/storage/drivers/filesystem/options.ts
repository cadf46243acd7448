/** Schema of `storage.filesystem`. */

import type { Static } from 'typebox';
import { int, Type, text } from '../../../options/types.ts';

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
  },
  { description: 'Local disk.' },
);
export type FilesystemOptions = Static<typeof filesystemOptions>;
