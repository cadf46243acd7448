/**
 * Deals `maxthreads` out to the threads of a process, each of which has a driver of its own: together they never run
 * more operations than that. Fixed shares rather than a counter in common: no thread waits for another's lock.
 *
 *   main thread      a quarter   reads, lists and small chunks of uploads
 *   storage thread   a quarter   short calls and small bodies
 *   workers          the rest, in equal parts
 */

import type { FilesystemParameters } from './options.ts';

export interface ThreadShares {
  readonly main: FilesystemParameters;
  readonly storageThread: FilesystemParameters;
  readonly worker: FilesystemParameters;
}

/** Each thread gets 1 at least, so more workers than half of `maxthreads` raise the sum. */
export function shareThreads(options: FilesystemParameters, workers: number): ThreadShares {
  const quarter = Math.max(1, Math.floor(options.maxthreads / 4));
  const left = options.maxthreads - 2 * quarter;
  const share = (maxthreads: number): FilesystemParameters => ({ ...options, maxthreads });
  return {
    main: share(quarter),
    storageThread: share(quarter),
    worker: share(Math.max(1, Math.floor(left / workers))),
  };
}
