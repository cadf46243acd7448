/** Sweeps temp files that a crash left beside their targets. Called by the purge of uploads, at leisure. */

import { readDirectory, removeFile, statFile } from './file-calls.ts';
import { errnoOf } from './file-error.ts';
import { isTempName } from './prepared-step.ts';

/** Removes temp files below `directory` last written before `olderThanMs` (epoch); `dryRun`: only counts. Returns how many. */
export async function removeStaleTemps(
  directory: string,
  olderThanMs: number,
  dryRun = false,
): Promise<number> {
  let removed = 0;
  const waiting = [directory];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    for (const entry of await childrenOf(folder)) {
      const file = `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        waiting.push(file);
      } else if (isTempName(entry.name) && (await removeIfOlder(file, olderThanMs, dryRun))) {
        removed += 1;
      }
    }
  }
  return removed;
}

async function childrenOf(folder: string): Promise<Awaited<ReturnType<typeof readDirectory>>> {
  try {
    return await readDirectory(folder);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') {
      return [];
    }
    throw error;
  }
}

async function removeIfOlder(file: string, olderThanMs: number, dryRun: boolean): Promise<boolean> {
  try {
    if ((await statFile(file)).mtimeMs >= olderThanMs) {
      return false;
    }
    if (!dryRun) {
      await removeFile(file);
    }
    return true;
  } catch (error) {
    // Its writer has just renamed or removed it.
    if (errnoOf(error) === 'ENOENT') {
      return false;
    }
    throw error;
  }
}
