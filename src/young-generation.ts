/**
 * Keeps the main thread's young generation at the size that it has after the start. V8 doubles it, up to twice 16 MiB,
 * when much survives a collection, which a load of uploads brings about; all that it then holds more is garbage, and
 * the buffers that hang on it.
 */

import { setFlagsFromString } from 'node:v8';

/**
 * To be called after the start, and again when a thread has started: V8 sets its factor back with each heap it makes.
 * Threads have bounds of their own (pool/thread-heap.ts), which they reach while they load.
 */
export function keepYoungGeneration(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
