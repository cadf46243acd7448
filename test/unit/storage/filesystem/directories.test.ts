/** Who owes which directory a sync. Directories are real; the sync is a double that records and can fail. */

import fs from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Directories } from '../../../../src/storage/drivers/filesystem/directories.ts';
import { DirectorySyncs } from '../../../../src/storage/drivers/filesystem/sync-dirs.ts';
import { type TempFolder, tempFolder } from '../../../support/temp-folder.ts';

let folder: TempFolder;
let root: string;
let count = 0;
let synced: string[];
let failing: string | undefined;
let directories: Directories;

beforeAll(async () => {
  folder = await tempFolder();
});

beforeEach(() => {
  count += 1;
  root = `${folder.path}/${count}`;
  synced = [];
  failing = undefined;
  directories = new Directories(
    new DirectorySyncs((directory, done) => {
      synced.push(directory.slice(folder.path.length) || '/');
      setImmediate(done, directory === failing ? new Error('disk') : undefined);
    }),
  );
});

afterAll(() => folder.remove());

/** What `sync` asked for, as paths below the root of this test (`.` is the folder around it). */
async function syncedBy(directory: string): Promise<string[]> {
  synced = [];
  await directories.sync([directory]);
  return synced.map((path) => (path === '/' ? '.' : path.slice(`/${count}`.length) || '/')).sort();
}

it('syncs each new directory and its parent once', async () => {
  await directories.make(`${root}/a/b`);
  expect(await syncedBy(`${root}/a/b`)).toEqual(['.', '/', '/a', '/a/b']);
  expect(await syncedBy(`${root}/a/b`)).toEqual(['/a/b']);
  await directories.make(`${root}/a/c`);
  expect(await syncedBy(`${root}/a/c`)).toEqual(['/a', '/a/c']);
});

it('owes nothing for directories that were there before', async () => {
  fs.mkdirSync(`${root}/a/b`, { recursive: true });
  await directories.make(`${root}/a/b`);
  expect(await syncedBy(`${root}/a/b`)).toEqual(['/a/b']);
});

it('makes a commit wait for the parents that another commit has made but not yet synced', async () => {
  await directories.make(`${root}/a/b`);
  expect(await syncedBy(`${root}/a`)).toEqual(['.', '/', '/a']);
  // That sync of /a took the entry of b along.
  expect(await syncedBy(`${root}/a/b`)).toEqual(['/a/b']);
});

it('settles with one sync of a folder the entries of all that were made or renamed in it before', async () => {
  await directories.make(`${root}/a/b`);
  await directories.make(`${root}/a/c`);
  await directories.rename(`${root}/a/c`, `${root}/a/d`);
  expect(await syncedBy(`${root}/a/b`)).toEqual(['.', '/', '/a', '/a/b']);
  expect(await syncedBy(`${root}/a/d`)).toEqual(['/a/d']);
  // Not those that come to be afterwards, or under a name that had been settled.
  await directories.rename(`${root}/a/b`, `${root}/a/e`);
  await directories.rename(`${root}/a/e`, `${root}/a/b`);
  expect(await syncedBy(`${root}/a/b`)).toEqual(['/a', '/a/b']);
});

it('does not take a folder along whose making or renaming is still under way', async () => {
  await directories.make(`${root}/a/b`);
  await directories.sync([`${root}/a/b`]);
  const underWay = [
    directories.make(`${root}/a/new`),
    directories.rename(`${root}/a/b`, `${root}/a/moved`),
  ];
  await directories.sync([`${root}/a`]);
  await Promise.all(underWay);
  expect(await syncedBy(`${root}/a/new`)).toEqual(['/a', '/a/new']);
});

it('has nothing to wait for where nothing is to be synced', async () => {
  await directories.sync([]);
  expect(synced).toEqual([]);
});

it('keeps the debt when a sync fails', async () => {
  await directories.make(`${root}/a/b`);
  failing = `${root}/a`;
  await expect(directories.sync([`${root}/a/b`])).rejects.toThrow('disk');
  failing = undefined;
  expect(await syncedBy(`${root}/a/b`)).toEqual(['/a', '/a/b']);
});

it('owes anew for a directory that was removed and made again', async () => {
  await directories.make(`${root}/a`);
  await directories.sync([`${root}/a`]);
  fs.rmSync(`${root}/a`, { recursive: true });
  directories.forget(`${root}/a`);
  expect(await directories.make(`${root}/a`)).toBe(true);
  expect(await syncedBy(`${root}/a`)).toEqual(['/', '/a']);
});

it('makes one directory once for all who ask at the same time, and tells only one that it was new', async () => {
  const made = await Promise.all(
    Array.from({ length: 10 }, () => directories.make(`${root}/deep/er/still`)),
  );
  expect(made.filter((isNew) => isNew).length).toBe(1);
  expect(fs.statSync(`${root}/deep/er/still`).isDirectory()).toBe(true);
});

it('tries the work again in a new directory when the old one was removed', async () => {
  await directories.make(`${root}/a`);
  fs.rmSync(root, { recursive: true });
  await directories.within(`${root}/a`, async () => {
    await fs.promises.writeFile(`${root}/a/file`, 'x');
  });
  expect(fs.readFileSync(`${root}/a/file`, 'utf8')).toBe('x');
});

it('gives up at a directory that never comes', async () => {
  const missing = Object.assign(new Error('gone'), { code: 'ENOENT' });
  let tries = 0;
  await expect(
    directories.within(`${root}/a`, () => {
      tries += 1;
      return Promise.reject(missing);
    }),
  ).rejects.toBe(missing);
  expect(tries).toBeGreaterThan(1);
  expect(tries).toBeLessThan(50);
});
