/**
 * Listing of a directory in byte order, page by page. Temp files are left out: they are no content, and readers that
 * walk a tree need not know of them. Other leftovers are shown; those who list decide.
 */

import type { Dirent } from 'node:fs';
import type { ListEntry, ListOptions } from '../../driver.ts';
import { isTempName } from './apply.ts';
import { readDirectory, statFile } from './file-calls.ts';
import { errnoOf } from './file-error.ts';

/** @throws errno errors */
export async function listDirectory(
  directory: string,
  options: ListOptions,
): Promise<readonly ListEntry[]> {
  const { after } = options;
  const found = (await readDirectory(directory)).filter(
    (entry) =>
      (after === undefined || entry.name > after) &&
      (entry.isDirectory() || !isTempName(entry.name)),
  );
  // Names outside the path grammar are filtered out above this driver; within it (ASCII) this is byte order.
  found.sort((a, b) => (a.name < b.name ? -1 : 1));
  const page = options.limit === undefined ? found : found.slice(0, options.limit);
  return Promise.all(
    page.map(async (entry) => ({
      name: entry.name,
      isDirectory: entry.isSymbolicLink()
        ? await pointsToDirectory(directory, entry)
        : entry.isDirectory(),
    })),
  );
}

/** Operators spread a big registry over disks by symbolic links. */
async function pointsToDirectory(directory: string, entry: Dirent): Promise<boolean> {
  try {
    return (await statFile(`${directory}/${entry.name}`)).isDirectory();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ELOOP') {
      return false;
    }
    throw error;
  }
}
