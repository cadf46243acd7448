/** The command `npm run bench:plan`: cores for a load, by the newest results or those named. */

import { parseArgs } from 'node:util';
import { parseSize } from '../figures/parse-size.ts';
import { type PushLoad, planText, usualLoads, whyNoPlan } from '../figures/plan.ts';
import { readResults } from '../figures/results.ts';
import { newestFit, type StoredResults } from '../figures/stored.ts';

const helpText = `How many cores does a load of pushes need? Answered for each server of the results.

  npm run bench:plan -- [options]

  --pushes N         images a second (without it: for some usual loads)
  --layers N         layers of an image (5)
  --layer-size SIZE  bytes of a layer, as 64KiB or 4MiB (64KiB)
  --results FILE     results of npm run bench, with profiles a and c or d, not --quick (default: the
                     newest such of the folder, else the committed baseline)
  --folder DIR       where results lie (bench/results)

Cores are told by the CPU seconds of the layers measured, in between by a straight line. Beside them
stand the bytes and syncs that storage has to take, and what one process reached.
`;

/** More than anybody means. */
const most = 1e6;

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
  const loads =
    values.pushes === undefined ? usualLoads : [loadOf({ ...values, pushes: values.pushes })];
  const { path, results, passedOver } =
    values.results === undefined
      ? newestFit(values.folder, whyNoPlan)
      : { ...namedResults(values.results), passedOver: [] };
  const { cores, cpu } = results.machine;
  const lines = [
    ...passedOver.map((reason) => `Passed over ${reason}.`),
    `By ${path}, taken ${results.takenAt} on ${cores} x ${cpu}.`,
  ];
  return `${lines.join('\n')}\n${planText(results, loads)}`;
}

function namedResults(path: string): StoredResults {
  const results = readResults(path);
  const reason = whyNoPlan(results);
  if (reason !== undefined) {
    throw new RangeError(`${path}: ${reason}`);
  }
  return { path, results };
}

function loadOf(values: { pushes: string; layers?: string; 'layer-size'?: string }): PushLoad {
  const layerBytes = parseSize(values['layer-size'] ?? '64KiB');
  if (layerBytes < 1) {
    throw new RangeError('--layer-size wants at least a byte');
  }
  return {
    pushesPerSecond: above0('--pushes', values.pushes),
    layers: whole('--layers', values.layers ?? '5'),
    layerBytes,
  };
}

function above0(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= most)) {
    throw new RangeError(`${name} wants a number above 0, ${most} at most, not ${text}`);
  }
  return value;
}

function whole(name: string, text: string): number {
  const value = above0(name, text);
  if (!Number.isInteger(value)) {
    throw new RangeError(`${name} wants a whole number, not ${text}`);
  }
  return value;
}
