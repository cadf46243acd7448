/** Times small functions: warms up, then takes the best of several rounds, which is the one least disturbed. */

import { cpus } from 'node:os';

const repeats = 5;

/** The machine and the versions, at the head of every bench's output. */
export function printMachine(): void {
  const { model = 'unknown' } = cpus()[0] ?? {};
  process.stdout.write(`${cpus().length} x ${model}, Node ${process.version}\n`);
}

/** Nanoseconds per call. */
export function measure(run: (turn: number) => void, rounds: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let repeat = 0; repeat <= repeats; repeat += 1) {
    const started = performance.now();
    for (let turn = 0; turn < rounds; turn += 1) {
      run(turn);
    }
    if (repeat > 0) {
      best = Math.min(best, performance.now() - started);
    }
  }
  return (best * 1e6) / rounds;
}

/** As `measure`, awaiting each call. */
export async function measureAsync(
  run: (turn: number) => Promise<void>,
  rounds: number,
): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let repeat = 0; repeat <= repeats; repeat += 1) {
    const started = performance.now();
    for (let turn = 0; turn < rounds; turn += 1) {
      await run(turn);
    }
    if (repeat > 0) {
      best = Math.min(best, performance.now() - started);
    }
  }
  return (best * 1e6) / rounds;
}
