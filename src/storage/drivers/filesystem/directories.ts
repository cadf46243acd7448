/**
 * Makes directories when needed and knows which of them are not yet durable, so that a commit into a directory that
 * another commit has just made waits for that directory's own entry too.
 *
 * Only commits of this process are told of each other. A second process that finds a directory made an instant ago
 * relies on the file system's journal keeping the order of the two, as ext4, xfs, btrfs, zfs and NFS do.
 */

import { dirname } from 'node:path';
import { makeDirectory, renameFile } from './file-calls.ts';
import { errnoOf } from './file-error.ts';
import { DirectorySyncs, type SyncDone } from './sync-dirs.ts';

/** Names kept of directories that were there; a wrong one only costs a failed call. */
const maxKnown = 4096;
/** Directories owed a sync at a time; more pile up only when commits into ever new ones fail (a full disk). */
const maxUnsynced = 16_384;
/** A folder may be removed while a commit goes into it, also several times over. */
const maxTries = 10;

export class Directories {
  readonly #syncs: DirectorySyncs;
  readonly #known: Set<string> = new Set();
  readonly #making: Map<string, Promise<boolean>> = new Map();
  /** Being renamed to: perhaps there, perhaps not yet. */
  readonly #renaming: Set<string> = new Set();
  readonly #unsynced: UnsyncedEntries = new UnsyncedEntries();

  constructor(syncs: DirectorySyncs = new DirectorySyncs()) {
    this.#syncs = syncs;
  }

  /** Makes `directory` and its parents unless it is known to be there. True: this very call made it, so it was empty. */
  async make(directory: string): Promise<boolean> {
    if (this.#known.has(directory)) {
      return false;
    }
    const underWay = this.#making.get(directory);
    if (underWay !== undefined) {
      await underWay;
      return false;
    }
    const making = this.#create(directory).finally(() => this.#making.delete(directory));
    this.#making.set(directory, making);
    return making;
  }

  /** Drops the belief that `directory` is there, after a call found it missing. */
  forget(directory: string): void {
    this.#known.delete(directory);
  }

  /**
   * Runs `work`, which needs `directory` to be there; makes the directory first unless it is known, and again when
   * `work` finds it missing (ENOENT): someone may remove it at any time.
   */
  async within<T>(directory: string, work: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      if (!this.#known.has(directory)) {
        await this.make(directory);
      }
      try {
        return await work();
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT' || tries >= maxTries) {
          throw error;
        }
        this.forget(directory);
      }
    }
  }

  /** Renames a directory whose parents are there; its new entry counts as not yet durable. */
  async rename(from: string, to: string): Promise<void> {
    // Before the call, as in #create: whoever finds it under its new name must see the mark.
    this.#unsynced.set(to, {});
    this.#renaming.add(to);
    try {
      await renameFile(from, to);
    } catch (error) {
      this.#unsynced.delete(to);
      throw error;
    } finally {
      this.#renaming.delete(to);
    }
    this.#unsynced.delete(from);
    this.#known.delete(from);
    this.#remember(to);
  }

  /** Makes what happened in `directories` durable, with the entries of those that were only just made. */
  sync(directories: Iterable<string>): Promise<void> {
    const wanted = new Set<string>(directories);
    if (this.#unsynced.size > 0) {
      for (const directory of [...wanted]) {
        for (let child = directory; child !== dirname(child); child = dirname(child)) {
          if (this.#unsynced.get(child) !== undefined) {
            wanted.add(dirname(child));
          }
        }
      }
    }
    if (wanted.size === 0) {
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      let left = wanted.size;
      let failure: { readonly error: unknown } | undefined;
      const oneDone = (error: unknown): void => {
        if (error !== undefined) {
          failure ??= { error };
        }
        left -= 1;
        if (left === 0) {
          failure === undefined ? resolve() : reject(failure.error);
        }
      };
      for (const directory of wanted) {
        this.#syncOne(directory, oneDone);
      }
    });
  }

  #syncOne(directory: string, done: SyncDone): void {
    // All of its entries, also those that others owe: the sync takes them along.
    const settled = this.#unsynced
      .in(directory)
      .filter(([child]) => !this.#making.has(child) && !this.#renaming.has(child));
    this.#syncs.sync(directory, (error) => {
      if (error === undefined) {
        this.#unsynced.settle(settled);
      }
      done(error);
    });
  }

  async #create(directory: string): Promise<boolean> {
    const earlierMark = this.#unsynced.get(directory);
    // Before the call: as soon as the directory is there, another commit may use it and must see the mark.
    this.#unsynced.set(directory, {});
    let wasMade = false;
    try {
      wasMade = await this.#makeWithParents(directory);
    } finally {
      if (!wasMade) {
        if (earlierMark === undefined) {
          this.#unsynced.delete(directory);
        } else {
          this.#unsynced.set(directory, earlierMark);
        }
      }
    }
    this.#remember(directory);
    return wasMade;
  }

  #remember(directory: string): void {
    dropOldest(this.#known, maxKnown - 1);
    this.#unsynced.dropOldest();
    this.#known.add(directory);
  }

  async #makeWithParents(directory: string): Promise<boolean> {
    for (let tries = 1; ; tries += 1) {
      try {
        await makeDirectory(directory);
        return true;
      } catch (error) {
        if (errnoOf(error) === 'EEXIST') {
          return false;
        }
        if (errnoOf(error) !== 'ENOENT' || tries >= maxTries) {
          throw error;
        }
        const parent = dirname(directory);
        this.forget(parent);
        await this.make(parent);
      }
    }
  }
}

/**
 * Directories made or renamed here whose entry in the parent is not synced yet. The value tells one making from a later
 * one of the same name.
 */
class UnsyncedEntries {
  readonly #marks: Map<string, object> = new Map();
  readonly #byParent: Map<string, Set<string>> = new Map();

  get size(): number {
    return this.#marks.size;
  }

  get(child: string): object | undefined {
    return this.#marks.get(child);
  }

  /** Those whose entries lie in `parent`. */
  in(parent: string): (readonly [child: string, mark: object])[] {
    const found: [string, object][] = [];
    for (const child of this.#byParent.get(parent) ?? []) {
      const mark = this.#marks.get(child);
      if (mark !== undefined) {
        found.push([child, mark]);
      }
    }
    return found;
  }

  set(child: string, mark: object): void {
    this.#marks.set(child, mark);
    const parent = dirname(child);
    const siblings = this.#byParent.get(parent);
    if (siblings === undefined) {
      this.#byParent.set(parent, new Set([child]));
    } else {
      siblings.add(child);
    }
  }

  delete(child: string): void {
    this.#marks.delete(child);
    const parent = dirname(child);
    const siblings = this.#byParent.get(parent);
    siblings?.delete(child);
    if (siblings?.size === 0) {
      this.#byParent.delete(parent);
    }
  }

  /** Entries that are on disk now, unless they have been made anew meanwhile. */
  settle(entries: readonly (readonly [child: string, mark: object])[]): void {
    for (const [child, mark] of entries) {
      if (this.#marks.get(child) === mark) {
        this.delete(child);
      }
    }
  }

  dropOldest(): void {
    for (const oldest of this.#marks.keys()) {
      if (this.#marks.size <= maxUnsynced) {
        return;
      }
      this.delete(oldest);
    }
  }
}

/** Sets keep the order of insertion. */
function dropOldest(entries: Set<string>, keep: number): void {
  for (const oldest of entries.keys()) {
    if (entries.size <= keep) {
      return;
    }
    entries.delete(oldest);
  }
}

/** Waits for all, then throws the first failure: nothing is left running behind the caller's back. */
export async function allDone<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(work);
  return results.map((result) => {
    if (result.status === 'rejected') {
      throw result.reason;
    }
    return result.value;
  });
}
