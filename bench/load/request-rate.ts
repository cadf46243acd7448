/** The same small request over and over, as fast as replies come: autocannon, or our leaner client on request. */

import autocannon from 'autocannon';
import { type Measurement, repeatFor } from './measurement.ts';
import { expect } from './push.ts';

/** `lean` takes about half of autocannon's CPU: for machines where the client would be the limit. */
export const rateClients = ['autocannon', 'lean'] as const;
export type RateClient = (typeof rateClients)[number];

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
  if (load.client === 'lean') {
    const request = { method, path, headers };
    const run = repeatFor(
      load,
      async (connection) => (await expect(connection, [200, 206], request)).bodyBytes,
    );
    return await run;
  }
  const result = await autocannon({
    url: `http://127.0.0.1:${load.port}${path}`,
    connections: load.connections,
    duration: load.seconds,
    method,
    headers,
    timeout: 60,
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
