/** Finds results files: the one named, or the newest of a folder. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Results, readResults } from './results.ts';

export const baselineName = 'baseline.json';

export interface StoredResults {
  readonly path: string;
  readonly results: Results;
}

/** Throws when there is none. */
export function newestResults(folder: string): StoredResults {
  const newest = newestName(folder);
  if (newest === undefined) {
    throw new RangeError(`no results in ${folder}: run npm run bench first`);
  }
  return stored(folder, newest);
}

/** As `newestResults`; before the first run of one's own, those that came with the project. */
export function newestOrBaseline(folder: string): StoredResults {
  const isBaselineThere = existsSync(join(folder, baselineName));
  return newestName(folder) === undefined && isBaselineThere
    ? stored(folder, baselineName)
    : newestResults(folder);
}

function stored(folder: string, name: string): StoredResults {
  const path = join(folder, name);
  return { path, results: readResults(path) };
}

/** Names start with the time, so the last by name is the newest. */
function newestName(folder: string): string | undefined {
  return readdirSync(folder)
    .filter((name) => /^\d.*\.json$/.test(name))
    .sort()
    .at(-1);
}
