/** The command `npm run bench:plan`: cores for a load, by the newest results or those named. */

import { parseArgs } from 'node:util';
import { parseSize } from '../figures/parse-size.ts';
import { planText, usualLoads } from '../figures/plan.ts';
import { readResults } from '../figures/results.ts';
import { newestOrBaseline } from '../figures/stored.ts';

const helpText = `How many cores does a load of pushes need? Answered for each server of the results.

  npm run bench:plan -- [options]

  --pushes N         images a second (without it: for some usual loads)
  --layers N         layers of an image (5)
  --layer-size SIZE  bytes of a layer, as 64KiB or 4MiB (64KiB)
  --results FILE     results of npm run bench, with profiles a and c or d (default: the newest of
                     the folder, else the committed baseline)
  --folder DIR       where results lie (bench/results)
`;

/** What to print. Throws `RangeError` on a load or on results that cannot be planned by. */
export function plan(args: readonly string[]): string {
  const { values } = parseArgs({
    args: [...args],
    options: {
      results: { type: 'string' },
      folder: { type: 'string', default: 'bench/results' },
      pushes: { type: 'string' },
      layers: { type: 'string' },
      'layer-size': { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    return helpText;
  }
  if (values.pushes === undefined && (values.layers ?? values['layer-size']) !== undefined) {
    throw new RangeError('--layers and --layer-size want --pushes beside them');
  }
  const { path, results } =
    values.results === undefined
      ? newestOrBaseline(values.folder)
      : { path: values.results, results: readResults(values.results) };
  const loads =
    values.pushes === undefined
      ? usualLoads
      : [
          {
            pushesPerSecond: count('--pushes', values.pushes),
            layers: count('--layers', values.layers ?? '5'),
            layerBytes: parseSize(values['layer-size'] ?? '64KiB'),
          },
        ];
  const { cores, cpu } = results.machine;
  return `By ${path}, taken ${results.takenAt} on ${cores} x ${cpu}.\n${planText(results, loads)}`;
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) {
    throw new RangeError(`${name} wants a number above 0, not ${text}`);
  }
  return value;
}
