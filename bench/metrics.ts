/**
 * What do metrics cost per request? Times the calls that one small GET makes (started, a cache lookup, one storage
 * call, finished), on and off, beside prom-client's own classes for the same numbers.
 *
 *   npx tsc -p test/tsconfig.json --noEmit false --outDir dist/bench-run && node dist/bench-run/bench/metrics.js
 */

import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { createMetrics, type Metrics } from '../src/observe/metrics.ts';
import { noMetrics } from '../src/observe/no-metrics.ts';
import { measure, printMachine } from './support/measure.ts';

const handlers = ['manifest', 'blob', 'tags', 'base'] as const;
const methods = ['GET', 'HEAD'] as const;

function request(metrics: Metrics, turn: number): void {
  const handler = handlers[turn & 3] as string;
  metrics.requestStarted(handler);
  metrics.cacheRequest();
  metrics.cacheHit();
  metrics.storageAction('filesystem', 'GetContent', 0.0004);
  metrics.requestFinished(handler, methods[turn & 1] as string, 200, 0.0011, 0, 1200);
}

/** The same through prom-client's labelled children, for comparison. */
function promClient(): (turn: number) => void {
  const registers = [new Registry()];
  const help = 'help';
  const inFlight = new Gauge({ name: 'a', help, labelNames: ['handler'], registers });
  const total = new Counter({
    name: 'b',
    help,
    labelNames: ['code', 'handler', 'method'],
    registers,
  });
  const seconds = new Histogram({ name: 'c', help, labelNames: ['handler', 'method'], registers });
  const requestBytes = new Histogram({ name: 'd', help, labelNames: ['handler'], registers });
  const responseBytes = new Histogram({ name: 'e', help, labelNames: ['handler'], registers });
  const storage = new Histogram({ name: 'f', help, labelNames: ['driver', 'action'], registers });
  const cache = new Counter({ name: 'g', help, registers });
  const hits = new Counter({ name: 'h', help, registers });
  return (turn) => {
    const handler = handlers[turn & 3] as string;
    const method = methods[turn & 1] as string;
    inFlight.inc({ handler });
    cache.inc();
    hits.inc();
    storage.observe({ driver: 'filesystem', action: 'GetContent' }, 0.0004);
    inFlight.dec({ handler });
    total.inc({ code: '200', handler, method });
    seconds.observe({ handler, method }, 0.0011);
    requestBytes.observe({ handler }, 0);
    responseBytes.observe({ handler }, 1200);
  };
}

printMachine();
const on = createMetrics();
const rows: [string, (turn: number) => void, number][] = [
  ['off', (turn) => request(noMetrics, turn), 5_000_000],
  ['on', (turn) => request(on, turn), 5_000_000],
  ['prom-client', promClient(), 200_000],
];
for (const [name, run, rounds] of rows) {
  process.stdout.write(`${name.padEnd(12)} ${measure(run, rounds).toFixed(0)} ns per request\n`);
}
const started = performance.now();
const page = await on.text();
process.stdout.write(
  `a page of ${page.length} bytes in ${(performance.now() - started).toFixed(1)} ms\n`,
);
