/**
 * A worker entry that does its jobs as the built one does, but dies in the middle of uploads whose path says so:
 * `die-throw`, `die-exit` and `die-memory`, after a piece has reached the disk. Started by worker-death.test.ts.
 */

import work from '../../dist/src/worker/entry.js';

const ways = {
  throw() {
    throw new Error('a fault nobody caught');
  },
  exit() {
    process.exit(3);
  },
  memory() {
    const kept = [];
    for (;;) {
      kept.push(new Array(1_000_000).fill(kept.length));
    }
  },
};

export default async function dyingWork(job) {
  const way = /die-(throw|exit|memory)/.exec(job.request?.path ?? '')?.[1];
  if (way !== undefined) {
    let pieces = 0;
    job.port.on('message', () => {
      pieces += 1;
      if (pieces === 2) {
        // Outside of the job's own promise, where nothing could turn it into an answer.
        setImmediate(ways[way]);
      }
    });
  }
  return work(job);
}
