/**
 * The bounded store of request-body buffers that all connections share; see BufferPool in exchange.ts.
 * Buffers may leave by transfer to a worker and come back as other ArrayBuffers of the same size.
 */

import type { BufferPool } from './exchange.ts';

/** Measured best between worker messages per MiB and memory per connection (DESIGN.md section 3). */
const defaultBufferBytes = 512 * 1024;
/**
 * For bodies that fit, as small layers and configs do. V8 counts a buffer's whole size where it arrives: layers of 64 KiB
 * in large buffers made the storage thread collect garbage for a tenth of its time.
 */
const defaultSmallBufferBytes = 128 * 1024;

export interface BufferPoolOptions {
  readonly bufferBytes?: number;
  readonly smallBufferBytes?: number;
  /** How many buffers may be out at once: the bound on memory for all request bodies together. */
  readonly maxBuffers: number;
  /** How many returned buffers of each size are kept for the next taker; the rest goes to the garbage collector. */
  readonly maxFree?: number;
}

interface FreeBuffers {
  readonly bytes: number;
  readonly list: Uint8Array<ArrayBuffer>[];
}

export function createBufferPool(options: BufferPoolOptions): BufferPool {
  const {
    bufferBytes = defaultBufferBytes,
    smallBufferBytes = defaultSmallBufferBytes,
    maxBuffers,
    maxFree = maxBuffers,
  } = options;
  const large: FreeBuffers = { bytes: bufferBytes, list: [] };
  const small: FreeBuffers = { bytes: smallBufferBytes, list: [] };
  const bothSizes = [large, small];
  const waiters: (() => void)[] = [];
  let outstanding = 0;

  return {
    take(bodyBytes: number | undefined): Uint8Array<ArrayBuffer> | undefined {
      if (outstanding >= maxBuffers) {
        return undefined;
      }
      outstanding += 1;
      // Never a slice of Node's shared slab: the whole ArrayBuffer must be free to travel to a worker.
      const isSmall = bodyBytes !== undefined && bodyBytes <= smallBufferBytes;
      const { bytes, list } = isSmall ? small : large;
      return list.pop() ?? new Uint8Array(bytes);
    },
    give(buffer: Uint8Array): void {
      outstanding = Math.max(0, outstanding - 1);
      const whole = buffer.buffer;
      const free = bothSizes.find(({ bytes }) => bytes === whole.byteLength);
      if (whole instanceof ArrayBuffer && free !== undefined && free.list.length < maxFree) {
        free.list.push(new Uint8Array(whole));
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
