/**
 * Where the time of a request went: storage and hashing, for its line in a debug log. Measured only at that level,
 * since it follows each request through its asynchronous calls.
 */

import { AsyncLocalStorage } from 'node:async_hooks';

/** Milliseconds; 0 when the request had none of it. */
export interface SpentTimes {
  readonly storageMs: number;
  readonly hashMs: number;
}

/** What wrappers around storage tell; nothing happens outside of a request. */
export interface PhaseClock {
  /** Counts the time that `work` takes as storage's. Calls side by side count once. */
  storage<T>(work: () => Promise<T>): Promise<T>;
  /** As `storage`, for the request that is being served now, from wherever it is called later. */
  bound(): <T>(work: () => Promise<T>) => Promise<T>;
  /** Counts time that was measured elsewhere. */
  spent(times: SpentTimes): void;
}

/** One request's times. */
class RequestPhases implements SpentTimes {
  hashMs = 0;
  #storageMs = 0;
  #callsUnderWay = 0;
  #busySinceMs = 0;

  get storageMs(): number {
    return this.#storageMs;
  }

  begin(): void {
    if (this.#callsUnderWay === 0) {
      this.#busySinceMs = performance.now();
    }
    this.#callsUnderWay += 1;
  }

  end(): void {
    this.#callsUnderWay -= 1;
    if (this.#callsUnderWay === 0) {
      this.#storageMs += performance.now() - this.#busySinceMs;
    }
  }

  add({ hashMs, storageMs }: SpentTimes): void {
    this.hashMs += hashMs;
    this.#storageMs += storageMs;
  }
}

export class RequestClock implements PhaseClock {
  readonly #current: AsyncLocalStorage<RequestPhases> = new AsyncLocalStorage();

  /** Runs a request's work; its times go on growing while the reply is being sent. */
  measure<T>(work: (times: SpentTimes) => T): T {
    const phases = new RequestPhases();
    return this.#current.run(phases, work, phases);
  }

  storage<T>(work: () => Promise<T>): Promise<T> {
    return during(this.#current.getStore(), work);
  }

  bound(): <T>(work: () => Promise<T>) => Promise<T> {
    const phases = this.#current.getStore();
    return (work) => during(phases, work);
  }

  spent(times: SpentTimes): void {
    this.#current.getStore()?.add(times);
  }
}

async function during<T>(phases: RequestPhases | undefined, work: () => Promise<T>): Promise<T> {
  phases?.begin();
  try {
    return await work();
  } finally {
    phases?.end();
  }
}
