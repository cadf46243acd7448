/** The body of a GetObject, pulled piece by piece, without a copy where that pays. Used by reader.ts. */

import type { Readable } from 'node:stream';
import { borrow, type Loan } from './lending-agent.ts';

/**
 * Smaller bodies go by Node's own way, which keeps the connection for the next request. At this size a new one costs
 * less than the copies, and ports in TIME_WAIT do not run out below 1.8 GiB/s.
 */
const minBorrowedBytes = 4 * 1024 * 1024;

interface Waiting {
  readonly resolve: (piece: Uint8Array | undefined) => void;
  readonly reject: (error: unknown) => void;
}

export class Pieces {
  readonly #body: Readable;
  readonly #loan: Loan | undefined;
  readonly #waiting: Uint8Array[] = [];
  #leftBytes: number;
  #reader: Waiting | undefined;
  #hasEnded = false;
  #failure: unknown;

  /** @param sizeBytes  As the answer announced it; nothing is borrowed without. */
  constructor(body: Readable, sizeBytes = 0) {
    this.#body = body;
    this.#leftBytes = sizeBytes;
    // A cut after the last wanted byte is nobody's business; without a listener it would end the process.
    body.on('error', (error) => this.#end(error));
    body.on('close', () => this.#end());
    if (sizeBytes >= minBorrowedBytes) {
      this.#loan = borrow(body, (bytes) => this.#takeLent(bytes));
    }
    if (this.#loan === undefined) {
      body.on('end', () => this.#end());
      body.on('data', (piece: Uint8Array) => {
        body.pause();
        this.#take(piece);
      });
      body.pause();
    } else if (this.#loan.first !== undefined) {
      this.#takeLent(this.#loan.first);
    }
  }

  /** The next piece, valid until the call after; `undefined` at the end, early or not. Rejects when the body failed. */
  next(): Promise<Uint8Array | undefined> {
    const piece = this.#waiting.shift();
    if (piece !== undefined) {
      return Promise.resolve(piece);
    }
    if (this.#hasEnded) {
      return this.#failure === undefined
        ? Promise.resolve(undefined)
        : Promise.reject(this.#failure);
    }
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
      if (this.#loan === undefined) {
        this.#body.resume();
      } else {
        this.#loan.readMore();
      }
    });
  }

  /** Ends the connection unless the body was read to its end. */
  close(): void {
    this.#body.destroy();
    this.#end();
  }

  /** A server that sends more than it announced is not listened to. */
  #takeLent(bytes: Uint8Array): void {
    const piece = bytes.subarray(0, this.#leftBytes);
    this.#leftBytes -= piece.byteLength;
    if (piece.byteLength > 0) {
      this.#take(piece);
    }
    if (this.#leftBytes === 0) {
      this.close();
    }
  }

  #take(piece: Uint8Array): void {
    const reader = this.#reader;
    if (reader === undefined) {
      this.#waiting.push(piece);
    } else {
      this.#reader = undefined;
      reader.resolve(piece);
    }
  }

  #end(error?: unknown): void {
    if (this.#hasEnded) {
      return;
    }
    this.#hasEnded = true;
    this.#failure = error;
    const reader = this.#reader;
    this.#reader = undefined;
    if (error === undefined) {
      reader?.resolve(undefined);
    } else {
      reader?.reject(error);
    }
  }
}
