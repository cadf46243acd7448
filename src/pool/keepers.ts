/**
 * Which thread takes which job. The next chunk of an upload goes to the thread that keeps the upload's hash
 * (upload-hash.ts), unless that one is far busier than others; every other job goes to the thread with the fewest.
 * A thread without the hash stores the chunk all the same: it is then read once at commit. Used by worker-pool.ts alone.
 */

import { LRUCache } from 'lru-cache';
import { type Piscina, queueOptionsSymbol } from 'piscina';

type LoadBalancer = NonNullable<
  NonNullable<ConstructorParameters<typeof Piscina>[0]>['loadBalancer']
>;
type PiscinaWorker = Parameters<LoadBalancer>[1][number];

/** Uploads remembered: a few KiB a hundred. */
const maxRemembered = 10_000;
/** Jobs that a thread may have beyond twice those of the least busy one before a chunk goes elsewhere. */
const slackJobs = 4;

interface Kept {
  readonly path: string;
}

/** A job whose thread will keep a hash of the upload at `path`. Threads do not see the mark: symbols are not cloned. */
export function keeping<Job extends object>(job: Job, path: string): Job {
  const kept: Kept = { path };
  return { ...job, [queueOptionsSymbol]: kept };
}

export class Keepers {
  readonly #threadIds: LRUCache<string, number> = new LRUCache({ max: maxRemembered });
  #lastId: number | undefined;

  /** Fits Piscina's `loadBalancer`. */
  readonly choose: LoadBalancer = (task, workers) => {
    const least = this.#leastBusy(workers);
    const kept = task[queueOptionsSymbol] as Kept | null;
    if (least === undefined || kept === null) {
      return least ?? null;
    }
    const keeper = workers.find(({ id }) => id === this.#threadIds.get(kept.path));
    const isFree =
      keeper !== undefined && keeper.currentUsage <= 2 * least.currentUsage + slackJobs;
    const chosen = isFree ? keeper : least;
    this.#threadIds.set(kept.path, chosen.id);
    return chosen;
  };

  /** Of equals not the last one again: uploads that begin while all threads are idle would gather on one. */
  #leastBusy(workers: readonly PiscinaWorker[]): PiscinaWorker | undefined {
    let least: PiscinaWorker | undefined;
    for (const worker of workers) {
      const difference = worker.currentUsage - (least?.currentUsage ?? Number.POSITIVE_INFINITY);
      if (difference < 0 || (difference === 0 && least?.id === this.#lastId)) {
        least = worker;
      }
    }
    this.#lastId = least?.id;
    return least;
  }
}
