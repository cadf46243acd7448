/**
 * Makes directories when needed and knows which of them are not yet durable, so that a commit into a directory that
 * another commit has just made waits for that directory's own entry too.
 *
 * Its calls to make and rename are made here and now, so that no two of a thread are ever under way at a time: for
 * threads that may wait for a disk (file-calls.ts).
 *
 * Only commits of this thread are told of each other. Another one, or another process, that finds a directory made an
 * instant ago relies on the file system's journal keeping the order of the two, as ext4, xfs, btrfs, zfs and NFS do.
 */

import { dirname } from 'node:path';
import {
  isMemoryDevice,
  makeDirectoryNow,
  memoryDeviceOf,
  removeDirectoryNow,
  renameNow,
} from './file-calls.ts';
import { errnoOf } from './file-error.ts';
import { DirectorySyncs, type SyncDone } from './sync-dirs.ts';

/** Directories of which something is known; those without children among them are forgotten beyond that. */
const maxKnown = 4096;
/** With those owed a sync; more pile up only when commits into ever new ones fail (a full disk). */
const maxUnsynced = 16_384;
/** So many are forgotten in one go. */
const forgottenAtOnce = 512;
/** A folder may be removed while a commit goes into it, also several times over. */
const maxTries = 10;

/** A directory as this thread knows it. One object for each path, so that parents are found without their names. */
interface Folder {
  readonly path: string;
  readonly parent: Folder | undefined;
  /** Folders known with this one as their parent. */
  children: number;
  /** A wrong belief costs a failed call. */
  isThere: boolean;
  /** Not 0: made or renamed here, and its entry in the parent is not synced yet. Tells one making from a later one. */
  debt: number;
  /** Children with a debt. */
  debtors: Set<Folder> | undefined;
  /** Its device if that lies in memory, `null` if not; `undefined`: nobody has looked. */
  memoryDevice: number | null | undefined;
}

export class Directories {
  readonly #syncs: DirectorySyncs;
  readonly #isSynced: boolean;
  readonly #folders: Map<string, Folder> = new Map();
  #lastDebt = 0;
  /** So many known at which the oldest are forgotten. */
  #tooMany = maxKnown;

  /** @param options.isSynced  False: entries are left to the file system (`dirsync: none`), and `sync` does nothing. */
  constructor({
    isSynced = true,
    syncs = new DirectorySyncs(),
  }: { isSynced?: boolean; syncs?: DirectorySyncs } = {}) {
    this.#isSynced = isSynced;
    this.#syncs = syncs;
  }

  /** Makes `directory` and its parents unless it is known to be there. True: this very call made it, so it was empty. */
  make(directory: string): boolean {
    return this.#make(this.#folder(directory));
  }

  /** Whether it is known to be there, without a look. */
  isThere(directory: string): boolean {
    return this.#folders.get(directory)?.isThere === true;
  }

  /**
   * Removes `directory`, and then its parents, as far as they were made here, are not durable yet and hold nothing: after
   * a failure they would show what never was. Another commit that counts on one of them makes it again.
   */
  removeNew(directory: string): void {
    let folder = this.#folders.get(directory);
    while (folder?.isThere && folder.debt !== 0) {
      try {
        removeDirectoryNow(folder.path);
      } catch {
        // Somebody uses it.
        return;
      }
      folder.isThere = false;
      this.#settle(folder);
      folder = folder.parent;
    }
  }

  /** Drops the belief that `directory` is there, after a call found it missing. */
  forget(directory: string): void {
    const folder = this.#folders.get(directory);
    if (folder !== undefined) {
      folder.isThere = false;
    }
  }

  /**
   * Runs `work`, which needs `directory` to be there; makes the directory first unless it is known, and again when
   * `work` finds it missing (ENOENT): someone may remove it at any time.
   */
  within<T>(directory: string, work: () => T): T {
    const folder = this.#folder(directory);
    for (let tries = 1; ; tries += 1) {
      this.#make(folder);
      try {
        return work();
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT' || tries >= maxTries) {
          throw error;
        }
        folder.isThere = false;
      }
    }
  }

  /** Renames a directory whose parents are there; its new entry counts as not yet durable. */
  rename(from: string, to: string): void {
    renameNow(from, to);
    const source = this.#folders.get(from);
    if (source !== undefined) {
      source.isThere = false;
      this.#settle(source);
    }
    this.#madeNow(this.#folder(to));
  }

  /** Whether a sync in `directory` would do nothing. */
  isInMemory(directory: string): boolean {
    return this.#isInMemory(this.#folder(directory));
  }

  /** Makes what happened in `directories` durable, with the entries of those that were only just made, if they are to be. */
  sync(directories: Iterable<string>): Promise<void> {
    const wanted = new Set<Folder>();
    for (const directory of directories) {
      const folder = this.#folder(directory);
      wanted.add(folder);
      for (let child = folder; child.parent !== undefined; child = child.parent) {
        if (child.debt !== 0) {
          wanted.add(child.parent);
        }
      }
    }
    for (const folder of wanted) {
      if (!this.#isSynced || this.#isInMemory(folder)) {
        this.#settleAll(debtsIn(folder));
        wanted.delete(folder);
      }
    }
    return wanted.size === 0 ? Promise.resolve() : this.#syncAll(wanted);
  }

  #syncAll(wanted: ReadonlySet<Folder>): Promise<void> {
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
      for (const folder of wanted) {
        this.#syncOne(folder, oneDone);
      }
    });
  }

  #syncOne(folder: Folder, done: SyncDone): void {
    // All of its entries, also those that others owe: the sync takes them along.
    const debts = debtsIn(folder);
    this.#syncs.sync(folder.path, (error) => {
      if (error === undefined) {
        this.#settleAll(debts);
      }
      done(error);
    });
  }

  #make(folder: Folder): boolean {
    for (let tries = 1; !folder.isThere; tries += 1) {
      try {
        makeDirectoryNow(folder.path);
        this.#madeNow(folder);
        return true;
      } catch (error) {
        if (errnoOf(error) === 'EEXIST') {
          folder.isThere = true;
          return false;
        }
        if (errnoOf(error) !== 'ENOENT' || folder.parent === undefined || tries >= maxTries) {
          throw error;
        }
        folder.parent.isThere = false;
        this.#make(folder.parent);
      }
    }
    return false;
  }

  #madeNow(folder: Folder): void {
    const { parent } = folder;
    this.#lastDebt += 1;
    folder.isThere = true;
    folder.debt = this.#lastDebt;
    // No mount can lie on what was only just made.
    folder.memoryDevice = parent?.memoryDevice;
    if (parent !== undefined) {
      parent.debtors ??= new Set();
      parent.debtors.add(folder);
    }
  }

  /** Entries that are on disk now, unless they have been made anew meanwhile. */
  #settleAll(debts: readonly (readonly [folder: Folder, debt: number])[]): void {
    for (const [folder, debt] of debts) {
      if (folder.debt === debt) {
        this.#settle(folder);
      }
    }
  }

  #settle(folder: Folder): void {
    const { parent } = folder;
    folder.debt = 0;
    parent?.debtors?.delete(folder);
    if (parent?.debtors?.size === 0) {
      parent.debtors = undefined;
    }
  }

  #isInMemory(folder: Folder): boolean {
    if (folder.memoryDevice === undefined) {
      folder.memoryDevice = memoryDeviceOf(folder.path) ?? null;
    }
    return folder.memoryDevice !== null && isMemoryDevice(folder.memoryDevice);
  }

  #folder(path: string): Folder {
    const known = this.#folders.get(path);
    if (known !== undefined) {
      return known;
    }
    const parentPath = dirname(path);
    const parent = parentPath === path ? undefined : this.#folder(parentPath);
    if (parent !== undefined) {
      parent.children += 1;
    }
    const folder: Folder = {
      path,
      parent,
      children: 0,
      isThere: false,
      debt: 0,
      debtors: undefined,
      memoryDevice: undefined,
    };
    if (this.#folders.size >= this.#tooMany) {
      this.#forgetOldest();
      // Whatever had to stay, the next look at all of them is as far away.
      this.#tooMany = Math.max(maxKnown, this.#folders.size) + forgottenAtOnce;
    }
    this.#folders.set(path, folder);
    return folder;
  }

  #forgetOldest(): void {
    const mayOwe = this.#folders.size >= maxUnsynced;
    let left = this.#folders.size - maxKnown + forgottenAtOnce;
    for (const folder of this.#folders.values()) {
      if (folder.children > 0 || (folder.debt !== 0 && !mayOwe)) {
        continue;
      }
      this.#settle(folder);
      this.#folders.delete(folder.path);
      if (folder.parent !== undefined) {
        folder.parent.children -= 1;
      }
      left -= 1;
      if (left === 0) {
        return;
      }
    }
  }
}

function debtsIn({ debtors }: Folder): readonly (readonly [folder: Folder, debt: number])[] {
  return debtors === undefined ? [] : Array.from(debtors, (folder) => [folder, folder.debt]);
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
