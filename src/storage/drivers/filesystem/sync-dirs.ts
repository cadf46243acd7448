/**
 * Directory fsyncs, shared between the commits that run at the same time.
 *
 *   request for D, none running     -> start one
 *   request for D, one is running   -> it may have begun before our rename: wait for the next one, with all who ask
 *
 * By callbacks: a small push has some forty of these, and promises all the way down took more time than the calls.
 */

import { closeFile, openDirectory, syncAll } from './file-calls.ts';
import { errnoOf } from './file-error.ts';

/** Told how a sync ended: `undefined`, or what failed. Must not throw. */
export type SyncDone = (error: unknown) => void;

export class DirectorySyncs {
  /** Those for whom a sync begins when the running one has ended; there is a list while one is running. */
  readonly #queued: Map<string, SyncDone[]> = new Map();
  readonly #syncNow: (directory: string, done: SyncDone) => void;

  /** `syncNow` does one sync; tests hand in their own to see when it runs. */
  constructor(syncNow: (directory: string, done: SyncDone) => void = syncDirectory) {
    this.#syncNow = syncNow;
  }

  /** Calls `done` once everything renamed, created or removed in `directory` before the call is on disk. */
  sync(directory: string, done: SyncDone): void {
    const queued = this.#queued.get(directory);
    if (queued === undefined) {
      this.#start(directory, [done]);
    } else {
      queued.push(done);
    }
  }

  #start(directory: string, waiting: readonly SyncDone[]): void {
    const queued: SyncDone[] = [];
    this.#queued.set(directory, queued);
    this.#syncNow(directory, (error) => {
      if (queued.length > 0) {
        // Emptied, since the map may keep the list for long (slots.ts), and with it all that waited.
        this.#start(directory, queued.splice(0));
      } else {
        this.#queued.delete(directory);
      }
      for (const done of waiting) {
        done(error);
      }
    });
  }
}

function syncDirectory(directory: string, done: SyncDone): void {
  let fd: number;
  try {
    fd = openDirectory(directory);
  } catch (error) {
    // Removed by someone meanwhile: what we put there went with it, and there is nothing left to sync.
    done(errnoOf(error) === 'ENOENT' ? undefined : error);
    return;
  }
  syncAll(fd, (error) => {
    closeFile(fd);
    // Some network and FUSE file systems cannot sync directories, and say so with EINVAL or ENOTSUP.
    const isRefused = errnoOf(error) === 'EINVAL' || errnoOf(error) === 'ENOTSUP';
    done(isRefused ? undefined : (error ?? undefined));
  });
}
