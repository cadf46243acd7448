/**
 * Directories made of keys: children by delimiter, in the byte order of their names, with as few list calls as there are
 * pages. Tolerates folder markers (keys ending in `/`) that consoles leave behind.
 */

import type { ListEntry, ListOptions } from '../../driver.ts';
import { stateSuffix } from './keys.ts';
import { type ListPage, listPage } from './list-page.ts';
import type { ObjectStore } from './object-store.ts';

const pageSize = 1000;

/** Whether any key starts with the prefix, a folder marker included. */
export async function hasKeys(
  store: ObjectStore,
  prefix: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const page = await listPage(store, { prefix, maxKeys: 1 }, signal);
  return page.keys.length > 0;
}

/**
 * Children of a directory, or `undefined` when no key lies below it.
 *
 * S3 sorts `v1/` after `v1-alpine/` and `v1.2/`, names sort the other way round. So a page's last name is final only
 * once the directories that are prefixes of it are known; `lateParents` asks for just those.
 */
export async function listChildren(
  store: ObjectStore,
  prefix: string,
  options: ListOptions = {},
): Promise<ListEntry[] | undefined> {
  const { after, limit = Number.POSITIVE_INFINITY } = options;
  const found = new Map<string, ListEntry>();
  let sawAny = false;
  let lastKey = '';
  let token: string | undefined;
  do {
    const page = await listPage(store, {
      prefix,
      delimiter: '/',
      maxKeys: Math.min(pageSize, Math.max(limit, 1) + 1),
      ...(token !== undefined ? { token } : after !== undefined && { startAfter: prefix + after }),
    });
    for (const [key, isDirectory] of pageKeys(page)) {
      sawAny = true;
      lastKey = key > lastKey ? key : lastKey;
      const name = key.slice(prefix.length, isDirectory ? -1 : undefined);
      const isHidden = name === '' || name.includes('/') || name.endsWith(stateSuffix);
      if (
        !isHidden &&
        (after === undefined || isBefore(after, name)) &&
        found.get(name)?.isDirectory !== false
      ) {
        found.set(name, { name, isDirectory });
      }
    }
    token = page.isTruncated ? page.nextToken : undefined;
  } while (token !== undefined && found.size < limit);

  if (!sawAny && prefix !== '' && !(after !== undefined && (await hasKeys(store, prefix)))) {
    return undefined;
  }
  let names = sorted(found);
  if (token !== undefined) {
    const last = names[limit - 1];
    for (const parent of last === undefined
      ? []
      : await lateParents(store, prefix, last.name, lastKey)) {
      if (after === undefined || isBefore(after, parent)) {
        found.set(parent, found.get(parent) ?? { name: parent, isDirectory: true });
      }
    }
    names = sorted(found);
  }
  return names.slice(0, limit);
}

/** Directories not listed yet whose names sort before `name`: only those that `name` extends with `-` or `.`. */
async function lateParents(
  store: ObjectStore,
  prefix: string,
  name: string,
  lastKey: string,
): Promise<string[]> {
  const candidates = [...name.matchAll(/[-.]/g)]
    .map((match) => name.slice(0, match.index))
    .filter((parent) => parent !== '' && isBefore(lastKey, `${prefix}${parent}/`));
  const exists = await Promise.all(
    candidates.map((parent) => hasKeys(store, `${prefix}${parent}/`)),
  );
  return candidates.filter((_, index) => exists[index]);
}

function* pageKeys(page: ListPage): Generator<[key: string, isDirectory: boolean]> {
  for (const key of page.keys) {
    yield [key, false];
  }
  for (const folder of page.folders) {
    yield [folder, true];
  }
}

// Names and keys are ASCII here, so that comparing UTF-16 units is comparing bytes.
function isBefore(left: string, right: string): boolean {
  return left < right;
}

function sorted(found: ReadonlyMap<string, ListEntry>): ListEntry[] {
  return [...found.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
}
