/**
 * A stream of one object that survives cut connections: it goes on from the byte reached, and only on the very object it
 * began with. Used by driver.ts; knows nothing of paths below the bucket.
 */

import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { ByteSource } from '../../../bytes.ts';
import { isPastEnd, isTransient, toDriverError } from './errors.ts';
import type { ObjectStore } from './object-store.ts';
import { Pieces } from './pieces.ts';

/** Tries in a row that bring no byte before the reader gives up. */
const fruitlessTries = 5;
const firstDelayMs = 50;

export interface ReadSpan {
  readonly offset: number;
  /** Exclusive; the object's end when absent. */
  readonly endOffset?: number;
  readonly signal?: AbortSignal;
}

/**
 * Opens the object and waits for its headers, so that a missing one is known at once.
 *
 * @param path  For error messages.
 */
export async function openReader(
  store: ObjectStore,
  key: string,
  path: string,
  span: ReadSpan,
): Promise<ByteSource> {
  const reader = new RangeReader(store, key, path, span);
  await reader.open();
  return reader;
}

class RangeReader implements ByteSource {
  readonly #store: ObjectStore;
  readonly #key: string;
  readonly #path: string;
  readonly #span: ReadSpan;
  #position: number;
  /** Where the bytes end, known from the first answer. */
  #end: number | undefined;
  #etag: string | undefined;
  #pieces: Pieces | undefined;
  #triesLeft = fruitlessTries;
  #isOver = false;
  #failure: unknown;
  readonly #onAbort = (): void => this.cancel(this.#span.signal?.reason);

  constructor(store: ObjectStore, key: string, path: string, span: ReadSpan) {
    this.#store = store;
    this.#key = key;
    this.#path = path;
    this.#span = span;
    this.#position = span.offset;
  }

  async open(): Promise<void> {
    const { signal } = this.#span;
    signal?.throwIfAborted();
    try {
      await this.#request();
      signal?.addEventListener('abort', this.#onAbort, { once: true });
    } catch (error) {
      throw toDriverError(error, 'open', this.#path);
    }
  }

  async read(): Promise<Uint8Array | undefined> {
    while (!this.#isOver) {
      try {
        const piece = await this.#next();
        if (piece === undefined) {
          this.#finish();
        } else if (piece.byteLength > 0) {
          this.#position += piece.byteLength;
          this.#triesLeft = fruitlessTries;
          return piece;
        }
      } catch (error) {
        await this.#retryOrFail(error);
      }
    }
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    return undefined;
  }

  cancel(reason?: unknown): void {
    if (!this.#isOver) {
      this.#failure = reason;
      this.#finish();
    }
  }

  async #next(): Promise<Uint8Array | undefined> {
    if (this.#pieces === undefined) {
      await this.#request();
    }
    const piece = await this.#pieces?.next();
    if (piece !== undefined) {
      return piece;
    }
    if (this.#end !== undefined && this.#position < this.#end && !this.#isOver) {
      throw Object.assign(new Error('the body ended early'), { code: 'ECONNRESET' });
    }
    return undefined;
  }

  async #request(): Promise<void> {
    const { endOffset, signal } = this.#span;
    const isWhole = this.#position === 0 && endOffset === undefined;
    const range = `bytes=${this.#position}-${endOffset === undefined ? '' : endOffset - 1}`;
    try {
      const output = await this.#store.getStream(
        this.#key,
        isWhole ? undefined : range,
        this.#etag,
        signal,
      );
      this.#etag ??= output.ETag;
      this.#end ??=
        output.ContentLength === undefined ? undefined : this.#position + output.ContentLength;
      const body = output.Body as Readable | undefined;
      this.#pieces = body && new Pieces(body, output.ContentLength);
    } catch (error) {
      if (!isPastEnd(error)) {
        throw error;
      }
      this.#end = this.#position;
      this.#finish();
    }
    if (this.#isOver) {
      this.#closePieces();
    }
  }

  async #retryOrFail(error: unknown): Promise<void> {
    this.#closePieces();
    if (this.#isOver) {
      return;
    }
    this.#triesLeft -= 1;
    if (this.#triesLeft <= 0 || !isTransient(error)) {
      this.#failure = toDriverError(error, `read at byte ${this.#position} of`, this.#path);
      this.#finish();
      return;
    }
    const waitMs = firstDelayMs * 2 ** (fruitlessTries - this.#triesLeft) * (0.5 + Math.random());
    await delay(waitMs, undefined, this.#span.signal && { signal: this.#span.signal }).catch(
      ignore,
    );
  }

  #finish(): void {
    this.#isOver = true;
    this.#span.signal?.removeEventListener('abort', this.#onAbort);
    this.#closePieces();
  }

  #closePieces(): void {
    this.#pieces?.close();
    this.#pieces = undefined;
  }
}

function ignore(): void {
  // The failure itself reaches the reader through its pieces, the abort through `cancel`.
}
