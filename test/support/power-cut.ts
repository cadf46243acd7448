/**
 * Replays the log of io-fault.c and tells, at each acknowledgement, what a power cut at that instant could take. The
 * model is the strictest that POSIX allows: data stays only by fdatasync of the file, a name only by fsync of its folder.
 *
 *   seq:  1 create f.tmp   2 write f.tmp   3 sync f.tmp   4 synced   5 rename f.tmp f   6 sync dir   7 synced   8 ack
 *   f:    named at 5, written at 2;  durable when a finished sync of dir began after 5, and one of f after 2
 */

import { dirname } from 'node:path';

interface Entry {
  /** When its name came about. */
  namedAt: number;
  /** Last write; of a folder: never. */
  writtenAt: number;
  /** Start of the last finished sync: of a file's data, of a folder's names. */
  syncedAt: number;
  /** What this name stood for before a rename replaced it: the cut may bring that back, but not nothing. */
  replaced?: Entry | undefined;
}

export class PowerCut {
  readonly #root: string;
  readonly #entries: Map<string, Entry> = new Map();
  readonly #runningSyncs: Map<string, number[]> = new Map();
  #seq = 0;

  /** Below `root` all is tracked; `root` itself counts as durable. */
  constructor(root: string) {
    this.#root = root;
    this.#entries.set(root, { namedAt: 0, writtenAt: 0, syncedAt: 0 });
  }

  /** Takes one line; returns the number of an acknowledgement. */
  take(line: string): number | undefined {
    const [what, path = '', to = ''] = line.split(' ');
    this.#seq += 1;
    if (what === 'ack') {
      return Number(path);
    }
    if (path.startsWith(this.#root)) {
      this.#apply(what ?? '', path, to);
    }
    return undefined;
  }

  /** Why `path` could be lost now, or `undefined` when it (or what it replaced) is durable. */
  loss(path: string): string | undefined {
    const file = this.#root + path;
    const entry = this.#entries.get(file);
    if (entry === undefined) {
      return `${path} is not there`;
    }
    let first: string | undefined;
    for (
      let version: Entry | undefined = entry;
      version !== undefined;
      version = version.replaced
    ) {
      const loss = this.#lossOf(file, version);
      if (loss === undefined) {
        return dirname(file) === this.#root ? undefined : this.#lossOfFolder(dirname(file));
      }
      first ??= loss;
    }
    return first;
  }

  /** Whether `path` holds bytes that no finished sync covers, whatever becomes of its name. */
  isUnsynced(path: string): boolean {
    const entry = this.#entries.get(this.#root + path);
    return entry !== undefined && entry.writtenAt > entry.syncedAt;
  }

  #lossOfFolder(folder: string): string | undefined {
    const entry = this.#entries.get(folder);
    const loss = entry === undefined ? `${folder} is not there` : this.#lossOf(folder, entry);
    return (
      loss ?? (dirname(folder) === this.#root ? undefined : this.#lossOfFolder(dirname(folder)))
    );
  }

  #lossOf(file: string, entry: Entry): string | undefined {
    if (entry.writtenAt > entry.syncedAt) {
      return `${file}: data written at ${entry.writtenAt}, last synced at ${entry.syncedAt}`;
    }
    const folderSyncedAt = this.#entries.get(dirname(file))?.syncedAt ?? 0;
    return entry.namedAt > folderSyncedAt
      ? `${file}: named at ${entry.namedAt}, its folder last synced at ${folderSyncedAt}`
      : undefined;
  }

  #apply(what: string, path: string, to: string): void {
    const entry = this.#entries.get(path);
    if (what === 'mkdir' || (what === 'create' && entry === undefined)) {
      this.#entries.set(path, { namedAt: this.#seq, writtenAt: 0, syncedAt: 0 });
    } else if (what === 'write' && entry !== undefined) {
      entry.writtenAt = this.#seq;
    } else if (what === 'sync') {
      this.#runningSyncs.set(path, [...(this.#runningSyncs.get(path) ?? []), this.#seq]);
    } else if (what === 'synced' && entry !== undefined) {
      // Which of two syncs at once is over the log does not say: the earlier start promises less.
      entry.syncedAt = Math.max(entry.syncedAt, this.#runningSyncs.get(path)?.shift() ?? 0);
    } else if (what === 'rename' && entry !== undefined) {
      this.#entries.delete(path);
      this.#entries.set(to, { ...entry, namedAt: this.#seq, replaced: this.#entries.get(to) });
      this.#moveBelow(path, to);
    } else if (what === 'unlink') {
      this.#entries.delete(path);
    }
  }

  /** What a renamed folder holds goes with it, as durable in it as before. */
  #moveBelow(from: string, to: string): void {
    for (const [path, entry] of [...this.#entries]) {
      if (path.startsWith(`${from}/`)) {
        this.#entries.delete(path);
        this.#entries.set(to + path.slice(from.length), entry);
      }
    }
  }
}
