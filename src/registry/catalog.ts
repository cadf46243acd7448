/**
 * The catalog: names of repositories, page by page, without walking what is not printed.
 *
 * Order [must] of reference 1.6: depth first, children in byte order, a repository when its `_manifests` is met. So a
 * repository's place is its components followed by `_manifests`, compared component by component; a page resumes by
 * skipping, at each level, the children that sort before the last one's.
 */

import { maxNameBytes, type RepositoryName } from '../oci/reference.ts';
import { RepositoryWalk } from './catalog-walk.ts';
import type { RegistryContext } from './context.ts';

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
  const sinceMs = performance.now();
  const walk = new RepositoryWalk(context.driver, { mark, place: placeOf(page.last), sinceMs });
  for (;;) {
    const found = walk.step();
    if (found === undefined) {
      return { repositories, hasMore: false };
    }
    if (typeof found !== 'string') {
      await found;
    } else if (page.isVisible?.(found) !== false) {
      if (repositories.length === page.limit) {
        return { repositories, hasMore: true };
      }
      repositories.push(found);
    }
  }
}

/** Every repository after `last` in catalog order. */
export function walkRepositories(
  context: RegistryContext,
  last?: string,
): AsyncGenerator<RepositoryName, void, void> {
  return namesOf(new RepositoryWalk(context.driver, { mark, place: placeOf(last) }));
}

/** What a directory of a repository can be called; anything else is only a place in the order. */
const fitComponent = /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/;

/**
 * Where a client's `last`, which can be any text, lies in the order: the components to descend by, then the one that
 * the walk goes on after. No name is longer than `maxNameBytes`, so nothing lies deeper.
 */
function placeOf(last: string | undefined): readonly string[] {
  if (last === undefined || last === '') {
    return [];
  }
  const place: string[] = [];
  for (const component of last.slice(0, maxNameBytes + 1).split('/')) {
    place.push(component);
    if (!fitComponent.test(component)) {
      return place;
    }
  }
  return [...place, mark];
}

/** Every directory that holds uploads, or layer links, also of repositories without a manifest. */
export function walkRepositoryDirectories(
  context: RegistryContext,
  mark: '_uploads' | '_layers',
): AsyncGenerator<RepositoryName, void, void> {
  return namesOf(new RepositoryWalk(context.driver, { mark }));
}

async function* namesOf(walk: RepositoryWalk): AsyncGenerator<RepositoryName, void, void> {
  for (;;) {
    const found = walk.step();
    if (found === undefined) {
      return;
    }
    if (typeof found === 'string') {
      yield found;
    } else {
      await found;
    }
  }
}
