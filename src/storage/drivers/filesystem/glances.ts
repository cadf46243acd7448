/**
 * Looks at files that were used a moment ago, here and now: on a local file system the kernel answers such a stat from
 * its memory in 2 to 5 µs, while asking another thread costs a reader of a manifest 15 to 20 µs on each of two threads.
 * For the main thread, in front of the storage thread, which is asked about everything else.
 *
 * Nothing is believed that was not looked at: every glance is a stat, so changes by other processes are seen at once.
 * Only requests that came in together (one turn of the event loop) share a stat: all of them had been sent when it was
 * made, so none can tell it from one of its own. What this process writes meanwhile ends the sharing.
 * A network file system may keep a stat waiting, so there are no glances there. Should a local one do so again and
 * again (memory so short that the kernel forgets), glances rest (waits.ts).
 */

import { type Stats, statfsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { FileFacts, FileMark, ListEntry } from '../../driver.ts';
import { ListingCache, type Look } from './listing-cache.ts';
import { isUnchanged, KeptFiles } from './small-file-cache.ts';
import { Waits } from './waits.ts';

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

/** Files and folders of which it is remembered that they were used. */
const maxSeen = 20_000;
const orUndefined = { throwIfNoEntry: false } as const;

/** The answer of the file system that there is no such file. */
const missing = Symbol('missing');

/** What a look at a path told. */
export interface Sight {
  /** `undefined`: nothing is there. */
  readonly facts: FileFacts | undefined;
}

const nothing: Sight = { facts: undefined };

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

export class Glances {
  /** Lists of folders below the root; the driver fills it. */
  readonly listings: ListingCache;
  readonly #root: string;
  /** Device of the root, once it is there: other mounts below it may be of another kind. `null`: no glances here. */
  #dev: number | null | undefined;
  readonly #kept: KeptFiles = new KeptFiles();
  /** What was used of late; when the younger set is full it takes the place of the older one. */
  #seen: Set<string> = new Set();
  #seenBefore: Set<string> = new Set();
  readonly #waits: Waits = new Waits();
  /** Stats of this turn of the loop. A new map each time: a cleared one would keep them all in memory (slots.ts). */
  #thisTurn: Map<string, Stats> = new Map();
  readonly #endTurn = (): void => {
    this.#thisTurn = new Map();
  };

  /** @param now  For the age of folders, in milliseconds since 1970. */
  constructor(rootDirectory: string, now: () => number = Date.now) {
    const root = resolve(rootDirectory);
    this.#root = root === '/' ? '' : root;
    const look: Look = {
      recent: (directory) => this.folder(directory.slice(this.#root.length)),
      anew: (directory) => this.#folderNow(directory),
    };
    this.listings = new ListingCache(look, now);
  }

  /** Content of a small file as it is now, not to be changed; `undefined`: ask the driver. */
  content(path: string): Buffer | undefined {
    const entry = this.#kept.get(path);
    if (entry === undefined || this.#waits.isResting) {
      return undefined;
    }
    const facts = this.#stat(path);
    if (facts === undefined || facts === missing || !isUnchanged(entry.mark, facts)) {
      this.#kept.delete(path);
      return undefined;
    }
    this.#kept.touch(path, entry);
    return entry.content;
  }

  /** A file as it is now, or that there is none; `undefined`: ask the driver. */
  look(path: string): Sight | undefined {
    if (!this.#isRecent(path) || this.#waits.isResting) {
      return undefined;
    }
    const facts = this.#stat(path);
    if (facts === missing) {
      return nothing;
    }
    return facts?.isFile()
      ? { facts: { isDirectory: false, sizeBytes: facts.size, modifiedAtMs: facts.mtimeMs } }
      : undefined;
  }

  /** Facts of a folder that was listed before, as it is now; `undefined`: ask the driver. */
  folder(path: string): Stats | undefined {
    const facts = this.#isLocal() && !this.#waits.isResting ? this.#stat(path) : undefined;
    return facts !== undefined && facts !== missing && facts.isDirectory() ? facts : undefined;
  }

  /** Facts of a file that is being written, of this very moment; `null`: nothing is there; `undefined`: cannot tell. */
  fresh(path: string): Stats | null | undefined {
    const facts =
      this.#isLocal() && !this.#waits.isResting ? this.#freshStat(this.#root + path) : undefined;
    return facts === missing ? null : facts;
  }

  /** A property, so that it can be handed on. */
  readonly listNow = (path: string, sinceMs?: number): readonly ListEntry[] | undefined =>
    this.#waits.isResting ? undefined : this.listings.now(this.#root + path, sinceMs);

  /** Not shared: whoever asks remembers when it looked. */
  #folderNow(directory: string): Stats | undefined {
    const facts = this.#isLocal() ? this.#freshStat(directory) : undefined;
    return facts !== undefined && facts !== missing && facts.isDirectory() ? facts : undefined;
  }

  /** True: there surely is no such file. Not asked of what was there a moment ago, which would be in vain. */
  isMissing(path: string): boolean {
    return !this.#wasSeen(path) && this.look(path) === nothing;
  }

  /** Notes what the driver read. `content` must not be changed afterwards. */
  keep(path: string, content: Buffer, mark: FileMark): void {
    if (this.#isLocal() && mark.dev === this.#dev) {
      this.#kept.set(path, { content, mark });
    }
  }

  /** Notes that the driver found a file, or a folder that is about to be used. */
  saw(path: string): void {
    if (!this.#isLocal()) {
      return;
    }
    this.#seen.add(path);
    if (this.#seen.size >= maxSeen / 2) {
      this.#seenBefore = this.#seen;
      this.#seen = new Set();
    }
  }

  /** Notes that the driver wrote a file: the kernel has just walked to it. */
  wrote(path: string): void {
    const folder = parentOf(path);
    this.saw(path);
    this.saw(folder);
    this.saw(parentOf(folder));
  }

  /** Something below the root was changed by this process. */
  changed(): void {
    if (this.#thisTurn.size > 0) {
      this.#endTurn();
    }
  }

  #isLocal(): boolean {
    if (this.#dev === undefined) {
      try {
        const root = this.#root || '/';
        this.#dev = localFileSystems.has(statfsSync(root).type) ? statSync(root).dev : null;
      } catch {
        // The root is made by the first write; whatever else is wrong with it, the driver will say.
        return false;
      }
    }
    return this.#dev !== null;
  }

  /**
   * Whether the kernel will know without the disk. It keeps the names of a folder that was used, so that it can tell of
   * one that is not there too; and a link or blob has a folder of its own, so one level more.
   */
  #isRecent(path: string): boolean {
    if (this.#wasSeen(path)) {
      return true;
    }
    const folder = parentOf(path);
    return this.#wasSeen(folder) || this.#wasSeen(parentOf(folder));
  }

  #wasSeen(path: string): boolean {
    return this.#seen.has(path) || this.#seenBefore.has(path);
  }

  #stat(path: string): Stats | typeof missing | undefined {
    const shared = this.#thisTurn.get(path);
    if (shared !== undefined) {
      return shared;
    }
    const facts = this.#freshStat(this.#root + path);
    if (facts !== undefined && facts !== missing) {
      if (this.#thisTurn.size === 0) {
        setImmediate(this.#endTurn);
      }
      this.#thisTurn.set(path, facts);
    }
    return facts;
  }

  #freshStat(file: string): Stats | typeof missing | undefined {
    const startedAtMs = performance.now();
    let facts: Stats | typeof missing | undefined;
    try {
      facts = statSync(file, orUndefined) ?? missing;
    } catch {
      // The driver meets the same fault and names it.
    }
    this.#waits.note(startedAtMs, performance.now());
    return facts === missing || facts?.dev === this.#dev ? facts : undefined;
  }
}
