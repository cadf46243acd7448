/** Finds results files: the one named, or the newest of a folder. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Results, readResults } from './results.ts';

export const baselineName = 'baseline.json';

/** Names start with the time, so the last by name is the newest. Throws when there is none. */
export function newestResults(folder: string): { path: string; results: Results } {
  const newest = readdirSync(folder)
    .filter((name) => /^\d.*\.json$/.test(name))
    .sort()
    .at(-1);
  if (newest === undefined) {
    throw new RangeError(`no results in ${folder}: run npm run bench first`);
  }
  const path = join(folder, newest);
  return { path, results: readResults(path) };
}
