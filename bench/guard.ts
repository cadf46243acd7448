/**
 * Did anything get slower since the committed baseline? Compares ratios to the other registries. Run by hand: figures
 * of a shared machine are no judge in CI.
 *
 *   npm run bench:guard -- --help
 */

import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { changes, changeText, isWorse } from './figures/compare.ts';
import { readResults } from './figures/results.ts';
import { baselineName, newestResults } from './figures/stored.ts';

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

const helpText = `Compares ratios to the other registries with those of the committed baseline: what got slower?

  npm run bench:guard -- [options]

  --results FILE    results of npm run bench (default: the newest of the folder)
  --folder DIR      where results and baseline lie (bench/results)
  --tolerance PART  what a ratio may lose before it counts as worse (0.1)
  --accept          make the results the baseline instead, to be committed

Ends with 1 when something is worse by more than that and by more than the runs' own spread.
`;

function main(): number {
  const { values } = parseArgs({
    options: {
      results: { type: 'string' },
      folder: { type: 'string', default: 'bench/results' },
      tolerance: { type: 'string', default: '0.1' },
      accept: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(helpText);
    return 0;
  }
  const tolerance = Number(values.tolerance);
  if (!(tolerance > 0 && tolerance < 1)) {
    throw new RangeError(`--tolerance wants a number between 0 and 1, not ${values.tolerance}`);
  }
  const baselinePath = join(values.folder, baselineName);
  const { path, results } =
    values.results === undefined
      ? newestResults(values.folder)
      : { path: values.results, results: readResults(values.results) };
  if (results.isQuick) {
    throw new RangeError(`${path} was taken with --quick: such figures are no measure`);
  }
  if (values.accept) {
    copyFileSync(path, baselinePath);
    print(`${baselinePath} is now ${path}`);
    return 0;
  }
  if (!existsSync(baselinePath)) {
    throw new RangeError(`no ${baselinePath} to compare with: --accept makes one`);
  }
  const found = changes(readResults(baselinePath), results, tolerance);
  const worse = found.filter(isWorse);
  for (const change of found) {
    print(changeText(change));
  }
  print(`${path} against ${baselinePath}: ${worse.length} worse by more than ${tolerance * 100} %`);
  return worse.some((change) => !change.isWithinSpread) ? 1 : 0;
}

try {
  process.exitCode = main();
} catch (error) {
  process.stderr.write(`guard: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
