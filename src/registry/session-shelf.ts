/**
 * Folders of finished upload sessions, kept for the next sessions of the same repository. Only on drivers where
 * renaming a folder is cheap.
 *
 * A small upload would otherwise make and remove a folder and a file. On ext4 that is dear: each new inode is looked
 * for past all that were freed in the last seconds, which took a fifth of the CPU of a push (bench/profiles/a).
 *
 * A reused folder keeps its `startedat`, so a session may look up to `maxAgeMs` older than it is: too little to matter
 * for purging. What is left behind by a crash is an empty session of an odd name, which purging removes by its age.
 */

import type { RepositoryName } from '../oci/reference.ts';
import type { StorageDriver } from '../storage/driver.ts';
import { spareUploadPath, uploadPath } from '../storage/layout.ts';

/** Folders kept per repository and in all; more are removed as ever. */
const maxPerRepository = 64;
const maxInAll = 1024;
const maxAgeMs = 60_000;

interface Spare {
  readonly id: string;
  readonly startedAtMs: number;
}

export class SessionShelf {
  readonly #driver: StorageDriver;
  readonly #now: () => number;
  readonly #spares: Map<RepositoryName, Spare[]> = new Map();
  #count = 0;

  constructor(driver: StorageDriver, now: () => number) {
    this.#driver = driver;
    this.#now = now;
  }

  /** Turns a spare folder into the session `id`; gives its start time, or `undefined` when there is none to be had. */
  async take(name: RepositoryName, id: string): Promise<number | undefined> {
    const spare = this.#spares.get(name)?.pop();
    if (spare === undefined) {
      return undefined;
    }
    this.#count -= 1;
    if (this.#now() - spare.startedAtMs > maxAgeMs) {
      await this.#remove(name, spare);
      return undefined;
    }
    try {
      await this.#driver.renameFolder?.(spareUploadPath(name, spare.id), uploadPath(name, id));
      return spare.startedAtMs;
    } catch {
      // Someone tidied up: the caller makes a new one.
      return undefined;
    }
  }

  /** Keeps the folder of a finished session that holds nothing but its `startedat`; false when it is not wanted. */
  async keep(name: RepositoryName, id: string, startedAtMs: number): Promise<boolean> {
    const spares = this.#spares.get(name) ?? [];
    const isWanted =
      spares.length < maxPerRepository &&
      this.#count < maxInAll &&
      this.#now() - startedAtMs < maxAgeMs / 2;
    if (!isWanted || this.#driver.renameFolder === undefined) {
      return false;
    }
    await this.#driver.renameFolder(uploadPath(name, id), spareUploadPath(name, id));
    this.#count += 1;
    spares.push({ id, startedAtMs });
    this.#spares.set(name, spares);
    return true;
  }

  /** Removes all, at the end. */
  async clear(): Promise<void> {
    for (const [name, spares] of this.#spares) {
      for (const spare of spares) {
        await this.#remove(name, spare);
      }
    }
    this.#spares.clear();
    this.#count = 0;
  }

  async #remove(name: RepositoryName, spare: Spare): Promise<void> {
    // Left over, it is an empty session that purging removes.
    await this.#driver.delete(spareUploadPath(name, spare.id), { durable: false }).catch(() => {});
  }
}
