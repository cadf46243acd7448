/**
 * Programs that tests drive. A suite that needs one that is not there is skipped under a name that says why; with
 * CI=true the closing reporter counts a skip as a failure.
 */

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe } from 'vitest';

const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];

export function findProgram(name: string): string | undefined {
  return folders
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** `describe`, skipped by name when a program is missing. */
export function describeWith(programs: readonly string[], title: string, body: () => void): void {
  const missing = programs.filter((name) => findProgram(name) === undefined);
  if (missing.length === 0) {
    describe(title, body);
  } else {
    describe.skip(`${title} (skipped: ${missing.join(', ')} not installed)`, body);
  }
}
