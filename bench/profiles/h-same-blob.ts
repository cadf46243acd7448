/** (h) A release day: 64 clients pull the same large layer at the same time. */

import { setTimeout as wait } from 'node:timers/promises';
import { Connection } from '../load/connection.ts';
import { uniqueBlob } from '../load/content.ts';
import type { Measurement } from '../load/measurement.ts';
import { getBlob, pushBlob } from '../load/push.ts';
import { sizeName } from './layers.ts';
import type { Case, Profile, Target } from './profile.ts';

const clients = 64;
const repository = 'bench/same';

export const sameBlob: Profile = {
  id: 'h',
  title: '64 clients pull the same 1 GiB blob',
  question: 'What is the total throughput, and does the slowest client get its share?',
  minutes: 0.8,
  async open({ port, scale }: Target): Promise<readonly Case[]> {
    const blob = uniqueBlob(scale.hugeBytes);
    const connection = new Connection(port);
    await pushBlob(connection, repository, blob);
    connection.close();
    return [
      {
        name: `${clients} clients, ${sizeName(scale.hugeBytes)}`,
        unit: 'MiB/s',
        run: (seconds) => pullAtOnce(port, blob.digest, seconds),
      },
    ];
  },
};

/** Counts what arrives within the time and cuts the rest: to the end it would be 64 GiB a run. */
async function pullAtOnce(port: number, digest: string, seconds: number): Promise<Measurement> {
  const lanes = Array.from({ length: clients }, () => new Connection(port));
  const over = new AbortController();
  const started = performance.now();
  const pulls = lanes.map(async (lane) => {
    while (!over.signal.aborted) {
      await getBlob(lane, repository, digest);
    }
  });
  const all = Promise.all(pulls);
  try {
    await Promise.race([wait(seconds * 1000), all]);
  } finally {
    over.abort();
  }
  const elapsed = (performance.now() - started) / 1000;
  const received = lanes.map((lane) => lane.receivedBytes);
  for (const lane of lanes) {
    lane.close();
  }
  // The cut makes each pull fail, which is how they end.
  await all.catch(() => {});
  const bytes = received.reduce((sum, each) => sum + each, 0);
  if (bytes === 0) {
    throw new Error('no byte arrived in time');
  }
  return {
    count: bytes / 1024 ** 2,
    bytes,
    seconds: elapsed,
    notes: { 'slowest client, share of an equal part': (Math.min(...received) * clients) / bytes },
  };
}
