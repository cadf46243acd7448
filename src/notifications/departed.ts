/**
 * Events of endpoints that are configured no more, found in the spool: kept as dead letters, and counted as if these
 * endpoints were still there, so that metrics and alerts tell. Used by notifications.ts.
 */

import type { Logger } from '../observe/logger.ts';
import type { EndpointState } from '../observe/read-metrics.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { SpoolRecord } from './spool-record.ts';

export class Departed {
  readonly #counts = new Map<string, number>();

  /**
   * @param records  Each for one endpoint.
   * @returns false, with a log line, when some could not be kept: they must stay where they are
   */
  async setAside(
    records: readonly SpoolRecord[],
    deadLetters: Pick<DeadLetters, 'put'>,
    logger: Logger,
  ): Promise<boolean> {
    let areAllKept = true;
    for (const key of new Set(records.flatMap((record) => record.for))) {
      const own = records.filter((record) => record.for.includes(key));
      const fields = { endpoint: key, events: own.length };
      if (await deadLetters.put(own)) {
        this.#counts.set(key, (this.#counts.get(key) ?? 0) + own.length);
        logger.warn(
          'notifications of an endpoint that is not configured: kept as dead letters',
          fields,
        );
      } else {
        areAllKept = false;
        logger.error(
          'notifications of an endpoint that is not configured cannot be kept as dead letters: they stay in the spool',
          fields,
        );
      }
    }
    return areAllKept;
  }

  states(): readonly EndpointState[] {
    return [...this.#counts].map(([name, deadLetters]) => ({
      name,
      pendingEvents: 0,
      pendingBytes: 0,
      oldestPendingSeconds: 0,
      events: 0,
      successes: 0,
      failures: 0,
      errors: 0,
      statuses: new Map(),
      deadLetters,
      lostEvents: 0,
    }));
  }
}
