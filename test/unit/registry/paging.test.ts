/** Pages of the catalog and of tags against models, on real drivers, with `last` anywhere. */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RepositoryName } from '../../../src/oci/reference.ts';
import { listRepositories } from '../../../src/registry/catalog.ts';
import type { RegistryContext } from '../../../src/registry/context.ts';
import { listTags } from '../../../src/registry/tags.ts';
import type { ListEntry, StorageDriver } from '../../../src/storage/driver.ts';
import { createFilesystemDriver } from '../../../src/storage/drivers/filesystem/driver.ts';
import { createMemoryDriver } from '../../../src/storage/drivers/memory/driver.ts';
import { checked } from '../../../src/storage/wrap/checked.ts';
import { type TempFolder, tempFolder } from '../../support/temp-folder.ts';

const base = '/docker/registry/v2/repositories';

/** Lists use nothing of the context but its driver. */
function contextOf(driver: StorageDriver): RegistryContext {
  return { driver: checked(driver) } as RegistryContext;
}

/** Place in the catalog: components, then the mark, compared one by one in byte order (reference 1.6). */
function placeOf(name: string): string[] {
  return [...name.split('/'), '_manifests'];
}

function comparePlaces(a: readonly string[], b: readonly string[]): number {
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const order = Buffer.compare(Buffer.from(a[index] ?? ''), Buffer.from(b[index] ?? ''));
    if (order !== 0) {
      return order;
    }
  }
  return a.length - b.length;
}

const component = fc.constantFrom('a', 'b', '0', '0x', 'a-b', 'a.b', 'a_b', 'a__b', 'z', 'aa', '9');
const name = fc.array(component, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'));
const names = fc.uniqueArray(name, { maxLength: 25 });
const anywhere = fc.oneof(
  name,
  fc.string({ unit: fc.constantFrom(...'ab0/._-~Z '), maxLength: 12 }),
);

/** Knows the lists of half of its directories without a wait. */
function halfKnown(): StorageDriver {
  const driver = createMemoryDriver();
  const children = new Map<string, Map<string, boolean>>();
  const put: StorageDriver['put'] = (path, content, options) => {
    const [, ...components] = path.split('/');
    let parent = '';
    for (const [index, component] of components.entries()) {
      const known = children.get(parent) ?? new Map<string, boolean>();
      children.set(parent, known.set(component, index < components.length - 1));
      parent += `/${component}`;
    }
    return driver.put(path, content, options);
  };
  const listNow = (path: string): readonly ListEntry[] | undefined => {
    const known = path.length % 2 === 0 ? children.get(path) : undefined;
    return known && [...known].map(entryOf).sort((a, b) => (a.name < b.name ? -1 : 1));
  };
  return new Proxy(driver, {
    get(target, key: keyof StorageDriver) {
      const value = { put, listNow }[key as string] ?? target[key];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function entryOf([name, isDirectory]: [string, boolean]): ListEntry {
  return { name, isDirectory };
}

const drivers: readonly [string, (folder: string) => StorageDriver, number][] = [
  ['inmemory', () => createMemoryDriver(), 300],
  ['inmemory with lists that are told at once', halfKnown, 300],
  ['filesystem', (folder) => createFilesystemDriver({ rootdirectory: folder, maxthreads: 16 }), 12],
];

describe.each(drivers)('on %s', (_, create, numRuns) => {
  let folder: TempFolder;
  let run = 0;

  beforeAll(async () => {
    folder = await tempFolder();
  });
  afterAll(() => folder.remove());

  const fresh = (): StorageDriver => create(`${folder.path}/${run++}`);

  async function withRepositories(all: readonly string[]): Promise<RegistryContext> {
    const driver = fresh();
    await Promise.all(
      all.map((each) =>
        driver.put(`${base}/${each}/_manifests/tags/t/current/link`, 'x', { durable: false }),
      ),
    );
    await driver.put(`${base}/blobs/only/_layers/sha256/x/link`, 'x', { durable: false });
    return contextOf(driver);
  }

  test('pages of the catalog join to all repositories in order, each once', async () => {
    await fc.assert(
      fc.asyncProperty(names, fc.integer({ min: 1, max: 6 }), async (all, limit) => {
        const context = await withRepositories(all);
        const expected = all.toSorted((a, b) => comparePlaces(placeOf(a), placeOf(b)));
        const seen: string[] = [];
        let last: string | undefined;
        for (;;) {
          const page = await listRepositories(context, {
            limit,
            ...(last === undefined ? {} : { last }),
          });
          seen.push(...page.repositories);
          last = page.repositories.at(-1);
          if (!page.hasMore) {
            break;
          }
          expect(page.repositories).toHaveLength(limit);
          expect(seen.length).toBeLessThan(expected.length);
        }
        expect(seen).toEqual(expected);
      }),
      { numRuns, interruptAfterTimeLimit: 20_000 },
    );
  }, 120_000);

  test('a page after any text holds what lies behind it', async () => {
    await fc.assert(
      fc.asyncProperty(names, anywhere, async (all, last) => {
        const context = await withRepositories(all);
        const place = placeOf(last);
        const expected = all
          .filter((each) => last === '' || comparePlaces(placeOf(each), place) > 0)
          .toSorted((a, b) => comparePlaces(placeOf(a), placeOf(b)));
        const page = await listRepositories(context, { limit: 1000, last });
        expect(page.repositories).toEqual(expected);
        expect(page.hasMore).toBe(false);
      }),
      { numRuns, interruptAfterTimeLimit: 20_000 },
    );
  }, 120_000);

  test('repositories that the caller may not see do not count', async () => {
    const context = await withRepositories(['a', 'b', 'c', 'd']);
    const isVisible = (each: string): boolean => each !== 'b' && each !== 'd';
    const first = await listRepositories(context, { limit: 1, isVisible });
    expect(first).toEqual({ repositories: ['a'], hasMore: true });
    const second = await listRepositories(context, { limit: 1, last: 'a', isVisible });
    expect(second).toEqual({ repositories: ['c'], hasMore: false });
  });

  test('pages of tags join to all tags in byte order, each once, and go on after any text', async () => {
    const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,4}$/);
    const tags = fc.uniqueArray(tag, { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(
        tags,
        fc.integer({ min: 1, max: 6 }),
        anywhere,
        async (all, limit, start) => {
          const driver = fresh();
          await Promise.all(
            all.map((each) =>
              driver.put(`${base}/r/_manifests/tags/${each}/current/link`, 'x', { durable: false }),
            ),
          );
          const context = contextOf(driver);
          const expected = all.filter((each) => each > start).toSorted((a, b) => (a < b ? -1 : 1));
          const seen: string[] = [];
          let last = start;
          for (;;) {
            const page = await listTags(context, 'r' as RepositoryName, {
              limit,
              ...(last === '' ? {} : { last }),
            });
            seen.push(...page.tags);
            if (!page.hasMore) {
              break;
            }
            expect(seen.length).toBeLessThan(expected.length);
            last = page.tags.at(-1) ?? '';
          }
          expect(seen).toEqual(expected);
        },
      ),
      { numRuns, interruptAfterTimeLimit: 20_000 },
    );
  }, 120_000);
});
