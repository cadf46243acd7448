/** Schema of the `workers` section: how many threads hash and store upload bodies, and how much may wait for them. */

import type { Static } from 'typebox';
import { int, Type } from '../options/types.ts';

export const workersOptions = Type.Object(
  {
    count: int({
      description:
        'Worker threads of each process that hash and store upload bodies. 0 = one per core, at least 2, at most 16; with several `http.processes` the cores are dealt out among them, at least 1 each.',
      default: 0,
      minimum: 0,
      maximum: 256,
    }),
    queue: int({
      description:
        'Upload bodies that may wait for a worker, each of which moves 8 at a time; a client slower than its turn steps aside while others wait. Beyond that a client gets 503 with Retry-After.',
      default: 1024,
      minimum: 1,
    }),
    inflightbytes: int({
      description:
        'Bytes handed to workers and not yet stored, over all uploads. Beyond that sockets are paused.',
      default: 67108864,
      minimum: 1048576,
    }),
    smallbody: int({
      description:
        'Bodies of up to this many bytes are hashed and stored without a worker: by the storage thread with filesystem storage, else by the main thread.',
      default: 131072,
      minimum: 0,
      maximum: 524288,
    }),
  },
  { description: 'Worker threads for uploads (not in Distribution).' },
);
export type WorkersOptions = Static<typeof workersOptions>;
