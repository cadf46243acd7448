/** Where the files that threads start with are: in src/ or dist/src/, with the extension of whoever starts them. */

import { extname } from 'node:path';

/**
 * tsc rewrites imports, not strings in `new URL(…)`.
 *
 * @param path  Without extension, relative to `from`, an `import.meta.url`.
 */
export function threadFile(path: string, from: string): URL {
  return new URL(`${path}${extname(from)}`, from);
}
