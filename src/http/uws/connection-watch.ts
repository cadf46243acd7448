/**
 * Counts connections: refuses those beyond the bound, and notices clients that uWS turns away before a request
 * reaches us (it answers HTTP/1.0 by itself, and header names with `_` not at all), which an operator behind a proxy
 * could not explain otherwise.
 */

import type { Logger } from '../../observe/logger.ts';
import type { UwsResponse } from './types.ts';

const turnedAwayBeforeHint = 3;
const hintEveryMs = 60 * 60 * 1000;
const limitLogEveryMs = 60 * 1000;

export class ConnectionWatch {
  readonly #maxConnections: number;
  readonly #logger: Logger;
  readonly #nowMs: () => number;
  #openCount = 0;
  #openedSinceRequest = 0;
  #hintedAtMs = Number.NEGATIVE_INFINITY;
  #limitLoggedAtMs = Number.NEGATIVE_INFINITY;

  constructor(maxConnections: number, logger: Logger, nowMs: () => number = Date.now) {
    this.#maxConnections = maxConnections;
    this.#logger = logger;
    this.#nowMs = nowMs;
  }

  /** For `App.filter`. Keeps no reference to `res`, which outlives its socket badly. */
  onChange(res: UwsResponse, change: number): void {
    this.#openCount += change;
    if (change < 0) {
      this.#hintIfTurnedAway();
      return;
    }
    this.#openedSinceRequest += 1;
    if (this.#openCount > this.#maxConnections) {
      this.#logLimit();
      res.close();
    }
  }

  onRequest(): void {
    this.#openedSinceRequest = 0;
  }

  #hintIfTurnedAway(): void {
    // Opened since the last request and not open any more: these at least never sent one that uWS understood.
    const turnedAway = this.#openedSinceRequest - this.#openCount;
    const nowMs = this.#nowMs();
    if (turnedAway >= turnedAwayBeforeHint && nowMs - this.#hintedAtMs >= hintEveryMs) {
      this.#hintedAtMs = nowMs;
      this.#logger.warn(
        'connections closed before a request was understood: a proxy that speaks HTTP/1.0 must be set to HTTP/1.1 ' +
          '(nginx: proxy_http_version 1.1), and one that adds headers with other characters than letters, digits and - ' +
          'in their names (SSL_CLIENT_CERT) must not, or set http.frontend to node; TCP health checks look the same and ' +
          'are harmless',
      );
    }
  }

  #logLimit(): void {
    const nowMs = this.#nowMs();
    if (nowMs - this.#limitLoggedAtMs >= limitLogEveryMs) {
      this.#limitLoggedAtMs = nowMs;
      this.#logger.warn('connection refused: the configured number of connections is open', {
        maxConnections: this.#maxConnections,
      });
    }
  }
}
