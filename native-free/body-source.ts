/**
 * A request's body over a Node stream (HTTP/1 message or HTTP/2 stream) as pieces in pooled buffers.
 * Copies each chunk once; stops reading the socket while its buffer is full and nobody asks, or the pool is empty.
 */

import type { Readable } from 'node:stream';
import { ClientGoneError } from '../src/errors.ts';
import type { BufferPool, RequestBody } from '../src/http/exchange.ts';

/**
 * How long a started buffer waits to be filled when the reader already asks. A slow link then costs few pieces, and
 * a fast one fills the buffer sooner than that.
 */
const gatherMs = 4;

export interface BodyHooks {
  /** Called once when the handler starts to read: answers `Expect: 100-continue`. */
  beforeFirstRead(): void;
  /** Asked at the stream's end: Node ends a reset HTTP/2 stream like one that is whole. */
  isCutShort(): boolean;
}

interface Waiter {
  resolve(piece: Uint8Array | undefined): void;
  reject(error: unknown): void;
}

/**
 * ```
 *   unread --read--> open --end--> ended
 *                      |---fail(error)--> failed   (bytes that came before are given out first)
 *   any --cancel--> cancelled
 * ```
 */
export class StreamBody implements RequestBody {
  readonly sizeBytes: number | undefined;
  readonly pool: BufferPool;
  receivedBytes = 0;
  readonly #stream: Readable;
  readonly #hooks: BodyHooks;
  #state: 'unread' | 'open' | 'ended' | 'failed' | 'cancelled' = 'unread';
  #failure: unknown;
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  #filledBytes = 0;
  #uncopied: Uint8Array | undefined;
  #waiter: Waiter | undefined;
  #gatherTimer: NodeJS.Timeout | undefined;
  #isWaitingForPool = false;
  /** Nothing is taken from the stream, nor a buffer from the pool, until the next read. */
  #isHeld = false;

  constructor(stream: Readable, pool: BufferPool, sizeBytes: number | undefined, hooks: BodyHooks) {
    this.#stream = stream;
    this.pool = pool;
    this.sizeBytes = sizeBytes;
    this.#hooks = hooks;
  }

  get isUnread(): boolean {
    return this.#state === 'unread';
  }

  /** True while the reader waits for bytes that only the client can send. */
  get isWaitingForClient(): boolean {
    return this.#state === 'open' && this.#waiter !== undefined && !this.#isWaitingForPool;
  }

  read(): Promise<Uint8Array | undefined> {
    if (this.#waiter !== undefined) return Promise.reject(new TypeError('overlapping body reads'));
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
      this.#isHeld = false;
      if (this.#state === 'unread') this.#start();
      this.#advance();
    });
  }

  takeHeld(): Uint8Array | undefined {
    if (this.#state !== 'open') return undefined;
    this.#isHeld = true;
    this.#stream.pause();
    return this.#filledBytes > 0 ? this.#takeFilled() : undefined;
  }

  cancel(reason?: unknown): void {
    if (this.#state === 'cancelled') return;
    if (this.#state === 'open') {
      this.#stream.removeListener('data', this.#onData);
      this.#stream.pause();
    }
    this.#state = 'cancelled';
    this.#uncopied = undefined;
    this.#filledBytes = 0;
    if (this.#buffer !== undefined) this.pool.give(this.#buffer);
    this.#buffer = undefined;
    clearTimeout(this.#gatherTimer);
    this.#waiter?.reject(reason ?? new TypeError('body cancelled while being read'));
    this.#waiter = undefined;
  }

  /** The connection ended or was given up: what came so far is still given out, then `read` rejects. */
  fail(error: unknown): void {
    if (this.#state !== 'open' && this.#state !== 'unread') return;
    this.#keepBuffered();
    this.#state = 'failed';
    this.#failure = error;
    this.#advance();
  }

  /** What Node has read off the socket but not handed out: nobody else would, once the stream is destroyed. */
  #keepBuffered(): void {
    this.#stream.removeListener('data', this.#onData);
    const rest = this.#stream.read() as Buffer | null;
    if (rest !== null) {
      this.#uncopied = this.#uncopied === undefined ? rest : Buffer.concat([this.#uncopied, rest]);
    }
  }

  #start(): void {
    this.#state = 'open';
    this.#hooks.beforeFirstRead();
    this.#stream.once('end', () => {
      if (this.#state !== 'open') return;
      if (this.#hooks.isCutShort()) {
        this.fail(new ClientGoneError());
        return;
      }
      this.#state = 'ended';
      this.#advance();
    });
    this.#stream.on('data', this.#onData);
  }

  readonly #onData = (chunk: Uint8Array): void => {
    this.receivedBytes += chunk.length;
    this.#uncopied = chunk;
    this.#advance();
  };

  /** Moves bytes as far as buffers and reader allow, then settles the reader or waits for the next event. */
  #advance(): void {
    while (this.#uncopied !== undefined) {
      if (!this.#takeBuffer()) {
        this.#stream.pause();
        return;
      }
      this.#copy();
      if (!this.#isFull()) continue;
      if (this.#waiter === undefined) {
        this.#stream.pause();
        return;
      }
      this.#deliver();
    }
    if (this.#waiter !== undefined) this.#settle();
    if (this.#state === 'open' && !this.#isFull()) this.#stream.resume();
  }

  #settle(): void {
    const isOver = this.#state === 'ended' || this.#state === 'failed';
    if (this.#filledBytes > 0) {
      if (isOver || this.#isFull()) this.#deliver();
      else this.#gatherTimer ??= setTimeout(() => this.#deliver(), gatherMs);
      return;
    }
    if (this.#state === 'open') return;
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (this.#state === 'ended') waiter?.resolve(undefined);
    else waiter?.reject(this.#failure ?? new TypeError('body was cancelled'));
  }

  #takeBuffer(): boolean {
    if (this.#buffer !== undefined) return true;
    if (this.#isWaitingForPool) return false;
    this.#buffer = this.pool.take(this.sizeBytes);
    if (this.#buffer !== undefined) return true;
    this.#isWaitingForPool = true;
    this.pool.onFree(() => {
      this.#isWaitingForPool = false;
      if (!this.#isHeld) this.#advance();
    });
    return false;
  }

  #copy(): void {
    const { buffer, uncopied } = { buffer: this.#buffer, uncopied: this.#uncopied };
    if (buffer === undefined || uncopied === undefined) return;
    const fits = uncopied.subarray(0, buffer.length - this.#filledBytes);
    buffer.set(fits, this.#filledBytes);
    this.#filledBytes += fits.length;
    this.#uncopied = fits.length < uncopied.length ? uncopied.subarray(fits.length) : undefined;
  }

  #isFull(): boolean {
    return this.#buffer !== undefined && this.#filledBytes === this.#buffer.length;
  }

  #deliver(): void {
    clearTimeout(this.#gatherTimer);
    this.#gatherTimer = undefined;
    const waiter = this.#waiter;
    if (this.#buffer === undefined || waiter === undefined) return;
    this.#waiter = undefined;
    waiter.resolve(this.#takeFilled());
  }

  #takeFilled(): Uint8Array | undefined {
    const piece = this.#buffer?.subarray(0, this.#filledBytes);
    this.#buffer = undefined;
    this.#filledBytes = 0;
    return piece;
  }
}

/** The body of a request that has none. */
export function emptyBody(pool: BufferPool): RequestBody {
  return {
    sizeBytes: 0,
    pool,
    read: () => Promise.resolve(undefined),
    cancel() {},
  };
}
