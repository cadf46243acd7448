/**
 * One timer for all open exchanges with something to move. uWS gives up on an upload or download that stalls for
 * 10 s and no setting changes that; `pause` then `resume` restarts its clock, so that our own limit decides.
 */

import { ClientGoneError } from '../../errors.ts';
import { Slots } from '../../slots.ts';
import type { UwsExchange } from './exchange.ts';

/** Well inside uWS's 10 s, which it counts in steps of 4 s. */
const longestPeriodMs = 4000;

export class KeepAwake {
  readonly #noProgressTimeoutMs: number;
  readonly #exchanges: Slots<UwsExchange> = new Slots();
  #timer: NodeJS.Timeout | undefined;

  constructor(noProgressTimeoutMs: number) {
    this.#noProgressTimeoutMs = noProgressTimeoutMs;
  }

  /** Safe to call twice. */
  add(exchange: UwsExchange): void {
    exchange.awakeNumber ??= this.#exchanges.add(exchange);
    if (this.#timer === undefined) {
      const periodMs = Math.min(longestPeriodMs, Math.max(20, this.#noProgressTimeoutMs / 4));
      this.#timer = setInterval(() => this.#tick(Date.now()), periodMs).unref();
    }
  }

  delete(exchange: UwsExchange): void {
    if (exchange.awakeNumber !== undefined) {
      this.#exchanges.take(exchange.awakeNumber);
      exchange.awakeNumber = undefined;
    }
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(nowMs: number): void {
    if (this.#exchanges.size === 0) {
      this.stop();
      return;
    }
    for (const exchange of this.#exchanges.values()) {
      if (exchange.isGone || exchange.isAnswered) {
        this.delete(exchange);
      } else if (exchange.upload?.isPaused) {
        // We hold the client back. A pause stops uWS's clock, but one made inside its callback does not: uWS starts the
        // clock after that, and cut uploads that waited 10 s for a worker. So it is paused once more from here.
        exchange.progressAtMs = nowMs;
        exchange.res.pause();
      } else {
        this.#nudge(exchange, nowMs);
      }
    }
  }

  #nudge(exchange: UwsExchange, nowMs: number): void {
    if (!exchange.isWaitingForClient) {
      exchange.progressAtMs = nowMs;
    } else if (nowMs - exchange.progressAtMs >= this.#noProgressTimeoutMs) {
      const seconds = this.#noProgressTimeoutMs / 1000;
      exchange.cut(new ClientGoneError(`client moved no byte for ${seconds} s`));
      return;
    }
    exchange.res.pause();
    exchange.res.resume();
  }
}
