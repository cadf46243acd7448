/**
 * Knows whether a pool's threads have loaded their modules. A thread that is ended while it still loads takes the whole
 * process with it (Node 20 aborts: "IsGraphAsync must be used on an instantiated module"), so a pool that is closed
 * soon after its start must wait that long.
 */

import type { Piscina } from 'piscina';
import { threadLoaded } from '../worker/loaded.ts';

/** A thread that hangs must not keep the process from ending. */
const longestWaitMs = 5_000;

export class ThreadLoading {
  #made = 0;
  #loaded = 0;
  #wake: (() => void) | undefined;

  /** Right after the pool was made: it tells of its first threads in the next microtask. */
  constructor(piscina: Pick<Piscina, 'on'>) {
    piscina.on('workerCreate', () => {
      this.#made += 1;
    });
    piscina.on('message', (message: unknown) => {
      if (message === threadLoaded) {
        this.#loaded += 1;
        this.#wake?.();
      }
    });
  }

  /** Resolves when every thread that was made has loaded, or after a bound. Threads that died count as loaded. */
  async done(died: number): Promise<void> {
    const isDone = (): boolean => this.#loaded + died >= this.#made;
    // A pool made in this very turn has not told of its threads yet.
    await Promise.resolve();
    if (isDone()) {
      return;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, longestWaitMs);
      this.#wake = (): void => {
        if (isDone()) {
          clearTimeout(timer);
          resolve();
        }
      };
    });
  }
}
