/** Who owes which directory a sync. Directories are real; the sync is a double that records and can fail. */

import fs from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Directories } from '../../../../src/storage/drivers/filesystem/directories.ts';
import { noteRoot } from '../../../../src/storage/drivers/filesystem/file-calls.ts';
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
  directories = new Directories({ syncs: recordedSyncs() });
});

afterAll(() => folder.remove());

function recordedSyncs(): DirectorySyncs {
  return new DirectorySyncs((directory, done) => {
    synced.push(directory.slice(folder.path.length) || '/');
    setImmediate(done, directory === failing ? new Error('disk') : undefined);
  });
}

/** What `sync` asked for, as paths below the root of this test (`.` is the folder around it). */
async function syncedBy(directory: string): Promise<string[]> {
  synced = [];
  await directories.sync([directory]);
  return synced.map((path) => (path === '/' ? '.' : path.slice(`/${count}`.length) || '/')).sort();
}

it('syncs each new directory and its parent once', async () => {
  directories.make(`${root}/a/b`);
  expect(await syncedBy(`${root}/a/b`)).toEqual(['.', '/', '/a', '/a/b']);
  expect(await syncedBy(`${root}/a/b`)).toEqual(['/a/b']);
  directories.make(`${root}/a/c`);
  expect(await syncedBy(`${root}/a/c`)).toEqual(['/a', '/a/c']);
});

it('syncs none, and owes none, where that is left to the file system', async () => {
  directories = new Directories({ isSynced: false, syncs: recordedSyncs() });
  directories.make(`${root}/a/b`);
  expect(await syncedBy(`${root}/a/b`)).toEqual([]);
  // What nobody owes counts as there for good.
  directories.removeNew(`${root}/a/b`);
  expect(fs.existsSync(`${root}/a/b`)).toBe(true);
});

it('owes nothing for directories that were there before', async () => {
  fs.mkdirSync(`${root}/a/b`, { recursive: true });
  directories.make(`${root}/a/b`);
  expect(await syncedBy(`${root}/a/b`)).toEqual(['/a/b']);
});

it('makes a commit wait for the parents that another commit has made but not yet synced', async () => {
  directories.make(`${root}/a/b`);
  expect(await syncedBy(`${root}/a`)).toEqual(['.', '/', '/a']);
  // That sync of /a took the entry of b along.
  expect(await syncedBy(`${root}/a/b`)).toEqual(['/a/b']);
});

it('settles with one sync of a folder the entries of all that were made or renamed in it before', async () => {
  directories.make(`${root}/a/b`);
  directories.make(`${root}/a/c`);
  directories.rename(`${root}/a/c`, `${root}/a/d`);
  expect(await syncedBy(`${root}/a/b`)).toEqual(['.', '/', '/a', '/a/b']);
  expect(await syncedBy(`${root}/a/d`)).toEqual(['/a/d']);
  // Not those that come to be afterwards, or under a name that had been settled.
  directories.rename(`${root}/a/b`, `${root}/a/e`);
  directories.rename(`${root}/a/e`, `${root}/a/b`);
  expect(await syncedBy(`${root}/a/b`)).toEqual(['/a', '/a/b']);
});

it('does not take a folder along that is made or renamed while the sync runs', async () => {
  directories.make(`${root}/a/b`);
  await directories.sync([`${root}/a/b`]);
  const sync = directories.sync([`${root}/a`]);
  directories.make(`${root}/a/new`);
  directories.rename(`${root}/a/b`, `${root}/a/moved`);
  await sync;
  expect(await syncedBy(`${root}/a/new`)).toEqual(['/a', '/a/new']);
});

it('has nothing to wait for where nothing is to be synced', async () => {
  await directories.sync([]);
  expect(synced).toEqual([]);
});

it('keeps the debt when a sync fails', async () => {
  directories.make(`${root}/a/b`);
  failing = `${root}/a`;
  await expect(directories.sync([`${root}/a/b`])).rejects.toThrow('disk');
  failing = undefined;
  expect(await syncedBy(`${root}/a/b`)).toEqual(['/a', '/a/b']);
});

it('owes anew for a directory that was removed and made again', async () => {
  directories.make(`${root}/a`);
  await directories.sync([`${root}/a`]);
  fs.rmSync(`${root}/a`, { recursive: true });
  directories.forget(`${root}/a`);
  expect(directories.make(`${root}/a`)).toBe(true);
  expect(await syncedBy(`${root}/a`)).toEqual(['/', '/a']);
});

it('tells only the one who made a directory that it is new', () => {
  expect(directories.make(`${root}/deep/er/still`)).toBe(true);
  expect(directories.make(`${root}/deep/er/still`)).toBe(false);
  expect(directories.make(`${root}/deep/er`)).toBe(false);
});

it('tries the work again in a new directory when the old one was removed', async () => {
  directories.make(`${root}/a`);
  fs.rmSync(root, { recursive: true });
  directories.within(`${root}/a`, () => fs.writeFileSync(`${root}/a/file`, 'x'));
  expect(fs.readFileSync(`${root}/a/file`, 'utf8')).toBe('x');
});

it('gives up at a directory that never comes', () => {
  const missing = Object.assign(new Error('gone'), { code: 'ENOENT' });
  let tries = 0;
  expect(() =>
    directories.within(`${root}/a`, () => {
      tries += 1;
      throw missing;
    }),
  ).toThrow(missing);
  expect(tries).toBeGreaterThan(1);
  expect(tries).toBeLessThan(50);
});

it('forgets directories that it has not used for long, but for those that owe and those above others', async () => {
  directories.make(`${root}/a/owing`);
  for (let at = 0; at < 12_000; at += 1) {
    directories.forget(`${root}/other/${at}`);
    directories.isInMemory(`${root}/other/${at}`);
  }
  expect(await syncedBy(`${root}/a/owing`)).toEqual(['.', '/', '/a', '/a/owing']);
  expect(directories.make(`${root}/a/owing`)).toBe(false);
});

it('syncs nothing that lies in memory, and whatever lies elsewhere', async () => {
  const inMemory = await fs.promises.mkdtemp('/dev/shm/longshore-directories-');
  try {
    noteRoot(inMemory);
    directories.make(`${inMemory}/a/b`);
    directories.make(`${root}/a/b`);
    expect(directories.isInMemory(`${inMemory}/a/b`)).toBe(true);
    expect(directories.isInMemory(`${root}/a/b`)).toBe(false);
    await directories.sync([`${inMemory}/a/b`]);
    expect(synced).toEqual([]);
    expect(await syncedBy(`${root}/a/b`)).toEqual(['.', '/', '/a', '/a/b']);
  } finally {
    await fs.promises.rm(inMemory, { recursive: true });
  }
});
