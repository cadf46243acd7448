/** The walk where storage can tell lists here and now: what it asks, and that it lets others on. */

import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { listRepositories, walkRepositories } from '../../../src/registry/catalog.ts';
import type { RegistryContext } from '../../../src/registry/context.ts';
import type { ListEntry, ListNow, StorageDriver } from '../../../src/storage/driver.ts';
import { Glances } from '../../../src/storage/drivers/filesystem/glances.ts';
import { listDirectory } from '../../../src/storage/drivers/filesystem/list.ts';
import { type TempFolder, tempFolder } from '../../support/temp-folder.ts';

const base = '/docker/registry/v2/repositories';

function contextOf(driver: Partial<StorageDriver>): RegistryContext {
  return { driver } as RegistryContext;
}

const directory = (name: string): ListEntry => ({ name, isDirectory: true });

afterEach(() => vi.restoreAllMocks());

describe('over files that nobody changed for a while', () => {
  let folder: TempFolder;
  let root: string;
  let context: RegistryContext;
  /** Lists that could not be told at once. */
  let asked: string[];

  beforeEach(async () => {
    folder = await tempFolder();
    root = `${folder.path}${base}`;
    for (const name of ['a', 'a/b', 'm/c', 'z']) {
      mkdirSync(`${root}/${name}/_manifests`, { recursive: true });
    }
    asked = [];
    const glances = new Glances(folder.path, () => Date.now() + 10_000);
    context = contextOf({
      listNow: glances.listNow,
      list: async (path, options = {}) => {
        asked.push(path.slice(base.length));
        return existsSync(folder.path + path)
          ? listDirectory(folder.path + path, options, glances.listings)
          : undefined;
      },
    });
  });
  afterEach(() => folder.remove());

  const all = async (last?: string): Promise<readonly string[]> => {
    asked = [];
    const page = { limit: 100, ...(last === undefined ? {} : { last }) };
    return (await listRepositories(context, page)).repositories;
  };

  it('asks for each list once, and tells the second page without a wait', async () => {
    expect(await all()).toEqual(['a', 'a/b', 'm/c', 'z']);
    expect(asked.sort()).toEqual(['', '/a', '/a/b', '/m', '/m/c', '/z']);
    expect(await all()).toEqual(['a', 'a/b', 'm/c', 'z']);
    expect(await all('a/b')).toEqual(['m/c', 'z']);
    expect(asked).toEqual([]);
    expect(await all('b')).toEqual(['m/c', 'z']);
    expect(asked).toEqual(['/b']);
  });

  it('tells at once what another process made, removed or renamed, deep below too', async () => {
    await all();
    mkdirSync(`${root}/m/new/_manifests`, { recursive: true });
    expect(await all()).toEqual(['a', 'a/b', 'm/c', 'm/new', 'z']);
    mkdirSync(`${root}/a/b/deep/_manifests`, { recursive: true });
    expect(await all()).toEqual(['a', 'a/b', 'a/b/deep', 'm/c', 'm/new', 'z']);
    rmSync(`${root}/z/_manifests`, { recursive: true });
    expect(await all()).toEqual(['a', 'a/b', 'a/b/deep', 'm/c', 'm/new']);
    renameSync(`${root}/m`, `${root}/0`);
    expect(await all()).toEqual(['0/c', '0/new', 'a', 'a/b', 'a/b/deep']);
    rmSync(`${root}/0`, { recursive: true });
    expect(await all()).toEqual(['a', 'a/b', 'a/b/deep']);
  });

  it('skips names that no path could have', async () => {
    mkdirSync(`${root}/lost+found/_manifests`, { recursive: true });
    await all();
    expect(await all()).toEqual(['a', 'a/b', 'm/c', 'z']);
    expect(asked).toEqual([]);
  });

  it('a long job looks at every directory itself, whatever others found since it began', async () => {
    await all();
    const job = walkRepositories(context);
    expect((await job.next()).value).toBe('a');
    expect(await all()).toHaveLength(4);
    mkdirSync(`${root}/m/new/_manifests`, { recursive: true });
    const rest: string[] = [];
    for await (const name of job) {
      rest.push(name);
    }
    expect(rest).toEqual(['a/b', 'm/c', 'm/new', 'z']);
  });
});

it('tells storage when a page was asked for, and nothing of the kind for a long job', async () => {
  const told: (number | undefined)[] = [];
  const context = contextOf({
    listNow: (_, sinceMs) => {
      told.push(sinceMs);
      return [];
    },
  });
  const before = performance.now();
  await listRepositories(context, { limit: 1 });
  for await (const _ of walkRepositories(context)) {
  }
  expect(told).toEqual([expect.any(Number), undefined]);
  expect(told[0]).toBeGreaterThanOrEqual(before);
  expect(told[0]).toBeLessThanOrEqual(performance.now());
});

it('lets others on while it walks lists that are told at once', async () => {
  // A clock of ours: each list takes 5 µs, and a turn of the loop begins a new count.
  let nowMs = 1000;
  let turnMs = 0;
  let longestMs = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
  const names = Array.from({ length: 2000 }, (_, index) => directory(String(index)));
  const listNow: ListNow = (path) => {
    nowMs += 0.005;
    turnMs += 0.005;
    longestMs = Math.max(longestMs, turnMs);
    return path === base ? names : [directory('_manifests')];
  };
  let isOver = false;
  const eachTurn = (): void => {
    turnMs = 0;
    if (!isOver) {
      setImmediate(eachTurn);
    }
  };
  setImmediate(eachTurn);
  const { repositories } = await listRepositories(contextOf({ listNow }), { limit: 5000 });
  isOver = true;
  expect(repositories).toHaveLength(2000);
  expect(longestMs).toBeGreaterThan(0.2);
  expect(longestMs).toBeLessThan(0.75);
});

it('lists ahead what cannot be told at once, and only that', async () => {
  const names = Array.from({ length: 40 }, (_, index) => String(index).padStart(2, '0'));
  const isKnown = (path: string): boolean => Number(path.slice(-2)) % 2 === 1;
  const listed: string[] = [];
  let underWay = 0;
  let most = 0;
  const context = contextOf({
    listNow: (path) => (isKnown(path) ? [directory('_manifests')] : undefined),
    list: async (path) => {
      if (path === base) {
        return names.map(directory);
      }
      listed.push(path.slice(base.length + 1));
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      return [directory('_manifests')];
    },
  });
  const { repositories } = await listRepositories(context, { limit: 100 });
  expect(repositories).toEqual(names);
  expect(listed).toEqual(names.filter((name) => !isKnown(name)));
  expect(most).toBe(8);
});

it('a list asked for ahead that fails does no harm to a page that ends before it', async () => {
  const context = contextOf({
    list: async (path) => {
      if (path === base) {
        return ['a', 'b', 'c'].map(directory);
      }
      if (path.endsWith('/c')) {
        throw new Error('disk');
      }
      return [directory('_manifests')];
    },
  });
  const page = await listRepositories(context, { limit: 1 });
  expect(page).toEqual({ repositories: ['a'], hasMore: true });
  await expect(listRepositories(context, { limit: 5 })).rejects.toThrow('disk');
});
