/**
 * Uploads that come in small chunks, kept open by the main thread from one chunk to the next: a chunk is then one call
 * that writes and syncs (O_DSYNC), while opening, writing and syncing on the storage thread wake four threads for it,
 * which took more than half of a chunk's processor time (bench/chunks.ts).
 *
 * Another process may write to the upload, end it, or move its file to where it is a blob, at any time. So before and
 * after each write the path must still lead to the open file, which must hold as many bytes as the caller says, and
 * these more; else what came too late is taken back (late-bytes.ts). Used by driver.ts alone, and only where glances are
 * (glances.ts): on local file systems that answer at once.
 */

import type { Stats } from 'node:fs';
import {
  type AppendedFile,
  closeFile,
  closeUnsynced,
  openToAppend,
  statNow,
  statOpened,
  writeAllAt,
  writeAllNow,
} from './file-calls.ts';
import { fileError, translating, uploadConflict } from './file-error.ts';
import type { Glances } from './glances.ts';
import { cutOwnTail, takeBackFromBlob } from './late-bytes.ts';
import { Waits } from './waits.ts';

/** Files kept open; the one that waited longest for its next chunk goes first. */
const maxOpen = 256;
/** Opening one again takes 10 µs, so there is no use in waiting long. */
const maxIdleMs = 5_000;

interface Idle {
  readonly upload: AppendedFile;
  readonly sinceMs: number;
}

export class OpenUploads {
  readonly #root: string;
  readonly #glances: Glances;
  readonly #syncs: boolean;
  /** Those that nobody writes to, the one that waits longest first. */
  readonly #idle: Map<string, Idle> = new Map();
  #sweep: NodeJS.Timeout | undefined;
  readonly #waits: Waits = new Waits();

  /**
   * @param root   In front of each path; '' for `/`.
   * @param syncs  False: whoever ends the upload syncs it (unsynced-uploads.ts).
   */
  constructor(root: string, glances: Glances, syncs = true) {
    this.#root = root;
    this.#glances = glances;
    this.#syncs = syncs;
  }

  /**
   * Writes `bytes` to the end of the upload at `path`, which holds `offset` bytes; they are durable then, unless that is
   * left to the end of the upload.
   *
   * @returns false, with nothing written, when it cannot be done here or there is something else at `path`
   * @throws driver errors, with the file cut back to `offset`; PathNotFoundError also when the upload ended meanwhile,
   *   `DRIVER_UPLOAD_CONFLICT` when another process wrote to it
   */
  async append(path: string, offset: number, bytes: Uint8Array): Promise<boolean> {
    if (bytes.length === 0) {
      return false;
    }
    const facts = this.#glances.fresh(path);
    const upload = this.#take(path) ?? (facts?.size === offset ? this.#open(path) : undefined);
    if (upload === undefined) {
      return false;
    }
    if (facts?.size !== offset || !isSame(upload, facts)) {
      closeFile(upload.fd);
      return false;
    }
    await translating(path, this.#write(upload, path, offset, bytes));
    this.#keep(path, upload);
    return true;
  }

  /** The file at `path`, or those in the folder there, are no longer written to. */
  forget(path: string): void {
    for (const file of [...this.#idle.keys()]) {
      if (file.startsWith(path) && (file.length === path.length || file[path.length] === '/')) {
        this.#close(file);
      }
    }
  }

  close(): void {
    for (const path of [...this.#idle.keys()]) {
      this.#close(path);
    }
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }

  async #write(
    upload: AppendedFile,
    path: string,
    offset: number,
    bytes: Uint8Array,
  ): Promise<void> {
    try {
      await this.#store(upload, offset, bytes);
      const facts = this.#glances.fresh(path);
      if (facts !== undefined && !isSame(upload, facts)) {
        // Ended by another process since the first look.
        throw fileError('ENOENT', 'write');
      }
      if (facts !== undefined && facts.size > offset + bytes.length) {
        throw uploadConflict(path);
      }
    } catch (error) {
      await this.#takeBack(upload, path, offset, bytes).catch(() => {
        // The disk is failing; the digest check before any commit still stands between the file and a blob.
      });
      await closeUnsynced(upload.fd);
      throw error;
    }
  }

  async #takeBack(
    upload: AppendedFile,
    path: string,
    offset: number,
    bytes: Uint8Array,
  ): Promise<void> {
    const { size } = await statOpened(upload.fd);
    if (isSame(upload, statNow(this.#root + path) ?? null)) {
      await cutOwnTail(upload.fd, bytes, offset, size);
    } else {
      await takeBackFromBlob(upload.fd, [offset, size - bytes.length]);
    }
  }

  /**
   * A write that waits for no sync only fills the page cache, which takes less than handing it to another thread. Where
   * the kernel keeps writers waiting (it has more to write back than it likes), another thread waits.
   */
  async #store(upload: AppendedFile, offset: number, bytes: Uint8Array): Promise<void> {
    if (this.#syncs || this.#waits.isResting) {
      await writeAllAt(upload.fd, bytes, offset, upload.dev);
      return;
    }
    const startedAtMs = performance.now();
    try {
      writeAllNow(upload.fd, bytes, offset);
    } finally {
      this.#waits.note(startedAtMs, performance.now());
    }
  }

  /** Out of `#idle`, so that nothing closes it while it is written to. */
  #take(path: string): AppendedFile | undefined {
    const idle = this.#idle.get(path);
    this.#idle.delete(path);
    return idle?.upload;
  }

  #open(path: string): AppendedFile | undefined {
    try {
      return openToAppend(this.#root + path, this.#syncs);
    } catch {
      // Whoever takes the usual way meets the same fault and names it.
      return undefined;
    }
  }

  #keep(path: string, upload: AppendedFile): void {
    const [longest] = this.#idle.keys();
    if (longest !== undefined && this.#idle.size >= maxOpen) {
      this.#close(longest);
    }
    this.#idle.set(path, { upload, sinceMs: performance.now() });
    this.#sweep ??= setInterval(() => this.#closeIdle(), maxIdleMs).unref();
  }

  #close(path: string): void {
    const upload = this.#take(path);
    if (upload !== undefined) {
      closeFile(upload.fd);
    }
  }

  #closeIdle(): void {
    const beforeMs = performance.now() - maxIdleMs;
    for (const [path, { sinceMs }] of [...this.#idle]) {
      if (sinceMs < beforeMs) {
        this.#close(path);
      }
    }
    if (this.#idle.size === 0) {
      this.close();
    }
  }
}

function isSame(upload: AppendedFile, facts: Stats | null): facts is Stats {
  return facts !== null && upload.dev === facts.dev && upload.ino === facts.ino;
}
