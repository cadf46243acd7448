/**
 * Buffered, asynchronous output of log lines to a file descriptor, bounded in memory. Used by the application log and
 * the access log. Never throws and never rejects: a log that cannot be written must not stop the registry.
 *
 *   write ──> chunks of text ──(chunk full, timer, flush)──> one fs.write in flight ──> fd
 *                 └─ beyond the bound: lines are dropped and counted
 *
 * Not pino's own destination: its exit flush never returns once the reader is gone or the disk is full, and it
 * measures the whole buffer again for each line.
 */

import { writeSync, write as writeToFd } from 'node:fs';

export interface LineWriterOptions {
  /** Longest time that a line waits for company. */
  readonly flushAfterMs: number;
  /** Pending characters that are written at once, without waiting for the timer. */
  readonly chunkChars?: number;
  /** Bound of what waits behind a slow reader; further lines are dropped. */
  readonly limitChars?: number;
  /**
   * Other processes write to the same pipe: no write is larger than what a pipe takes in one piece, so lines stay whole
   * (but for a line that is longer itself).
   */
  readonly sharesPipe?: boolean;
  /** Called once output flows again, with the number of lines dropped since the last call. */
  readonly onDropped?: (lines: number) => void;
}

const retryAfterMs = 100;
const exitPatienceMs = 500;
const maxChunksAtOnce = 16;
/** PIPE_BUF of Linux: POSIX promises that so much is never mixed with the writes of others. */
const atomicBytes = 4096;

export class LineWriter {
  readonly #fd: number;
  readonly #options: Required<LineWriterOptions>;
  /** Full chunks that wait behind the one in flight, oldest first. */
  #fullChunks: string[] = [];
  #lastChunk = '';
  /** Size of the last chunk; kept only for a shared pipe. */
  #lastBytes = 0;
  #pendingChars = 0;
  /** Encoding into the same memory again and again takes a third of the time that fresh buffers take. */
  readonly #encoded: Buffer;
  #inFlight: Buffer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #isBroken = false;
  #isClosed = false;
  #droppedSinceReport = 0;
  #droppedTotal = 0;
  #idleWaiters: (() => void)[] = [];
  readonly #onExit = (): void => this.flushSync();

  constructor(fd: number, options: LineWriterOptions) {
    this.#fd = fd;
    this.#options = {
      chunkChars: 64 * 1024,
      limitChars: 4 * 1024 * 1024,
      sharesPipe: false,
      onDropped: () => {},
      ...options,
    };
    this.#encoded = Buffer.allocUnsafe(this.#options.chunkChars * 4);
    process.on('exit', this.#onExit);
  }

  /** Lines dropped since the start, because the reader was too slow. */
  get droppedLines(): number {
    return this.#droppedTotal;
  }

  /** Takes a whole line, newline included. */
  write(line: string): void {
    if (this.#isBroken || this.#isClosed) {
      return;
    }
    if (this.#pendingChars + line.length > this.#options.limitChars) {
      this.#droppedSinceReport += 1;
      this.#droppedTotal += 1;
      return;
    }
    this.#pendingChars += line.length;
    if (this.#options.sharesPipe) {
      this.#keepWhole(line);
    }
    this.#lastChunk += line;
    if (this.#lastChunk.length >= this.#options.chunkChars) {
      this.#fullChunks.push(this.#lastChunk);
      this.#lastChunk = '';
      this.flush();
    } else {
      this.#startTimer();
    }
  }

  /** Starts writing what is pending, if no write is under way. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#inFlight !== undefined || this.#pendingChars === 0) {
      return;
    }
    const chunk = this.#takeChunk();
    this.#pendingChars -= chunk.length;
    this.#inFlight = this.#encode(chunk);
    this.#writeInFlight();
  }

  /**
   * Writes what is pending before it returns, for fatal lines and the end of the process. What is already in flight
   * belongs to the thread pool and may come out after it. Waits at most half a second for a reader.
   */
  flushSync(): void {
    let rest: Buffer = Buffer.from(this.#fullChunks.join('') + this.#lastChunk, 'utf8');
    this.#forgetPending();
    const deadlineMs = performance.now() + exitPatienceMs;
    while (rest.length > 0 && !this.#isBroken) {
      try {
        rest = rest.subarray(writeSync(this.#fd, rest));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || performance.now() > deadlineMs) {
          return;
        }
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
      }
    }
  }

  /** Writes what is pending and takes no more. Resolves at the latest after `patienceMs`. */
  async close(patienceMs = 2000): Promise<void> {
    if (this.#isClosed) {
      return;
    }
    this.flush();
    this.#isClosed = true;
    if (this.#inFlight !== undefined) {
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([
        new Promise<void>((resolve) => this.#idleWaiters.push(resolve)),
        new Promise<void>((resolve) => {
          timer = setTimeout(resolve, patienceMs);
        }),
      ]);
      clearTimeout(timer);
    }
    clearTimeout(this.#retryTimer);
    process.off('exit', this.#onExit);
  }

  #writeInFlight(): void {
    const buffer = this.#inFlight;
    if (buffer === undefined) {
      return;
    }
    writeToFd(this.#fd, buffer, 0, buffer.length, null, (error, writtenBytes) => {
      if (error !== null) {
        this.#failed(error);
        return;
      }
      if (writtenBytes < buffer.length) {
        this.#inFlight = buffer.subarray(writtenBytes);
        this.#writeInFlight();
        return;
      }
      this.#inFlight = undefined;
      this.#flows();
    });
  }

  #failed(error: NodeJS.ErrnoException): void {
    if (error.code === 'EPIPE' || error.code === 'EBADF') {
      // The reader is gone for good (`serve | head`): serving goes on without a log.
      this.#isBroken = true;
      this.#forgetPending();
      this.#inFlight = undefined;
      this.#wakeWaiters();
      return;
    }
    // EAGAIN: a full non-blocking pipe. ENOSPC, EIO: may pass. The bound on pending text holds meanwhile.
    this.#retryTimer = setTimeout(() => this.#writeInFlight(), retryAfterMs);
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
    } else if (this.#pendingChars > 0) {
      this.#startTimer();
    }
    if (this.#inFlight === undefined) {
      this.#wakeWaiters();
    }
  }

  /** After a delay several chunks go out as one, so that a reader who was slow for a while is caught up with. */
  #takeChunk(): string {
    if (this.#fullChunks.length > 0) {
      const count = this.#options.sharesPipe ? 1 : maxChunksAtOnce;
      return this.#fullChunks.splice(0, count).join('');
    }
    const chunk = this.#lastChunk;
    this.#lastChunk = '';
    return chunk;
  }

  #encode(chunk: string): Buffer {
    // UTF-8 takes at most three bytes for a unit of a string; whatever might not fit gets memory of its own.
    return chunk.length * 3 > this.#encoded.length
      ? Buffer.from(chunk, 'utf8')
      : this.#encoded.subarray(0, this.#encoded.write(chunk, 'utf8'));
  }

  /** Begins a new chunk when a write of the last one and this line might be torn apart. */
  #keepWhole(line: string): void {
    const lineBytes = Buffer.byteLength(line);
    if (this.#lastChunk === '') {
      this.#lastBytes = 0;
    } else if (this.#lastBytes + lineBytes > atomicBytes) {
      this.#fullChunks.push(this.#lastChunk);
      this.#lastChunk = '';
      this.#lastBytes = 0;
      this.flush();
    }
    this.#lastBytes += lineBytes;
  }

  #startTimer(): void {
    if (this.#timer === undefined) {
      this.#timer = setTimeout(() => this.flush(), this.#options.flushAfterMs);
      this.#timer.unref();
    }
  }

  #forgetPending(): void {
    this.#fullChunks = [];
    this.#lastChunk = '';
    this.#pendingChars = 0;
  }

  #wakeWaiters(): void {
    for (const wake of this.#idleWaiters.splice(0)) {
      wake();
    }
  }
}
