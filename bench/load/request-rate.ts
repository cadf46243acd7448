/**
 * The same request over and over, as fast as replies come: by autocannon, or by our leaner client on request. HEAD
 * always goes to the lean one: autocannon waits for the body that Content-Length speaks of.
 */

import autocannon from 'autocannon';
import { type Measurement, repeatFor } from './measurement.ts';
import { expect } from './push.ts';

/** `lean` takes less CPU: for machines where the client would be the limit. */
export const rateClients = ['autocannon', 'lean'] as const;
export type RateClient = (typeof rateClients)[number];

/** autocannon ends at the first sample after its time: at its usual second a run could be twice as long. */
const sampleMs = 100;

export interface RateLoad {
  readonly client: RateClient;
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  readonly method: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
}

export async function requestRate(load: RateLoad): Promise<Measurement> {
  const { method, path, headers = {} } = load;
  if (load.client === 'lean' || method === 'HEAD') {
    const request = { method, path, headers };
    return await repeatFor(
      load,
      async (connection) => (await expect(connection, [200, 206], request)).bodyBytes,
    );
  }
  const result = await autocannon({
    url: `http://127.0.0.1:${load.port}${path}`,
    connections: load.connections,
    duration: load.seconds,
    method,
    headers,
    timeout: 60,
    sampleInt: sampleMs,
  });
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(
      `${method} ${path}: ${result.non2xx} replies of another status, ${result.errors} errors`,
    );
  }
  return {
    count: result.requests.total,
    seconds: result.duration,
    bytes: result.throughput.total,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
  };
}
