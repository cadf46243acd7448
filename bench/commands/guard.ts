/** The command `npm run bench:guard`: compares results with the baseline, or makes them the baseline. */

import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { differences, whyIncomparable, whyNoBaseline } from '../figures/baseline.ts';
import { changeText, compare, isWorse } from '../figures/compare.ts';
import { readResults } from '../figures/results.ts';
import { baselineName, newestResults, type StoredResults } from '../figures/stored.ts';

type Print = (line: string) => void;

const helpText = `Compares ratios to the other registries with those of the committed baseline: what got slower?

  npm run bench:guard -- [options]

  --results FILE    results of npm run bench (default: the newest of the folder)
  --folder DIR      where results and baseline lie (bench/results)
  --tolerance PART  what a ratio may lose before it counts as worse (0.1)
  --accept          make the results the baseline instead, to be committed; refused when a server
                    failed, when the baseline has cases that they lack, or when another kind of
                    storage was measured: remove the baseline by hand if you want them all the same

Ends with 1 when something is worse by more than that and by more than the runs' own spread, when
our server failed in a case, and when there is nothing to compare. Names what could not be compared.
`;

/**
 * Gives the exit code.
 *
 * @throws `RangeError` when there is nothing to compare, or the results are not fit for what is asked
 */
export function guard(args: readonly string[], print: Print): number {
  const { values } = parseArgs({
    args: [...args],
    options: {
      results: { type: 'string' },
      folder: { type: 'string', default: 'bench/results' },
      tolerance: { type: 'string', default: '0.1' },
      accept: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    print(helpText.trimEnd());
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
  const baseline = existsSync(baselinePath) ? readResults(baselinePath) : undefined;
  if (values.accept) {
    const reasons = whyNoBaseline(baseline, results);
    if (reasons.length > 0) {
      throw new RangeError(`${path} is no baseline:\n  ${reasons.join('\n  ')}`);
    }
    copyFileSync(path, baselinePath);
    print(`${baselinePath} is now ${path}`);
    return 0;
  }
  if (baseline === undefined) {
    throw new RangeError(`no ${baselinePath} to compare with: --accept makes one`);
  }
  const incomparable = whyIncomparable(baseline, results);
  if (incomparable !== undefined) {
    throw new RangeError(`${path} was ${incomparable}`);
  }
  return judge({ path, results }, { path: baselinePath, results: baseline }, tolerance, print);
}

/** Prints what changed, and gives the exit code. */
function judge(
  now: StoredResults,
  baseline: StoredResults,
  tolerance: number,
  print: Print,
): number {
  const { results } = now;
  if (results.cut !== undefined) {
    print(`the run was cut: ${results.cut}`);
  }
  for (const difference of differences(baseline.results, results)) {
    print(`trust with care: ${difference}`);
  }
  const { changes, failed, missed, comparedCount } = compare(baseline.results, results, tolerance);
  for (const what of missed) {
    print(`not compared: ${what}`);
  }
  for (const text of [...failed, ...changes.map(changeText)]) {
    print(text);
  }
  const worse = changes.filter(isWorse);
  const count = worse.length + failed.length;
  print(
    `${now.path} against ${baseline.path}: ${count} worse by more than ${tolerance * 100} %, in ${comparedCount} cases, by rate, CPU and memory`,
  );
  if (comparedCount === 0) {
    throw new RangeError('nothing could be compared');
  }
  return failed.length > 0 || worse.some((change) => !change.isWithinSpread) ? 1 : 0;
}
