/** Version of the program, out of its package.json, and how it is printed. */

import { readFileSync } from 'node:fs';

/** From src/ and dist/src/ alike, package.json is the nearest one above. */
function readVersion(): string {
  for (const up of ['../package.json', '../../package.json']) {
    try {
      const json = JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8')) as {
        version?: string;
      };
      return json.version ?? 'unknown';
    } catch {
      // Not there: one folder further up.
    }
  }
  return 'unknown';
}

export const version: string = readVersion();
