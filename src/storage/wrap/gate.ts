/**
 * A counting gate with a bounded queue: at most so many pass at once, the others wait in order of arrival. When a disk
 * is blocked nobody leaves; then waiting ends in "unavailable" instead of piling up for ever (distribution#4896).
 */

import { DriverCode, DriverError } from '../driver.ts';

export interface GateLimits {
  /** More waiting than this are turned away at once. */
  readonly maxWaiting: number;
  /** Waiting longer than this fails. */
  readonly maxWaitMs: number;
}

export const defaultGateLimits: GateLimits = { maxWaiting: 10_000, maxWaitMs: 60_000 };

interface Waiter {
  readonly enter: () => void;
  readonly fail: (error: Error) => void;
  readonly deadlineMs: number;
  next: Waiter | undefined;
}

export class Gate {
  readonly #name: string;
  readonly #limits: GateLimits;
  #free: number;
  #first: Waiter | undefined;
  #last: Waiter | undefined;
  #waiting = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(name: string, width: number, limits: GateLimits = defaultGateLimits) {
    this.#name = name;
    this.#free = width;
    this.#limits = limits;
  }

  /** Runs `work` inside the gate. @throws DriverError `DRIVER_UNAVAILABLE` (retryable) when it cannot get in */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) {
      this.#free -= 1;
    } else {
      await this.#wait();
    }
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  #wait(): Promise<void> {
    if (this.#waiting >= this.#limits.maxWaiting) {
      return Promise.reject(this.#busy('too many storage operations are waiting'));
    }
    return new Promise<void>((enter, fail) => {
      const waiter: Waiter = {
        enter,
        fail,
        deadlineMs: performance.now() + this.#limits.maxWaitMs,
        next: undefined,
      };
      if (this.#last === undefined) {
        this.#first = waiter;
      } else {
        this.#last.next = waiter;
      }
      this.#last = waiter;
      this.#waiting += 1;
      this.#timer ??= this.#startTimer(this.#limits.maxWaitMs);
    });
  }

  #leave(): void {
    const next = this.#take();
    if (next === undefined) {
      this.#free += 1;
    } else {
      next.enter();
    }
  }

  #take(): Waiter | undefined {
    const waiter = this.#first;
    if (waiter !== undefined) {
      this.#first = waiter.next;
      this.#last = waiter.next === undefined ? undefined : this.#last;
      this.#waiting -= 1;
    }
    return waiter;
  }

  /** One timer for the queue: all wait equally long, so the first is always the next to run out. */
  #startTimer(delayMs: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.#timer = undefined;
      this.#expire();
    }, delayMs).unref();
  }

  #expire(): void {
    const nowMs = performance.now();
    while (this.#first !== undefined && this.#first.deadlineMs <= nowMs) {
      this.#take()?.fail(this.#busy(`storage did not answer for ${this.#limits.maxWaitMs} ms`));
    }
    if (this.#first !== undefined) {
      this.#timer = this.#startTimer(Math.ceil(this.#first.deadlineMs - nowMs));
    }
  }

  #busy(message: string): DriverError {
    return new DriverError(this.#name, DriverCode.unavailable, message, { retryable: true });
  }
}
