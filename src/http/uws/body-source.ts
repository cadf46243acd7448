/**
 * A request body as uWS pushes it, turned into the pulled RequestBody of exchange.ts: one copy into pooled buffers,
 * the socket paused while nobody reads or no buffer is free.
 *
 *   onData ──copy──> filling ──full, or end, or reader waits──> ready ──read()──> the reader, who gives it back
 *             └────> overflow (while the pool is empty, or nobody has asked yet: what the socket had already received)
 *
 * A large body takes no buffer before its first read. Uploads that wait for a worker would else hold all buffers, and
 * those that the workers wait for would get none: 500 at once stood still.
 */

import { ClientGoneError } from '../../errors.ts';
import type { BufferPool, RequestBody } from '../exchange.ts';
import type { UwsResponse } from './types.ts';

/** Full pieces that may wait for the reader before the socket is paused. */
const maxReadyPieces = 1;
/** A body of up to so many bytes is taken in at once, which saves small pushes a pause; it has a buffer for itself anyway. */
const maxUnaskedBytes = 128 * 1024;
/** How long a waiting reader's bytes gather before a part-filled buffer goes out. A fast upload fills one sooner. */
const gatherMs = 5;
/** Unwanted bytes read and dropped before the socket is paused. */
export const maxDiscardBytes: number = 1024 * 1024;

interface Waiter {
  resolve(piece: Uint8Array | undefined): void;
  reject(error: unknown): void;
}

export class UwsBody implements RequestBody {
  readonly sizeBytes: number | undefined;
  readonly pool: BufferPool;
  receivedBytes = 0;
  /** The whole body arrived, read or not. */
  isComplete = false;
  /** We asked the socket to stop: no clock of the client's runs. */
  isPaused = false;
  /** Called on every arrival; for the no-progress clock. */
  onProgress: (() => void) | undefined;
  /** Called when the body is complete, or when more of it was dropped than we care to read. */
  onSettled: (() => void) | undefined;

  readonly #res: UwsResponse;
  readonly #ready: Uint8Array[] = [];
  #filling: Uint8Array | undefined;
  #filledBytes = 0;
  #overflow: Uint8Array[] = [];
  #isWaitingForPool = false;
  /** Nobody reads for now, and the body is large: the socket waits. */
  #isHeld: boolean;
  #waiter: Waiter | undefined;
  #gatherTimer: NodeJS.Timeout | undefined;
  /** No more will come: complete, or the connection ended (then #failure says why). */
  #isClosed = false;
  #failure: unknown;
  #isDiscarding = false;
  #discardedBytes = 0;
  #discardLimitBytes = maxDiscardBytes;

  constructor(res: UwsResponse, sizeBytes: number | undefined, pool: BufferPool) {
    this.#res = res;
    this.sizeBytes = sizeBytes;
    this.pool = pool;
    res.onData((chunk, isLast) => this.#receive(chunk, isLast));
    this.#isHeld = sizeBytes === undefined || sizeBytes > maxUnaskedBytes;
  }

  /** For the front end, once the handler has begun: a large body that nobody reads yet stays with its client. */
  holdUnread(): void {
    if (this.#isHeld) {
      this.#steer();
    }
  }

  read(): Promise<Uint8Array | undefined> {
    if (this.#isHeld) {
      this.#isHeld = false;
      this.#refill();
    }
    const piece = this.#ready.shift();
    if (piece !== undefined) {
      this.#steer();
      return Promise.resolve(piece);
    }
    if (this.#isDiscarding || (this.#isClosed && this.#overflow.length === 0)) {
      return this.#failure === undefined
        ? Promise.resolve(undefined)
        : Promise.reject(this.#failure);
    }
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
      this.#gatherForWaiter();
    });
  }

  takeHeld(): Uint8Array | undefined {
    if (this.#isDiscarding) {
      return undefined;
    }
    this.#isHeld = true;
    this.#flushFilling();
    const piece = this.#ready.shift();
    this.#steer();
    return piece;
  }

  cancel(reason?: unknown): void {
    if (this.#isDiscarding) {
      return;
    }
    this.#isDiscarding = true;
    this.#isHeld = false;
    this.#failure ??= this.isComplete
      ? undefined
      : (reason ?? new ClientGoneError('body cancelled'));
    for (const piece of this.#ready.splice(0)) {
      this.pool.give(piece);
    }
    if (this.#filling !== undefined) {
      this.pool.give(this.#filling);
      this.#filling = undefined;
    }
    this.#overflow = [];
    this.#settleWaiter();
    this.#steer();
  }

  /** The connection ended. What arrived before stays readable; then `read` rejects with `reason`. */
  fail(reason: unknown): void {
    if (this.#isClosed) {
      return;
    }
    this.#failure ??= reason;
    this.#isClosed = true;
    this.#flushFilling();
    this.#settleWaiter();
  }

  /** Bytes still to come from the client, if it told us. */
  get missingBytes(): number | undefined {
    return this.sizeBytes === undefined ? undefined : this.sizeBytes - this.receivedBytes;
  }

  /** After the reply: gives unread buffers back; what still arrives is dropped, the response object not touched. */
  release(): void {
    this.#isClosed = true;
    this.cancel();
    this.onProgress = undefined;
    this.onSettled = undefined;
  }

  /** Drops more of a cancelled body, for a connection that is about to close. */
  dropMore(maxBytes: number): void {
    this.#discardLimitBytes = this.#discardedBytes + maxBytes;
    this.#steer();
  }

  #receive(chunk: ArrayBuffer, isLast: boolean): void {
    if (this.#isClosed) {
      return;
    }
    this.receivedBytes += chunk.byteLength;
    if (this.#isDiscarding) {
      this.#discardedBytes += chunk.byteLength;
    } else if (chunk.byteLength > 0) {
      this.#store(new Uint8Array(chunk));
    }
    this.onProgress?.();
    if (isLast) {
      this.isComplete = true;
      if (this.isPaused) {
        // The end came with the bytes that were too much: the connection's next request must still be heard.
        this.isPaused = false;
        this.#res.resume();
      }
      this.#isClosed = true;
      this.#resumeForNextRequest();
      if (this.#overflow.length === 0) {
        this.#flushFilling();
      }
      this.#settleWaiter();
      this.onSettled?.();
    } else {
      if (this.#ready.length > 0) {
        this.#settleWaiter();
      } else {
        this.#gatherForWaiter();
      }
      this.#steer();
    }
  }

  #store(bytes: Uint8Array): void {
    const mustWait = this.#isHeld || this.#overflow.length > 0;
    const rest = mustWait ? bytes : this.#fill(bytes);
    if (rest.length > 0) {
      this.#overflow.push(rest.slice());
      if (!this.#isHeld) {
        this.#waitForPool();
      }
    }
  }

  /** Copies into pooled buffers as far as the pool goes; gives what is left. */
  #fill(bytes: Uint8Array): Uint8Array {
    let rest = bytes;
    while (rest.length > 0) {
      this.#filling ??= this.pool.take(this.sizeBytes);
      const buffer = this.#filling;
      if (buffer === undefined) {
        return rest;
      }
      const room = buffer.length - this.#filledBytes;
      const part = rest.length > room ? rest.subarray(0, room) : rest;
      buffer.set(part, this.#filledBytes);
      this.#filledBytes += part.length;
      if (this.#filledBytes === buffer.length) {
        this.#flushFilling();
      }
      rest = rest.subarray(part.length);
    }
    return rest;
  }

  #waitForPool(): void {
    if (this.#isWaitingForPool) {
      return;
    }
    this.#isWaitingForPool = true;
    this.pool.onFree(() => {
      this.#isWaitingForPool = false;
      if (!this.#isHeld) {
        this.#refill();
      }
    });
  }

  #refill(): void {
    for (let bytes = this.#overflow.shift(); bytes !== undefined; bytes = this.#overflow.shift()) {
      const rest = this.#fill(bytes);
      if (rest.length > 0) {
        this.#overflow.unshift(rest);
        this.#waitForPool();
        break;
      }
    }
    if (this.#isClosed && this.#overflow.length === 0) {
      this.#flushFilling();
    }
    if (this.#ready.length > 0) {
      this.#settleWaiter();
    } else {
      this.#gatherForWaiter();
    }
    this.#steer();
  }

  #flushFilling(): void {
    const buffer = this.#filling;
    if (buffer !== undefined) {
      this.#ready.push(
        this.#filledBytes === buffer.length ? buffer : buffer.subarray(0, this.#filledBytes),
      );
      this.#filling = undefined;
      this.#filledBytes = 0;
    }
  }

  #gatherForWaiter(): void {
    if (this.#waiter === undefined || this.#filling === undefined) {
      return;
    }
    this.#gatherTimer ??= setTimeout(() => {
      this.#gatherTimer = undefined;
      if (this.#waiter !== undefined) {
        this.#flushFilling();
        this.#settleWaiter();
      }
    }, gatherMs);
  }

  /** Answers a waiting read if there is a piece, an end or a failure to answer with. */
  #settleWaiter(): void {
    const waiter = this.#waiter;
    if (waiter === undefined) {
      return;
    }
    const piece = this.#ready.shift();
    const isOver = this.#isDiscarding || (this.#isClosed && this.#overflow.length === 0);
    if (piece === undefined && !isOver) {
      return;
    }
    this.#waiter = undefined;
    clearTimeout(this.#gatherTimer);
    this.#gatherTimer = undefined;
    if (piece === undefined && this.#failure !== undefined) {
      waiter.reject(this.#failure);
    } else {
      waiter.resolve(piece);
    }
  }

  /**
   * A piece and the end of a chunked body may come out of one read of the socket, so that it was paused for the piece a
   * moment ago. Nobody would resume it, and the next request on the connection would not be heard.
   */
  #resumeForNextRequest(): void {
    if (this.isPaused) {
      this.isPaused = false;
      this.#res.resume();
    }
  }

  /** Pauses or resumes the socket as the amounts held demand. */
  #steer(): void {
    if (this.#isClosed) {
      return;
    }
    const isTooMuch = this.#isDiscarding
      ? this.#discardedBytes > this.#discardLimitBytes
      : this.#isHeld || this.#overflow.length > 0 || this.#ready.length >= maxReadyPieces;
    if (isTooMuch !== this.isPaused) {
      this.isPaused = isTooMuch;
      if (isTooMuch) {
        this.#res.pause();
        if (this.#isDiscarding) {
          this.onSettled?.();
        }
      } else {
        this.#res.resume();
      }
    }
  }
}

/** The body of a request that has none, shared by all of them. */
export function emptyBody(pool: BufferPool): RequestBody {
  return {
    sizeBytes: 0,
    pool,
    read: () => Promise.resolve(undefined),
    cancel(): void {},
  };
}
