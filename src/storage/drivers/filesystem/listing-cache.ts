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
import { isReachable } from '../../wrap/checked.ts';
import { statFile } from './file-calls.ts';

/** Names kept in all, about 100 bytes each. */
const maxNames = 100_000;
/** With fewer names nothing is about to be dropped, so that the order of use need not be known: it costs a µs each time. */
const orderedFrom = 75_000;
/** Coarser than the clock of any file system in use. */
const settledMs = 2500;

interface Kept {
  readonly entries: readonly ListEntry[];
  /** Those of the entries that a path can name: nearly always all, and the same array. */
  readonly reachable: readonly ListEntry[];
  readonly ino: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  /** The directory was found unchanged at this time, by `performance.now()`, or later. */
  seenAtMs: number;
}

/** Facts of a directory that was used before, if they can be had without a wait (glances.ts). */
export interface Look {
  /** As they were in this turn of the loop. */
  recent(directory: string): Stats | undefined;
  /** As they are now. */
  anew(directory: string): Stats | undefined;
}

const cannotLook: Look = { recent: () => undefined, anew: () => undefined };

export class ListingCache {
  /** In order of use, the least recent first. */
  readonly #kept: Map<string, Kept> = new Map();
  readonly #look: Look;
  readonly #now: () => number;
  #names = 0;

  constructor(look: Look = cannotLook, now: () => number = Date.now) {
    this.#look = look;
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
    const glanced = kept === undefined ? undefined : this.#look.recent(directory);
    const askedAtMs = performance.now();
    const facts = glanced ?? (await statFile(directory));
    if (kept !== undefined && isUnchanged(kept, facts)) {
      this.#touch(directory, kept);
      return kept.entries;
    }
    this.#forget(directory);
    const startedAtMs = this.#now();
    const { entries, isStable } = await read();
    if (isStable && startedAtMs - Math.max(facts.mtimeMs, facts.ctimeMs) > settledMs) {
      this.#keep(directory, entries, facts, askedAtMs);
    }
    return entries;
  }

  /** See `ListNow`. */
  now(directory: string, sinceMs: number | undefined): readonly ListEntry[] | undefined {
    const kept = this.#kept.get(directory);
    if (kept === undefined) {
      return undefined;
    }
    if (sinceMs === undefined || kept.seenAtMs < sinceMs) {
      const seenAtMs = performance.now();
      const facts = this.#look.anew(directory);
      if (facts === undefined || !isUnchanged(kept, facts)) {
        return undefined;
      }
      kept.seenAtMs = seenAtMs;
      this.#touch(directory, kept);
    }
    return kept.reachable;
  }

  #touch(directory: string, kept: Kept): void {
    if (this.#names >= orderedFrom) {
      this.#kept.delete(directory);
      this.#kept.set(directory, kept);
    }
  }

  #keep(
    directory: string,
    entries: readonly ListEntry[],
    { ino, mtimeMs, ctimeMs }: Stats,
    seenAtMs: number,
  ): void {
    this.#forget(directory);
    const isWhole = entries.every((entry) => isReachable(entry.name));
    const reachable = isWhole ? entries : entries.filter((entry) => isReachable(entry.name));
    this.#kept.set(directory, { entries, reachable, ino, mtimeMs, ctimeMs, seenAtMs });
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
