/** Writes what a suite measured: a results file and a report, both named after the time. */

import { mkdirSync, mkdtempSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorText } from '../../src/errors.ts';
import type { Results } from '../figures/results.ts';
import { reportPage } from '../report/page.ts';

/** Makes the folder. Throws when files cannot be written there: to be known before a run and not at its end. */
export function makeOutFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
    // Permissions do not tell it all: root may write anywhere but to a file system that is read only.
    rmdirSync(mkdtempSync(join(folder, '.writable-')));
  } catch (error) {
    throw new RangeError(`--out ${folder} cannot be written to: ${errorText(error)}`, {
      cause: error,
    });
  }
}

/** @returns the files written */
export function saveResults(results: Results, folder: string): readonly string[] {
  const base = join(folder, results.takenAt.replaceAll(/[:.]/g, '-'));
  writeFileSync(`${base}.json`, `${JSON.stringify(results, undefined, 1)}\n`);
  writeFileSync(`${base}.html`, reportPage(results));
  return [`${base}.json`, `${base}.html`];
}
