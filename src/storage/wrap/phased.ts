/** Counts the time of a driver's calls, and that of bodies being stored, for the phases of a request (debug log). */

import type { PhaseClock } from '../../observe/phases.ts';
import type { BodyStore } from '../body-store.ts';
import { listNowOf, type StorageDriver } from '../driver.ts';
import { driverWith } from './around.ts';

export function phased(driver: StorageDriver, clock: PhaseClock): StorageDriver {
  const listNow = listNowOf(driver);
  return {
    ...driverWith(
      driver,
      (work) => clock.storage(work),
      // Pieces are read by the front end, after the handler has returned: that still is this request.
      () => clock.bound(),
    ),
    ...(listNow && {
      listNow: (path, sinceMs) => {
        const startedAtMs = performance.now();
        const entries = listNow(path, sinceMs);
        clock.spent({ storageMs: performance.now() - startedAtMs, hashMs: 0 });
        return entries;
      },
    }),
  };
}

/** Whoever stored the body measured it: most of a body's time is spent waiting for the client. */
export function phasedBodyStore(store: BodyStore, clock: PhaseClock): BodyStore {
  return {
    async append(request, body) {
      const outcome = await store.append(request, body);
      clock.spent(outcome.times);
      return outcome;
    },
    async put(request, body) {
      const outcome = await store.put(request, body);
      clock.spent(outcome.times);
      return outcome;
    },
    publish: (from, to) => clock.storage(() => store.publish(from, to)),
    digestFile: (path, algorithms, bytesPerSecond) =>
      clock.storage(() => store.digestFile(path, algorithms, bytesPerSecond)),
    hashFurther: (request) => store.hashFurther(request),
  };
}
