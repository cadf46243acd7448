/**
 * What is left of finished upload sessions, turned into the next sessions of the same repository in the commit that ends
 * them: the folder gets a new id, or becomes the blob's and leaves its `startedat` to a new one. So beginning an upload
 * asks storage for nothing. Only on drivers where renaming a folder is cheap.
 *
 * A small upload would otherwise remove a folder and a file. On ext4 that is dear: each new inode is looked for past all
 * that were freed in the last minutes, which took a fifth of the CPU of a push (bench/profiles/a).
 *
 * The one that lies longest is taken first, and the first uploads of a repository make new ones until some lie there:
 * the sync that makes one of them durable, of the folder around them, then has taken the next ones along.
 *
 * To everybody else a spare one is a session that was begun and left, so other instances and Distribution need not
 * know. What a crash leaves behind, purging removes by its age.
 */

import { basename } from 'node:path';
import type { RepositoryName } from '../oci/reference.ts';
import type { StorageDriver, WriteStep } from '../storage/driver.ts';
import { uploadPath, uploadStartedAtPath } from '../storage/layout.ts';
import { deleteSession, putStartedAt } from '../storage/upload-store.ts';

/** Folders lying ready in a repository before one is taken. */
const enough = 4;
/** Folders kept per repository and in all; beyond that they are removed as ever, or those of the repository unused for longest. */
const maxPerRepository = 64;
const maxInAll = 2048;
/** An older `startedat` is written anew. */
const maxAgeMs = 60_000;

export interface Spare {
  readonly id: string;
  readonly startedAtMs: number;
}

export class SessionShelf {
  readonly #driver: StorageDriver;
  readonly #now: () => number;
  /** The repository used last comes last. */
  readonly #spares: Map<RepositoryName, Spare[]> = new Map();
  #count = 0;

  constructor(driver: StorageDriver, now: () => number) {
    this.#driver = driver;
    this.#now = now;
  }

  /** A session that is there and empty; `undefined` when the caller is to make one. */
  async take(name: RepositoryName): Promise<Spare | undefined> {
    const spares = this.#spares.get(name);
    if (spares === undefined || spares.length < enough) {
      return undefined;
    }
    const spare = spares.shift();
    this.#count -= 1;
    return spare && this.#asNew(name, spare);
  }

  /** The step that turns the folder of a session, which holds nothing but its `startedat`, into the session `id`. */
  step(name: RepositoryName, from: string, id: string): WriteStep | undefined {
    const isWanted =
      this.#driver.abilities.renamesFolders &&
      (this.#spares.get(name)?.length ?? 0) < maxPerRepository;
    return isWanted
      ? {
          kind: 'recycle',
          from: uploadPath(name, from),
          to: uploadPath(name, id),
          holds: [basename(uploadStartedAtPath(name, id))],
        }
      : undefined;
  }

  /** Notes that the step was done. Resolves when what is too much is gone. */
  async keep(name: RepositoryName, spare: Spare): Promise<void> {
    const spares = this.#spares.get(name) ?? [];
    spares.push(spare);
    this.#spares.delete(name);
    this.#spares.set(name, spares);
    this.#count += 1;
    if (this.#count > maxInAll) {
      for (const oldest of this.#spares.keys()) {
        await this.#removeAll(oldest);
        return;
      }
    }
  }

  /** Removes all, at the end. */
  async clear(): Promise<void> {
    for (const name of [...this.#spares.keys()]) {
      await this.#removeAll(name);
    }
  }

  async #asNew(name: RepositoryName, spare: Spare): Promise<Spare | undefined> {
    const nowMs = this.#now();
    if (nowMs - spare.startedAtMs > maxAgeMs) {
      await putStartedAt(this.#driver, name, spare.id, nowMs);
      return { ...spare, startedAtMs: nowMs };
    }
    // Someone may have tidied up.
    const facts = await this.#driver.stat(uploadStartedAtPath(name, spare.id));
    return facts === undefined ? undefined : spare;
  }

  async #removeAll(name: RepositoryName): Promise<void> {
    const spares = this.#spares.get(name) ?? [];
    this.#spares.delete(name);
    this.#count -= spares.length;
    for (const { id } of spares) {
      // Left over, it is an empty session that purging removes.
      await deleteSession(this.#driver, name, id).catch(() => {});
    }
  }
}
