/** A folder of its own for a test file, on the machine's disk. */

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TempFolder {
  readonly path: string;
  /** Every file below, relative, whatever its name. */
  files(): Promise<string[]>;
  remove(): Promise<void>;
}

export async function tempFolder(): Promise<TempFolder> {
  const path = await mkdtemp(join(tmpdir(), 'longshore-test-'));
  return {
    path,
    async files(): Promise<string[]> {
      const entries = await readdir(path, { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => !entry.isDirectory())
        .map((entry) => join(entry.parentPath, entry.name).slice(path.length))
        .sort();
    },
    remove: () => rm(path, { recursive: true, force: true }),
  };
}
