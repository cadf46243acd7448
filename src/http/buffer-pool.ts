/**
 * The bounded store of request-body buffers that all connections share; see BufferPool in exchange.ts.
 * Buffers may leave by transfer to a worker and come back as other ArrayBuffers of the same size.
 */

import type { BufferPool } from './exchange.ts';

/** Measured best between worker messages per MiB and memory per connection (DESIGN.md section 3). */
export const defaultBufferBytes: number = 512 * 1024;

export interface BufferPoolOptions {
  readonly bufferBytes?: number;
  /** How many buffers may be out at once: the bound on memory for all request bodies together. */
  readonly maxBuffers: number;
  /** How many returned buffers are kept for the next taker; the rest goes to the garbage collector. */
  readonly maxFree?: number;
}

export function createBufferPool(options: BufferPoolOptions): BufferPool {
  const { bufferBytes = defaultBufferBytes, maxBuffers, maxFree = maxBuffers } = options;
  const free: Uint8Array<ArrayBuffer>[] = [];
  const waiters: (() => void)[] = [];
  let outstanding = 0;

  return {
    bufferBytes,
    take(): Uint8Array<ArrayBuffer> | undefined {
      if (outstanding >= maxBuffers) {
        return undefined;
      }
      outstanding += 1;
      // Never a slice of Node's shared slab: the whole ArrayBuffer must be free to travel to a worker.
      return free.pop() ?? new Uint8Array(bufferBytes);
    },
    give(buffer: Uint8Array): void {
      outstanding = Math.max(0, outstanding - 1);
      const bytes = buffer.buffer;
      if (
        bytes instanceof ArrayBuffer &&
        bytes.byteLength === bufferBytes &&
        free.length < maxFree
      ) {
        free.push(new Uint8Array(bytes));
      }
      // A waiter that no longer wants a buffer leaves it to the next one.
      while (outstanding < maxBuffers) {
        const wake = waiters.shift();
        if (wake === undefined) {
          return;
        }
        wake();
      }
    },
    onFree(callback: () => void): void {
      waiters.push(callback);
    },
    get outstanding(): number {
      return outstanding;
    },
  };
}
