/** What the load process tells of one run, and how many-times-over jobs become such a figure. */

import { quantile } from '../figures/statistics.ts';
import { Connection } from './connection.ts';

/** One run of one case, as the client saw it. */
export interface Measurement {
  /** Units done: images, requests, or MiB, as the case says. */
  readonly count: number;
  readonly seconds: number;
  /** Bodies sent or received. */
  readonly bytes: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  /** Other figures worth telling, by name. */
  readonly notes?: Readonly<Record<string, number>>;
}

/** Gives the bytes it moved. `turn` counts over all connections. */
export type Job = (connection: Connection, turn: number, lane: number) => Promise<number>;

/**
 * Runs a job again and again on each of `connections` until `seconds` are over, each at least once, and waits for all:
 * a slow job is finished and timed to its end, so a run is never without a figure.
 */
export async function repeatFor(
  load: { port: number; connections: number; seconds: number; readBytes?: number },
  job: Job,
): Promise<Measurement> {
  const latencies: number[] = [];
  let bytes = 0;
  let turn = 0;
  const started = performance.now();
  const until = started + load.seconds * 1000;
  const lanes = Array.from({ length: load.connections }, async (_, lane) => {
    const connection = new Connection(load.port, load.readBytes);
    try {
      do {
        const start = performance.now();
        const moved = await job(connection, turn++, lane);
        bytes += moved;
        latencies.push(performance.now() - start);
      } while (performance.now() < until);
    } finally {
      connection.close();
    }
  });
  await Promise.all(lanes);
  const seconds = (performance.now() - started) / 1000;
  return {
    count: latencies.length,
    seconds,
    bytes,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
  };
}

/** The same figure counted in MiB, for cases whose rate is a throughput. */
export function inMebibytes(measurement: Measurement): Measurement {
  return { ...measurement, count: measurement.bytes / 1024 ** 2 };
}
