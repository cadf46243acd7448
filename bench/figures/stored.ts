/** Finds results files of a folder: the newest, or the newest that are fit for a purpose. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Results, readResults } from './results.ts';

export const baselineName = 'baseline.json';

export interface StoredResults {
  readonly path: string;
  readonly results: Results;
}

export interface ChosenResults extends StoredResults {
  /** Newer ones that were not fit, each with its reason. */
  readonly passedOver: readonly string[];
}

/** Throws when there is none. */
export function newestResults(folder: string): StoredResults {
  const [newest] = namesOf(folder);
  if (newest === undefined) {
    throw new RangeError(`no results in ${folder}: run npm run bench first`);
  }
  return stored(folder, newest);
}

/**
 * The newest that are fit; when none of one's own are, those that came with the project.
 *
 * @param whyUnfit  The reason to pass results over, `undefined` for those that are fit.
 * @throws when there are none
 */
export function newestFit(
  folder: string,
  whyUnfit: (results: Results) => string | undefined,
): ChosenResults {
  const passedOver: string[] = [];
  const isBaselineThere = existsSync(join(folder, baselineName));
  for (const name of [...namesOf(folder), ...(isBaselineThere ? [baselineName] : [])]) {
    const found = stored(folder, name);
    const reason = whyUnfit(found.results);
    if (reason === undefined) {
      return { ...found, passedOver };
    }
    passedOver.push(`${found.path}: ${reason}`);
  }
  const reasons = passedOver.map((reason) => `\n  ${reason}`).join('');
  throw new RangeError(`no fit results in ${folder}: run npm run bench first${reasons}`);
}

function stored(folder: string, name: string): StoredResults {
  const path = join(folder, name);
  return { path, results: readResults(path) };
}

/** Names start with the time: the newest comes first. */
function namesOf(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => /^\d.*\.json$/.test(name))
    .sort()
    .reverse();
}
