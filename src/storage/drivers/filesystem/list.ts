/**
 * Listing of a directory in byte order, page by page. Temp files are left out: they are no content, and readers that
 * walk a tree need not know of them. Other leftovers are shown; those who list decide.
 */

import type { Dirent } from 'node:fs';
import type { ListEntry, ListOptions } from '../../driver.ts';
import { firstAfter } from '../../first-after.ts';
import { readDirectory, statFile } from './file-calls.ts';
import { errnoOf } from './file-error.ts';
import type { ListingCache } from './listing-cache.ts';
import { isTempName } from './prepared-step.ts';

/** @throws errno errors */
export async function listDirectory(
  directory: string,
  options: ListOptions,
  cache: ListingCache,
): Promise<readonly ListEntry[]> {
  const entries = await cache.list(directory, () => readSorted(directory));
  const start = options.after === undefined ? 0 : firstAfter(entries, options.after);
  const end = options.limit === undefined ? entries.length : start + options.limit;
  return start === 0 && end >= entries.length ? entries : entries.slice(start, end);
}

async function readSorted(
  directory: string,
): Promise<{ entries: readonly ListEntry[]; isStable: boolean }> {
  const found = (await readDirectory(directory)).filter(
    (entry) => entry.isDirectory() || !isTempName(entry.name),
  );
  // Names outside the path grammar are filtered out above this driver; within it (ASCII) this is byte order.
  found.sort((a, b) => (a.name < b.name ? -1 : 1));
  const links = found.filter((entry) => entry.isSymbolicLink());
  const linked = new Set<string>();
  for (const entry of links) {
    if (await pointsToDirectory(directory, entry)) {
      linked.add(entry.name);
    }
  }
  return {
    entries: found.map((entry) => ({
      name: entry.name,
      isDirectory: entry.isDirectory() || linked.has(entry.name),
    })),
    // What a link points to can change without a trace in this directory.
    isStable: links.length === 0,
  };
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
