/**
 * How many cores does a load need? Reads the newest results (or those named) and answers for each server.
 *
 *   node dist/bench/plan.js --pushes 200 --layers 5 --layer-size 64KiB [--results FILE]
 */

import { parseArgs } from 'node:util';
import { parseSize } from './figures/parse-size.ts';
import { planText, usualLoads } from './figures/plan.ts';
import { readResults } from './figures/results.ts';
import { newestResults } from './figures/stored.ts';

try {
  const { values } = parseArgs({
    options: {
      results: { type: 'string' },
      folder: { type: 'string', default: 'bench/results' },
      pushes: { type: 'string' },
      layers: { type: 'string', default: '5' },
      'layer-size': { type: 'string', default: '64KiB' },
    },
  });
  const results =
    values.results === undefined
      ? newestResults(values.folder).results
      : readResults(values.results);
  const loads =
    values.pushes === undefined
      ? usualLoads
      : [
          {
            pushesPerSecond: count('--pushes', values.pushes),
            layers: count('--layers', values.layers),
            layerBytes: parseSize(values['layer-size']),
          },
        ];
  process.stdout.write(planText(results, loads));
} catch (error) {
  process.stderr.write(`plan: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) {
    throw new RangeError(`${name} wants a number above 0, not ${text}`);
  }
  return value;
}
