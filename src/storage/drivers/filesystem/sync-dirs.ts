/**
 * Directory fsyncs, shared between the commits that run at the same time.
 *
 *   request for D, none pending      -> start one
 *   request for D, one is running    -> it may have begun before our rename: join the next one
 *   request for D, one is queued     -> it begins after our rename: join it
 */

import { closeFile, openDirectory, syncAll } from './file-calls.ts';
import { errnoOf } from './file-error.ts';

interface Pending {
  readonly running: Promise<void>;
  queued: Promise<void> | undefined;
}

export class DirectorySyncs {
  readonly #pending: Map<string, Pending> = new Map();
  readonly #syncNow: (directory: string) => Promise<void>;

  /** `syncNow` does one sync; tests hand in their own to see when it runs. */
  constructor(syncNow: (directory: string) => Promise<void> = syncDirectory) {
    this.#syncNow = syncNow;
  }

  /** Resolves once everything renamed, created or removed in `directory` before the call is on disk. */
  sync(directory: string): Promise<void> {
    const pending = this.#pending.get(directory);
    if (pending === undefined) {
      return this.#start(directory);
    }
    pending.queued ??= pending.running.then(
      () => this.#start(directory),
      () => this.#start(directory),
    );
    return pending.queued;
  }

  #start(directory: string): Promise<void> {
    const running = this.#syncNow(directory).finally(() => {
      if (this.#pending.get(directory)?.queued === undefined) {
        this.#pending.delete(directory);
      }
    });
    this.#pending.set(directory, { running, queued: undefined });
    return running;
  }
}

async function syncDirectory(directory: string): Promise<void> {
  let fd: number;
  try {
    fd = openDirectory(directory);
  } catch (error) {
    // Removed by someone meanwhile: what we put there went with it, and there is nothing left to sync.
    if (errnoOf(error) === 'ENOENT') {
      return;
    }
    throw error;
  }
  try {
    await syncAll(fd);
  } catch (error) {
    // Some network and FUSE file systems cannot sync directories, and say so with EINVAL or ENOTSUP.
    if (errnoOf(error) !== 'EINVAL' && errnoOf(error) !== 'ENOTSUP') {
      throw error;
    }
  } finally {
    closeFile(fd);
  }
}
