/**
 * Keeps garbage from making the process large. V8 doubles the main thread's young generation, up to twice 16 MiB, when
 * much survives a collection, which a load of uploads brings about; and it lets the old generation grow to several
 * times what is alive before it collects. What lies there meanwhile is garbage, and the buffers that hang on it.
 */

import { setFlagsFromString } from 'node:v8';

/** The old generation is collected when it has doubled. With 30 a push cost 3 % more processor time. */
const growingPercent = 100;

/**
 * The young generation keeps its size from now on. To be called before the start, and again when a thread has started:
 * V8 sets its factor back with each heap that it makes. Threads have bounds of their own (pool/thread-heap.ts), which
 * they reach while they load.
 */
export function curbHeapGrowth(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString(`--heap-growing-percent=${growingPercent}`);
}
