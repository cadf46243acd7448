/** (j) A new base image: 32 jobs push the same layer at once, each into its own repository. */

import { quantile } from '../figures/statistics.ts';
import { Connection } from '../load/connection.ts';
import { GiB, uniqueBlob } from '../load/content.ts';
import type { Measurement } from '../load/measurement.ts';
import { pushBlob } from '../load/push.ts';
import { sizeName } from './layers.ts';
import type { Case, Profile, Target } from './profile.ts';

const clients = 32;

export const sameLayer: Profile = {
  id: 'j',
  title: 'The same layer pushed by 32 clients at once',
  question: 'Do pushes of one digest get in each other’s way?',
  minutes: 0.8,
  fillsBytes: 2 * GiB,
  async open({ port, scale }: Target): Promise<readonly Case[]> {
    return [
      {
        name: `${clients} clients, ${sizeName(scale.middleBytes)}`,
        unit: 'pushes/s',
        run: (seconds) => pushTogether(port, scale.middleBytes, seconds),
      },
    ];
  },
};

/** Round after round: a new layer, which all clients push, and the round ends with the last of them. */
async function pushTogether(
  port: number,
  sizeBytes: number,
  seconds: number,
): Promise<Measurement> {
  const lanes = Array.from({ length: clients }, () => new Connection(port));
  const latencies: number[] = [];
  const started = performance.now();
  try {
    do {
      const blob = uniqueBlob(sizeBytes);
      const round = performance.now();
      await Promise.all(
        lanes.map(async (lane, index) => {
          await pushBlob(lane, `same/app${index}`, blob);
          latencies.push(performance.now() - round);
        }),
      );
    } while (performance.now() - started < seconds * 1000);
  } finally {
    for (const lane of lanes) {
      lane.close();
    }
  }
  return {
    count: latencies.length,
    bytes: latencies.length * sizeBytes,
    seconds: (performance.now() - started) / 1000,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
  };
}
