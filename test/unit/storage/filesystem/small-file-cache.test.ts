/** When kept content is used and when it is not, on real files with times set by hand. */

import fs from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { SmallFileCache } from '../../../../src/storage/drivers/filesystem/small-file-cache.ts';
import { type TempFolder, tempFolder } from '../../../support/temp-folder.ts';

let folder: TempFolder;
let file: string;
let cache: SmallFileCache;

beforeAll(async () => {
  folder = await tempFolder();
});

beforeEach(() => {
  file = `${folder.path}/link`;
  cache = new SmallFileCache();
});

afterAll(() => folder.remove());

async function read(): Promise<string> {
  return (await cache.get(file)).toString();
}

it('sees a file rewritten in place within one tick of the clock', async () => {
  for (let n = 0; n < 200; n += 1) {
    fs.writeFileSync(file, `v${n % 10}`);
    expect(await read()).toBe(`v${n % 10}`);
  }
});

it('sees a file replaced by rename, also by one of equal size and time', async () => {
  const settled = new Date(Date.now() - 60_000);
  for (let n = 0; n < 200; n += 1) {
    fs.writeFileSync(`${file}.new`, `v${n % 10}`);
    fs.utimesSync(`${file}.new`, settled, settled);
    fs.renameSync(`${file}.new`, file);
    expect(await read()).toBe(`v${n % 10}`);
  }
});

/** A file whose ctime has settled; only waiting makes one, so the clock of the reader is moved instead. */
async function settle<T>(work: () => Promise<T>): Promise<T> {
  const now = Date.now;
  Date.now = (): number => now() + 10_000;
  try {
    return await work();
  } finally {
    Date.now = now;
  }
}

it('answers for an unchanged file from memory, in buffers of the caller’s own', async () => {
  fs.writeFileSync(file, 'kept');
  await settle(read);
  const opens = countOpens();
  const first = await cache.get(file);
  first.fill(0);
  expect(await read()).toBe('kept');
  expect(opens()).toBe(0);
});

it('reads anew once a kept file was changed, in place or by rename, and when it is gone', async () => {
  fs.writeFileSync(file, 'kept');
  await settle(read);
  fs.writeFileSync(file, 'changed in place');
  expect(await read()).toBe('changed in place');
  await settle(read);
  fs.writeFileSync(`${file}.new`, 'renamed');
  fs.renameSync(`${file}.new`, file);
  expect(await read()).toBe('renamed');
  await settle(read);
  fs.unlinkSync(file);
  await expect(read()).rejects.toMatchObject({ code: 'ENOENT' });
  fs.writeFileSync(file, 'again');
  expect(await read()).toBe('again');
});

it('does not keep big files', async () => {
  fs.writeFileSync(file, Buffer.alloc(5000, 1));
  await settle(read);
  const opens = countOpens();
  await read();
  expect(opens()).toBe(1);
});

it('lets the least recently used go first when it is full', async () => {
  const sizeBytes = 4096;
  const fits = (8 * 1024 * 1024) / sizeBytes;
  const name = (n: number): string => `${folder.path}/n${n}`;
  for (let n = 0; n <= fits; n += 1) {
    fs.writeFileSync(name(n), Buffer.alloc(sizeBytes, n));
  }
  await settle(async () => {
    for (let n = 0; n < fits; n += 1) {
      await cache.get(name(n));
    }
  });
  await cache.get(name(0));
  await settle(() => cache.get(name(fits)));
  const opens = countOpens();
  await cache.get(name(0));
  await cache.get(name(fits));
  expect(opens()).toBe(0);
  await cache.get(name(1));
  expect(opens()).toBe(1);
});

/** How many files were opened since, by the access to fs.open that the driver's calls go through. */
function countOpens(): () => number {
  const { open } = fs;
  let count = 0;
  fs.open = ((...args: Parameters<typeof open>) => {
    count += 1;
    open(...args);
  }) as typeof open;
  restoreOpen = (): void => {
    fs.open = open;
  };
  return () => count;
}

let restoreOpen: () => void = () => {};
beforeEach(() => restoreOpen());
