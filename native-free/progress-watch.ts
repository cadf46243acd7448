/**
 * Gives up HTTP/2 exchanges whose client moves no byte of them. Not by Node's timers: those count every frame of the
 * session as movement, also the answers to PING, and a client could hold a reply that it does not take for ever.
 */

import { Slots } from '../src/slots.ts';
import { type NodeExchange, noProgress } from './node-exchange.ts';

const longestPeriodMs = 5_000;

interface Watched {
  readonly exchange: NodeExchange;
  /** Ends the exchange's stream. */
  readonly cut: () => void;
  movedBytes: number;
  movedAtMs: number;
}

export class ProgressWatch {
  readonly #limitMs: number;
  readonly #watched: Slots<Watched> = new Slots();
  #timer: NodeJS.Timeout | undefined;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** @returns The number to delete it by. */
  add(exchange: NodeExchange, cut: () => void): number {
    if (this.#timer === undefined) {
      const periodMs = Math.min(longestPeriodMs, Math.max(20, this.#limitMs / 4));
      this.#timer = setInterval(() => this.#look(Date.now()), periodMs).unref();
    }
    return this.#watched.add({ exchange, cut, movedBytes: 0, movedAtMs: Date.now() });
  }

  delete(number: number): void {
    this.#watched.take(number);
  }

  #look(nowMs: number): void {
    if (this.#watched.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      return;
    }
    for (const watched of this.#watched.values()) {
      const { exchange, movedBytes } = watched;
      if (!exchange.isWaitingForClient || exchange.movedBytes !== movedBytes) {
        watched.movedBytes = exchange.movedBytes;
        watched.movedAtMs = nowMs;
      } else if (nowMs - watched.movedAtMs >= this.#limitMs) {
        exchange.abort(noProgress(this.#limitMs));
        watched.cut();
      }
    }
  }
}
