/**
 * Looks at files that were used a moment ago, here and now: on a local file system the kernel answers such a stat from
 * its memory in 2 to 5 µs, while asking another thread costs a reader of a manifest 15 to 20 µs on each of two threads.
 * For the main thread, in front of the storage thread, which is asked about everything else.
 *
 * Nothing is believed that was not looked at: every glance is a stat, so changes by other processes are seen at once.
 * Only requests that came in together (one turn of the event loop) share a stat: all of them had been sent when it was
 * made, so none can tell it from one of its own. What this process writes meanwhile ends the sharing.
 * A network file system may keep a stat waiting, so there are no glances there. Should a local one do so again and
 * again (memory so short that the kernel forgets), glances rest a hundred times as long as the last one took, so that
 * the thread loses some 3 % of its time at most. One slow glance says nothing: the thread may just have lost its core.
 */

import { type Stats, statfsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { FileFacts, FileMark } from '../../driver.ts';
import { isUnchanged, KeptFiles } from './small-file-cache.ts';

/** Magic numbers of statfs(2), Linux. */
const localFileSystems: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // xfs
  0x9123683e, // btrfs
  0x2fc12fc1, // zfs
  0xf2f52010, // f2fs
  0xca451a4e, // bcachefs
  0x01021994, // tmpfs
  0x794c7630, // overlay
]);

const slowMs = 2;
const maxStrikes = 3;
/** So many glances of the usual speed make up for a slow one. */
const glancesPerStrike = 50;
const restFactor = 100;
/** Files of which it is remembered that they were there. */
const maxSeen = 20_000;
const orUndefined = { throwIfNoEntry: false } as const;

export class Glances {
  readonly #root: string;
  readonly #dev: number;
  readonly #kept: KeptFiles = new KeptFiles();
  /** In order of arrival. */
  readonly #seen: Set<string> = new Set();
  #restsUntilMs = 0;
  #strikes = 0;
  /** Stats of this turn of the loop. */
  readonly #thisTurn: Map<string, Stats> = new Map();
  readonly #endTurn = (): void => this.#thisTurn.clear();

  /** @param dev  Device of the root: other mounts below it may be of another kind. */
  private constructor(root: string, dev: number) {
    this.#root = root === '/' ? '' : root;
    this.#dev = dev;
  }

  /** `undefined` where the root is not on a local file system, or not there yet. */
  static open(rootDirectory: string): Glances | undefined {
    const root = resolve(rootDirectory);
    try {
      return localFileSystems.has(statfsSync(root).type)
        ? new Glances(root, statSync(root).dev)
        : undefined;
    } catch {
      // Whatever is wrong with the root, the driver will say.
      return undefined;
    }
  }

  /** Content of a small file as it is now, not to be changed; `undefined`: ask the driver. */
  content(path: string): Buffer | undefined {
    const entry = this.#kept.get(path);
    if (entry === undefined || this.#isResting()) {
      return undefined;
    }
    const facts = this.#stat(path);
    if (facts === undefined || !isUnchanged(entry.mark, facts)) {
      this.#kept.delete(path);
      return undefined;
    }
    this.#kept.touch(path, entry);
    return entry.content;
  }

  /** Facts of a file as it is now; `undefined`: ask the driver. */
  facts(path: string): FileFacts | undefined {
    if (!this.#seen.has(path) || this.#isResting()) {
      return undefined;
    }
    const facts = this.#stat(path);
    if (facts === undefined || !facts.isFile()) {
      this.#seen.delete(path);
      return undefined;
    }
    return { isDirectory: false, sizeBytes: facts.size, modifiedAtMs: facts.mtimeMs };
  }

  /** Notes what the driver read. `content` must not be changed afterwards. */
  keep(path: string, content: Buffer, mark: FileMark): void {
    if (mark.dev === this.#dev) {
      this.#kept.set(path, { content, mark });
    }
  }

  /** Notes that the driver found a file. */
  saw(path: string): void {
    this.#seen.add(path);
    if (this.#seen.size > maxSeen) {
      for (const oldest of this.#seen) {
        this.#seen.delete(oldest);
        break;
      }
    }
  }

  /** Something below the root was changed by this process. */
  changed(): void {
    this.#thisTurn.clear();
  }

  #isResting(): boolean {
    return this.#restsUntilMs > 0 && performance.now() < this.#restsUntilMs;
  }

  #stat(path: string): Stats | undefined {
    const shared = this.#thisTurn.get(path);
    if (shared !== undefined) {
      return shared;
    }
    const facts = this.#freshStat(path);
    if (facts !== undefined) {
      if (this.#thisTurn.size === 0) {
        setImmediate(this.#endTurn);
      }
      this.#thisTurn.set(path, facts);
    }
    return facts;
  }

  #freshStat(path: string): Stats | undefined {
    const startedAtMs = performance.now();
    let facts: Stats | undefined;
    try {
      facts = statSync(this.#root + path, orUndefined);
    } catch {
      // The driver meets the same fault and names it.
    }
    this.#judge(startedAtMs, performance.now());
    return facts?.dev === this.#dev ? facts : undefined;
  }

  #judge(startedAtMs: number, endedAtMs: number): void {
    const tookMs = endedAtMs - startedAtMs;
    if (tookMs <= slowMs) {
      this.#strikes = Math.max(0, this.#strikes - 1 / glancesPerStrike);
      return;
    }
    this.#strikes += 1;
    if (this.#strikes >= maxStrikes) {
      this.#strikes = 0;
      this.#restsUntilMs = endedAtMs + restFactor * tookMs;
    }
  }
}
