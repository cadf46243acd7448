/**
 * The catalog: names of repositories, page by page, without walking what is not printed.
 *
 * Order [must] of reference 1.6: depth first, children in byte order, a repository when its `_manifests` is met. So a
 * repository's place is its components followed by `_manifests`, compared component by component; a page resumes by
 * skipping, at each level, the children that sort before the last one's.
 */

import { setImmediate } from 'node:timers/promises';
import { maxNameBytes, type RepositoryName, tryParseRepositoryName } from '../oci/reference.ts';
import type { ListEntry } from '../storage/driver.ts';
import { repositoriesPath } from '../storage/layout.ts';
import type { RegistryContext } from './context.ts';

/** Directories listed ahead while one is looked at. */
const lookAhead = 16;
/** Entries asked of storage at once. */
const listPageEntries = 1000;
const mark = '_manifests';

export interface CatalogPage {
  readonly repositories: readonly RepositoryName[];
  readonly hasMore: boolean;
}

/** Repositories after `last`, at most `limit`; `isVisible` leaves out what the caller may not see. */
export async function listRepositories(
  context: RegistryContext,
  page: { last?: string; limit: number; isVisible?: (name: RepositoryName) => boolean },
): Promise<CatalogPage> {
  const repositories: RepositoryName[] = [];
  if (page.limit === 0) {
    return { repositories, hasMore: false };
  }
  for await (const name of walkRepositories(context, page.last)) {
    if (page.isVisible?.(name) === false) {
      continue;
    }
    if (repositories.length === page.limit) {
      return { repositories, hasMore: true };
    }
    repositories.push(name);
  }
  return { repositories, hasMore: false };
}

/** Every repository after `last` in catalog order. */
export function walkRepositories(
  context: RegistryContext,
  last?: string,
): AsyncGenerator<RepositoryName, void, void> {
  return walk(
    { context, mark, entered: 0 },
    '',
    last === undefined || last === '' ? undefined : placeOf(last),
  );
}

/** What a directory of a repository can be called; anything else is only a place in the order. */
const fitComponent = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/;

/**
 * Where a client's `last`, which can be any text, lies in the order: the components to descend by, then the one that
 * the walk goes on after. No name is longer than `maxNameBytes`, so nothing lies deeper.
 */
function placeOf(last: string): readonly string[] {
  const place: string[] = [];
  for (const component of last.slice(0, maxNameBytes + 1).split('/')) {
    place.push(component);
    if (!fitComponent.test(component)) {
      return place;
    }
  }
  return [...place, mark];
}

/** Every directory that holds uploads, also of repositories without a manifest. */
export function walkRepositoryDirectories(
  context: RegistryContext,
): AsyncGenerator<RepositoryName, void, void> {
  return walk({ context, mark: '_uploads', entered: 0 }, '', undefined);
}

interface Walk {
  readonly context: RegistryContext;
  /** The directory that makes its parent one of those looked for. */
  readonly mark: string;
  /** Directories entered so far. */
  entered: number;
}

/** Listings may come out of memory: so many at most in one turn of the loop, a millisecond or so. */
const maxPerTurn = 128;

async function* walk(
  from: Walk,
  name: string,
  after: readonly string[] | undefined,
  listed?: Promise<readonly ListEntry[]>,
): AsyncGenerator<RepositoryName, void, void> {
  const { context } = from;
  const [first, ...rest] = after ?? [];
  from.entered += 1;
  if (from.entered % maxPerTurn === 0) {
    await setImmediate();
  }
  for await (const batch of batches(context, name, first, rest.length > 0, listed)) {
    const ahead = new Map<string, Promise<readonly ListEntry[]>>();
    for (const [index, entry] of batch.entries()) {
      if (!entry.isDirectory) {
        continue;
      }
      if (entry.name === from.mark) {
        const repository = tryParseRepositoryName(name);
        if (repository !== undefined && first !== from.mark) {
          yield repository;
        }
        continue;
      }
      if (entry.name.startsWith('_')) {
        continue;
      }
      listAhead(context, name, batch, index, ahead);
      const child = name === '' ? entry.name : `${name}/${entry.name}`;
      yield* walk(from, child, entry.name === first ? rest : undefined, ahead.get(entry.name));
      ahead.delete(entry.name);
    }
  }
}

function listAhead(
  context: RegistryContext,
  name: string,
  batch: readonly ListEntry[],
  index: number,
  ahead: Map<string, Promise<readonly ListEntry[]>>,
): void {
  for (const entry of batch.slice(index, index + lookAhead)) {
    if (entry.isDirectory && !entry.name.startsWith('_') && !ahead.has(entry.name)) {
      const path = `${repositoriesPath}/${name === '' ? '' : `${name}/`}${entry.name}`;
      const listing = context.driver.list(path, { limit: listPageEntries }).then((e) => e ?? []);
      // A failure surfaces where the listing is awaited; a page that ends earlier does not need it.
      listing.catch(() => {});
      ahead.set(entry.name, listing);
    }
  }
}

/** Children of a directory from `first` on (itself included when the walk goes on inside it). */
async function* batches(
  context: RegistryContext,
  name: string,
  first: string | undefined,
  includeFirst: boolean,
  listed: Promise<readonly ListEntry[]> | undefined,
): AsyncGenerator<readonly ListEntry[], void, void> {
  const path = name === '' ? repositoriesPath : `${repositoriesPath}/${name}`;
  let after = first;
  if (first !== undefined && includeFirst) {
    yield [{ name: first, isDirectory: true }];
  }
  let entries =
    first === undefined && listed !== undefined
      ? await listed
      : ((await context.driver.list(path, {
          limit: listPageEntries,
          ...(after === undefined ? {} : { after }),
        })) ?? []);
  for (;;) {
    yield entries;
    if (entries.length < listPageEntries) {
      return;
    }
    after = entries.at(-1)?.name;
    entries =
      (await context.driver.list(path, {
        limit: listPageEntries,
        ...(after === undefined ? {} : { after }),
      })) ?? [];
  }
}
