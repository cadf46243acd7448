/**
 * What does tracing cost when it is off? Times a bare asynchronous call against the same one inside a span of the
 * tracer that runs by default, with and without the look at `isOn`.
 *
 *   npx tsc -p test/tsconfig.json --noEmit false --outDir dist/bench-run && node dist/bench-run/bench/tracing.js
 */

import { createRequire } from 'node:module';
import { noTracer } from '../src/observe/tracing.ts';
import { measureAsync, printMachine } from './support/measure.ts';

const turns = { sum: 0 };
const work = async (turn: number): Promise<void> => {
  turns.sum += turn;
};

printMachine();
const rounds = 3_000_000;
const rows: [string, (turn: number) => Promise<void>][] = [
  ['bare', (turn) => work(turn)],
  [
    'isOn first',
    (turn) =>
      noTracer.isOn ? noTracer.span('Stat', { path: `/${turn}` }, () => work(turn)) : work(turn),
  ],
  ['span', (turn) => noTracer.span('Stat', { path: '/a' }, () => work(turn))],
];
for (const [name, run] of rows) {
  process.stdout.write(`${name.padEnd(12)} ${(await measureAsync(run, rounds)).toFixed(1)} ns\n`);
}
process.stdout.write(
  `modules of OpenTelemetry loaded: ${loadedOtelModules()} (after ${turns.sum > 0 ? 'all' : 'no'} calls)\n`,
);

/** Its packages are CommonJS, so each loaded file is in require's cache. */
function loadedOtelModules(): number {
  const { cache } = createRequire(import.meta.url);
  return Object.keys(cache).filter((file) => file.includes('@opentelemetry')).length;
}
