/** Where the workers' entry file is: beside us in src/ or dist/src/, with our own extension. */

import { extname } from 'node:path';

/** tsc rewrites imports, not strings in `new URL(…)`: the extension is taken from this file's own. */
export const workerEntryUrl: URL = new URL(
  `../worker/entry${extname(import.meta.url)}`,
  import.meta.url,
);
