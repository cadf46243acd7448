/**
 * Reads whole files, and keeps the content of small ones (links, a few dozen bytes each) so that reading a tag again
 * costs one stat instead of open, stat, read and close.
 *
 * Every `get` asks the file system, so changes by other processes are seen at once. A kept content is used only while
 * inode, ctime, mtime and size are unchanged. Distribution and we replace files by rename, which brings a new inode;
 * an inode number may be used again, and a file may be rewritten in place by hand, but both bring a new ctime. Clocks
 * of file systems tick in steps (4 ms on ext4, 2 s at worst), so two changes within one tick could look alike:
 * content is kept only when the file was already older than `settledMs` at the time it was read.
 */

import type { Stats } from 'node:fs';
import type { FileMark } from '../../driver.ts';
import { closeFile, openFile, openFlags, readAt, statFile, statOpened } from './file-calls.ts';
import { fileError } from './file-error.ts';

const maxFileBytes = 4096;
const maxEntries = 20_000;
const maxTotalBytes = 8 * 1024 * 1024;
const settledMs = 2500;

/** A small file as it was read; with a mark if it can be told from what it may become. */
export interface SmallFile {
  readonly content: Buffer;
  readonly mark?: FileMark;
}

/** Contents by file name, bounded by their number and sum; the least recently used go first. */
export class KeptFiles {
  readonly #entries: Map<string, Required<SmallFile>> = new Map();
  #totalBytes = 0;

  get(file: string): Required<SmallFile> | undefined {
    return this.#entries.get(file);
  }

  /** Makes `entry`, which is kept under `file`, the last to go; not while there is room, since a Map pays for it. */
  touch(file: string, entry: Required<SmallFile>): void {
    const isRoomy = this.#entries.size < maxEntries / 2 && this.#totalBytes < maxTotalBytes / 2;
    if (!isRoomy && this.#entries.get(file) === entry) {
      this.#entries.delete(file);
      this.#entries.set(file, entry);
    }
  }

  set(file: string, entry: Required<SmallFile>): void {
    this.delete(file);
    this.#entries.set(file, entry);
    this.#totalBytes += entry.content.length;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= maxEntries && this.#totalBytes <= maxTotalBytes) {
        break;
      }
      this.delete(oldest);
    }
  }

  delete(file: string): void {
    const entry = this.#entries.get(file);
    if (entry !== undefined) {
      this.#entries.delete(file);
      this.#totalBytes -= entry.content.length;
    }
  }
}

export class SmallFileCache {
  readonly #kept: KeptFiles = new KeptFiles();

  /** The whole content of a file of any size, in a buffer of the caller's own. @throws errno errors */
  async get(file: string): Promise<Buffer> {
    return (await this.getMarked(file)).content;
  }

  /** As `get`, with the mark of what was read. */
  async getMarked(file: string): Promise<SmallFile> {
    const entry = this.#kept.get(file);
    if (entry === undefined) {
      return this.#read(file);
    }
    let facts: Stats;
    try {
      facts = await statFile(file);
    } catch (error) {
      this.forget(file);
      throw error;
    }
    if (!isUnchanged(entry.mark, facts)) {
      return this.#read(file);
    }
    this.#kept.touch(file, entry);
    return { content: Buffer.from(entry.content), mark: entry.mark };
  }

  forget(file: string): void {
    this.#kept.delete(file);
  }

  async #read(file: string): Promise<SmallFile> {
    const startedAtMs = Date.now();
    this.forget(file);
    const fd = await openFile(file, openFlags.read);
    try {
      const facts = await statOpened(fd);
      if (facts.isDirectory()) {
        throw fileError('EISDIR', 'read');
      }
      const content = await readWhole(fd, facts.size);
      const changedAtMs = Math.max(facts.ctimeMs, facts.mtimeMs);
      if (content.length > maxFileBytes || startedAtMs - changedAtMs <= settledMs) {
        return { content };
      }
      const mark = markOf(facts);
      this.#kept.set(file, { content: Buffer.from(content), mark });
      return { content, mark };
    } finally {
      closeFile(fd);
    }
  }
}

function markOf({ ctimeMs, dev, ino, mtimeMs, size }: Stats): FileMark {
  return { dev, ino, ctimeMs, mtimeMs, sizeBytes: size };
}

/** Whether a file that had the mark is still the same, with the same content. */
export function isUnchanged(mark: FileMark, facts: Stats): boolean {
  return (
    mark.ino === facts.ino &&
    mark.ctimeMs === facts.ctimeMs &&
    mark.mtimeMs === facts.mtimeMs &&
    mark.sizeBytes === facts.size
  );
}

async function readWhole(fd: number, sizeBytes: number): Promise<Buffer> {
  const content = Buffer.allocUnsafe(sizeBytes);
  let filled = 0;
  while (filled < sizeBytes) {
    const count = await readAt(fd, content.subarray(filled), sizeBytes - filled, filled);
    if (count === 0) {
      return content.subarray(0, filled);
    }
    filled += count;
  }
  return content;
}
