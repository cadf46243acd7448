/** The part of autocannon that the benches use; the package carries no types. */
declare module 'autocannon' {
  interface Options {
    url: string;
    connections: number;
    /** Seconds. */
    duration?: number;
    /** Requests in all, in the place of `duration`. */
    amount?: number;
    method?: string;
    headers?: Record<string, string>;
    timeout?: number;
    sampleInt?: number;
  }
  interface Result {
    duration: number;
    errors: number;
    '2xx': number;
    non2xx: number;
    requests: { total: number };
    throughput: { total: number };
    latency: { p50: number; p99: number };
  }
  export default function autocannon(options: Options): Promise<Result>;
}
