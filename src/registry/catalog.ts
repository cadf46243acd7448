/**
 * The catalog: names of repositories, page by page, without walking what is not printed.
 *
 * Order [must] of reference 1.6: depth first, children in byte order, a repository when its `_manifests` is met. So a
 * repository's place is its components followed by `_manifests`, compared component by component; a page resumes by
 * skipping, at each level, the children that sort before the last one's.
 */

import { type RepositoryName, tryParseRepositoryName } from '../oci/reference.ts';
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
  const start = last === undefined || last === '' ? undefined : [...last.split('/'), mark];
  return walk({ context, mark }, '', start);
}

/** Every directory that holds uploads, also of repositories without a manifest. */
export function walkRepositoryDirectories(
  context: RegistryContext,
): AsyncGenerator<RepositoryName, void, void> {
  return walk({ context, mark: '_uploads' }, '', undefined);
}

interface Walk {
  readonly context: RegistryContext;
  /** The directory that makes its parent one of those looked for. */
  readonly mark: string;
}

async function* walk(
  from: Walk,
  name: string,
  after: readonly string[] | undefined,
  listed?: Promise<readonly ListEntry[]>,
): AsyncGenerator<RepositoryName, void, void> {
  const { context } = from;
  const [first, ...rest] = after ?? [];
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
