/**
 * Directories as sorted lists, kept so that a page of a long list (10,000 tags, the catalog) costs one stat instead of
 * reading and sorting the whole directory again.
 *
 * As with small files, every call asks the file system: a list is used only while the directory's inode, mtime and
 * ctime are unchanged, which any entry made, removed or renamed in it changes. A directory that was changed within the
 * last ticks of the clock is read anew each time.
 */

import type { Stats } from 'node:fs';
import type { ListEntry } from '../../driver.ts';
import { statFile } from './file-calls.ts';

/** Names kept in all, about 100 bytes each. */
const maxNames = 100_000;
/** Coarser than the clock of any file system in use. */
const settledMs = 2500;

interface Kept {
  readonly entries: readonly ListEntry[];
  readonly ino: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

export class ListingCache {
  /** In order of use, the least recent first. */
  readonly #kept: Map<string, Kept> = new Map();
  readonly #glance: (directory: string) => Stats | undefined;
  readonly #now: () => number;
  #names = 0;

  /** @param glance  Facts of a directory used before, if they can be had without a wait (glances.ts). */
  constructor(
    glance: (directory: string) => Stats | undefined = () => undefined,
    now: () => number = Date.now,
  ) {
    this.#glance = glance;
    this.#now = now;
  }

  /**
   * The whole directory in order; the same array while nothing changed.
   *
   * @param read  Reads and sorts it; `isStable` false when a list must not be kept (it depends on more than the directory).
   */
  async list(
    directory: string,
    read: () => Promise<{ entries: readonly ListEntry[]; isStable: boolean }>,
  ): Promise<readonly ListEntry[]> {
    const kept = this.#kept.get(directory);
    const glanced = kept === undefined ? undefined : this.#glance(directory);
    const facts = glanced ?? (await statFile(directory));
    if (kept !== undefined && isUnchanged(kept, facts)) {
      this.#kept.delete(directory);
      this.#kept.set(directory, kept);
      return kept.entries;
    }
    this.#forget(directory);
    const startedAtMs = this.#now();
    const { entries, isStable } = await read();
    if (isStable && startedAtMs - Math.max(facts.mtimeMs, facts.ctimeMs) > settledMs) {
      this.#keep(directory, entries, facts);
    }
    return entries;
  }

  #keep(directory: string, entries: readonly ListEntry[], facts: Stats): void {
    const { ino, mtimeMs, ctimeMs } = facts;
    this.#forget(directory);
    this.#kept.set(directory, { entries, ino, mtimeMs, ctimeMs });
    this.#names += entries.length + 1;
    for (const oldest of this.#kept.keys()) {
      if (this.#names <= maxNames) {
        break;
      }
      this.#forget(oldest);
    }
  }

  #forget(directory: string): void {
    const kept = this.#kept.get(directory);
    if (kept !== undefined) {
      this.#kept.delete(directory);
      this.#names -= kept.entries.length + 1;
    }
  }
}

function isUnchanged(kept: Kept, facts: Stats): boolean {
  return kept.ino === facts.ino && kept.mtimeMs === facts.mtimeMs && kept.ctimeMs === facts.ctimeMs;
}
