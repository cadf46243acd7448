/**
 * Buffered, asynchronous output of log lines to a file descriptor, bounded in memory. Used by the application log and
 * the access log, on the main thread or the log thread. Never throws and never rejects: a log that cannot be written
 * must not stop the registry.
 *
 *   write ──> chunks of bytes ──(chunk full, timer, flush)──> one fs.writev in flight ──> fd
 *                 └─ beyond the bound: lines are dropped and counted
 *
 * With `mayWait` a regular file is written at once, until a write shows that its disk is slow.
 *
 * Not pino's own destination: its exit flush never returns once the reader is gone or the disk is full, and it
 * measures the whole buffer again for each line.
 */

import { fstatSync, writeSync, writev, writevSync } from 'node:fs';
import { within } from '../within.ts';
import { lineMaker } from './line-maker.ts';
import type { LineAlso, LineOutput, LineRecipe, OfValues } from './line-output.ts';

export interface LineWriterOptions {
  /** Longest time that a line waits for company. */
  readonly flushAfterMs: number;
  /** Pending bytes that are written at once, without waiting for the timer. */
  readonly chunkBytes?: number;
  /** Bound of what waits behind a slow reader; further lines are dropped. */
  readonly limitBytes?: number;
  /**
   * Other processes write to the same pipe: no write is larger than what a pipe takes in one piece, so lines stay whole
   * (but for a line that is longer itself).
   */
  readonly sharesPipe?: boolean;
  /** Writes nothing before `release`: another writer still has to finish with the descriptor. */
  readonly isHeld?: boolean;
  /**
   * This thread may wait for a disk: a regular file is written without the way over the thread pool, which costs several
   * times the write itself and takes the processor from others twice.
   */
  readonly mayWait?: boolean;
  /** Called once output flows again, with the number of lines dropped since the last call. */
  readonly onDropped?: (lines: number) => void;
}

const retryAfterMs = 100;
const exitPatienceMs = 500;
const maxChunksAtOnce = 16;
/** A write that takes so long waits for its disk, not for a processor: lines then pile up here rather than in front. */
const slowWriteMs = 100;
/** Memory for chunks to come; more is only needed behind a slow reader. */
const maxSpareChunks = 4;
/** PIPE_BUF of Linux: POSIX promises that so much is never mixed with the writes of others. */
const atomicBytes = 4096;
/** UTF-8 takes at most three bytes for a unit of a string. */
const bytesPerChar = 3;

export class LineWriter implements LineOutput {
  readonly #fd: number;
  readonly #options: Required<LineWriterOptions>;
  readonly #chunkBytes: number;
  /** Full chunks that wait behind those in flight, oldest first. */
  #fullChunks: Buffer[] = [];
  #spareChunks: Buffer[] = [];
  #lastChunk: Buffer;
  #lastBytes = 0;
  /** Of the full chunks and the last one. */
  #pendingBytes = 0;
  #inFlight: Buffer[] | undefined;
  #timer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #isWaiting: boolean;
  #isBroken = false;
  #isClosed = false;
  #droppedSinceReport = 0;
  #droppedTotal = 0;
  #idleWaiters: (() => void)[] = [];
  readonly #onExit = (): void => this.flushSync();

  constructor(fd: number, options: LineWriterOptions) {
    this.#fd = fd;
    this.#options = {
      chunkBytes: 64 * 1024,
      limitBytes: 4 * 1024 * 1024,
      sharesPipe: false,
      isHeld: false,
      mayWait: false,
      onDropped: () => {},
      ...options,
    };
    this.#chunkBytes = this.#options.sharesPipe ? atomicBytes : this.#options.chunkBytes;
    this.#lastChunk = Buffer.allocUnsafeSlow(this.#chunkBytes);
    this.#inFlight = this.#options.isHeld ? [] : undefined;
    this.#isWaiting = this.#options.mayWait && isRegularFile(fd);
    process.on('exit', this.#onExit);
  }

  get droppedLines(): number {
    return this.#droppedTotal;
  }

  prepare(recipe: LineRecipe, also?: LineAlso): OfValues<void> {
    const make = lineMaker(recipe);
    const writeAlso = also?.output.prepare(also.recipe);
    return (timeMs, values) => {
      this.write(make(timeMs, values));
      writeAlso?.(timeMs, values);
    };
  }

  write(line: string): void {
    if (!this.#takes(line.length)) {
      return;
    }
    const roomBytes = this.#chunkBytes - this.#lastBytes;
    if (line.length * bytesPerChar > roomBytes && Buffer.byteLength(line) > roomBytes) {
      this.#beginChunk();
      if (Buffer.byteLength(line) > this.#chunkBytes) {
        this.#addLong(Buffer.from(line, 'utf8'));
        return;
      }
    }
    this.#added(this.#lastChunk.write(line, this.#lastBytes, 'utf8'));
  }

  /** As `write`, of a line in UTF-8. The bytes are copied. */
  writeBytes(line: Uint8Array): void {
    if (!this.#takes(line.length)) {
      return;
    }
    if (line.length > this.#chunkBytes - this.#lastBytes) {
      this.#beginChunk();
      if (line.length > this.#chunkBytes) {
        this.#addLong(Buffer.from(line));
        return;
      }
    }
    this.#lastChunk.set(line, this.#lastBytes);
    this.#added(line.length);
  }

  /** Ends `isHeld`. */
  release(): void {
    this.#inFlight = undefined;
    this.#flows();
  }

  /** Starts writing what is pending, if no write is under way. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#inFlight !== undefined || this.#pendingBytes === 0) {
      return;
    }
    if (this.#fullChunks.length === 0) {
      this.#beginChunk();
    }
    // After a delay several chunks go out as one, so that a reader who was slow for a while is caught up with.
    const chunks = this.#fullChunks.splice(0, this.#options.sharesPipe ? 1 : maxChunksAtOnce);
    this.#pendingBytes -= sizeOf(chunks);
    this.#inFlight = chunks;
    this.#writeInFlight(chunks);
  }

  /** What is in flight belongs to the thread pool: it gets a moment, but a slow disk may let it come out last. */
  flushSync(): void {
    if (this.#inFlight !== undefined && this.#inFlight.length > 0) {
      pause();
    }
    let rest = Buffer.concat([...this.#fullChunks, this.#lastChunk.subarray(0, this.#lastBytes)]);
    this.#forgetPending();
    const deadlineMs = performance.now() + exitPatienceMs;
    while (rest.length > 0 && !this.#isBroken) {
      try {
        rest = rest.subarray(writeSync(this.#fd, rest));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || performance.now() > deadlineMs) {
          return;
        }
        pause();
      }
    }
  }

  /** Resolves when nothing is pending any more, however long that takes. */
  async drained(): Promise<void> {
    while (this.#inFlight !== undefined || this.#pendingBytes > 0) {
      this.flush();
      if (this.#inFlight !== undefined) {
        await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
      }
    }
  }

  async close(patienceMs = 2000): Promise<void> {
    if (this.#isClosed) {
      return;
    }
    this.#isClosed = true;
    this.flush();
    if (this.#inFlight !== undefined) {
      await within(patienceMs, new Promise<void>((resolve) => this.#idleWaiters.push(resolve)));
    }
    clearTimeout(this.#retryTimer);
    process.off('exit', this.#onExit);
  }

  /** @param chunks  What is left of those in flight. */
  #writeInFlight(chunks: Buffer[]): void {
    if (this.#isWaiting) {
      this.#writeWaiting(chunks);
      return;
    }
    writev(this.#fd, chunks, (error, writtenBytes) => {
      if (error === null) {
        this.#wrote(chunks, writtenBytes);
      } else {
        this.#failed(error, chunks);
      }
    });
  }

  #writeWaiting(chunks: Buffer[]): void {
    const sinceMs = performance.now();
    let writtenBytes: number;
    try {
      writtenBytes = writevSync(this.#fd, chunks);
    } catch (error) {
      this.#failed(error as NodeJS.ErrnoException, chunks);
      return;
    }
    this.#isWaiting = performance.now() - sinceMs < slowWriteMs;
    this.#wrote(chunks, writtenBytes);
  }

  #wrote(chunks: Buffer[], writtenBytes: number): void {
    const rest = without(chunks, writtenBytes);
    if (rest.length > 0) {
      this.#writeInFlight(rest);
      return;
    }
    this.#reuse(this.#inFlight ?? []);
    this.#inFlight = undefined;
    this.#flows();
  }

  #failed(error: NodeJS.ErrnoException, chunks: Buffer[]): void {
    if (error.code === 'EPIPE' || error.code === 'EBADF') {
      // The reader is gone for good (`serve | head`): serving goes on without a log.
      this.#isBroken = true;
      this.#forgetPending();
      this.#inFlight = undefined;
      this.#wakeWaiters();
      return;
    }
    // EAGAIN: a full non-blocking pipe. ENOSPC, EIO: may pass. The bound on pending bytes holds meanwhile.
    this.#retryTimer = setTimeout(() => this.#writeInFlight(chunks), retryAfterMs);
    this.#retryTimer.unref();
  }

  #flows(): void {
    if (this.#droppedSinceReport > 0) {
      const lines = this.#droppedSinceReport;
      this.#droppedSinceReport = 0;
      this.#options.onDropped(lines);
    }
    if (this.#fullChunks.length > 0 || this.#isClosed) {
      this.flush();
    } else if (this.#pendingBytes > 0) {
      this.#startTimer();
    }
    if (this.#inFlight === undefined) {
      this.#wakeWaiters();
    }
  }

  /** Whether a line of so many bytes or more is taken; if not for want of room, it is counted. */
  #takes(bytes: number): boolean {
    if (this.#isBroken || this.#isClosed) {
      return false;
    }
    if (this.#pendingBytes + bytes > this.#options.limitBytes) {
      this.#droppedSinceReport += 1;
      this.#droppedTotal += 1;
      return false;
    }
    return true;
  }

  /** A line is in the last chunk. */
  #added(bytes: number): void {
    this.#lastBytes += bytes;
    this.#pendingBytes += bytes;
    if (this.#fullChunks.length > 0 || this.#lastBytes === this.#chunkBytes) {
      this.flush();
    } else {
      this.#startTimer();
    }
  }

  /** A line that no chunk holds is one itself. */
  #addLong(line: Buffer): void {
    this.#fullChunks.push(line);
    this.#pendingBytes += line.length;
    this.flush();
  }

  #beginChunk(): void {
    if (this.#lastBytes > 0) {
      this.#fullChunks.push(this.#lastChunk.subarray(0, this.#lastBytes));
      this.#lastChunk = this.#spareChunks.pop() ?? Buffer.allocUnsafeSlow(this.#chunkBytes);
      this.#lastBytes = 0;
    }
  }

  #reuse(chunks: readonly Buffer[]): void {
    for (const { buffer } of chunks) {
      if (buffer.byteLength === this.#chunkBytes && this.#spareChunks.length < maxSpareChunks) {
        this.#spareChunks.push(Buffer.from(buffer));
      }
    }
  }

  #startTimer(): void {
    if (this.#timer === undefined) {
      this.#timer = setTimeout(() => this.flush(), this.#options.flushAfterMs);
      this.#timer.unref();
    }
  }

  #forgetPending(): void {
    this.#fullChunks = [];
    this.#lastBytes = 0;
    this.#pendingBytes = 0;
  }

  #wakeWaiters(): void {
    for (const wake of this.#idleWaiters.splice(0)) {
      wake();
    }
  }
}

function isRegularFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    // Closed already: the first write tells.
    return false;
  }
}

/** Stops this thread for a moment, for want of a synchronous way to wait for others. */
function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
}

function sizeOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}

/** What is left of chunks once so many bytes of them are written. */
function without(chunks: readonly Buffer[], writtenBytes: number): Buffer[] {
  let skipBytes = writtenBytes;
  const rest: Buffer[] = [];
  for (const chunk of chunks) {
    if (skipBytes < chunk.length) {
      rest.push(chunk.subarray(skipBytes));
    }
    skipBytes = Math.max(0, skipBytes - chunk.length);
  }
  return rest;
}
