/** Where the workers' entry files are: beside us in src/ or dist/src/, with our own extension. */

import { extname } from 'node:path';

/** tsc rewrites imports, not strings in `new URL(…)`: the extension is taken from this file's own. */
function workerFile(name: string): URL {
  return new URL(`../worker/${name}${extname(import.meta.url)}`, import.meta.url);
}

export const workerEntryUrl: URL = workerFile('entry');
export const passwordEntryUrl: URL = workerFile('bcrypt-job');
