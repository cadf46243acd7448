/** How a thread's entry tells its pool that all its modules are loaded: its last statement. */

import { parentPort } from 'node:worker_threads';

export const threadLoaded = 'loaded';

/** Told once the loader is done with the entry itself, which is after its last statement. */
export function tellLoaded(): void {
  queueMicrotask(() => parentPort?.postMessage(threadLoaded));
}
