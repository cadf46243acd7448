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
import { closeFile, openFile, openFlags, readAt, statFile, statOpened } from './file-calls.ts';
import { fileError } from './file-error.ts';

const maxFileBytes = 4096;
const maxEntries = 20_000;
const maxTotalBytes = 8 * 1024 * 1024;
const settledMs = 2500;

interface Entry {
  readonly content: Buffer;
  readonly ino: number;
  readonly ctimeMs: number;
  readonly mtimeMs: number;
}

export class SmallFileCache {
  /** In order of use, the least recent first. */
  readonly #entries: Map<string, Entry> = new Map();
  #totalBytes = 0;

  /** The whole content of a file of any size, in a buffer of the caller's own. @throws errno errors */
  async get(file: string): Promise<Buffer> {
    const entry = this.#entries.get(file);
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
    if (!isUnchanged(entry, facts)) {
      return this.#read(file);
    }
    if (this.#entries.get(file) === entry) {
      this.#entries.delete(file);
      this.#entries.set(file, entry);
    }
    return Buffer.from(entry.content);
  }

  forget(file: string): void {
    const entry = this.#entries.get(file);
    if (entry !== undefined) {
      this.#entries.delete(file);
      this.#totalBytes -= entry.content.length;
    }
  }

  async #read(file: string): Promise<Buffer> {
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
      if (content.length <= maxFileBytes && startedAtMs - changedAtMs > settledMs) {
        this.#keep(file, content, facts);
      }
      return content;
    } finally {
      closeFile(fd);
    }
  }

  #keep(file: string, content: Buffer, facts: Stats): void {
    this.forget(file);
    this.#entries.set(file, {
      content: Buffer.from(content),
      ino: facts.ino,
      ctimeMs: facts.ctimeMs,
      mtimeMs: facts.mtimeMs,
    });
    this.#totalBytes += content.length;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= maxEntries && this.#totalBytes <= maxTotalBytes) {
        break;
      }
      this.forget(oldest);
    }
  }
}

function isUnchanged(entry: Entry, facts: Stats): boolean {
  return (
    entry.ino === facts.ino &&
    entry.ctimeMs === facts.ctimeMs &&
    entry.mtimeMs === facts.mtimeMs &&
    entry.content.length === facts.size
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
