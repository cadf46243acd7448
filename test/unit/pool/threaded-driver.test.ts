/** What the main thread answers by a glance, and what it asks the storage thread. The thread is a stand-in: counted. */

import { utimesSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { StorageThread } from '../../../src/pool/storage-thread.ts';
import { threadedDriver } from '../../../src/pool/threaded-driver.ts';
import type { StorageDriver } from '../../../src/storage/driver.ts';
import { createFilesystemDriver } from '../../../src/storage/drivers/filesystem/driver.ts';
import { type TempFolder, tempFolder } from '../../support/temp-folder.ts';

let folder: TempFolder;
let driver: StorageDriver;
let asked: string[];

beforeEach(async () => {
  folder = await tempFolder();
  const local = createFilesystemDriver({ rootdirectory: folder.path, maxthreads: 25 });
  asked = [];
  const thread = {
    call(method: keyof StorageDriver, args: readonly unknown[]): Promise<unknown> {
      asked.push(method);
      return (local[method] as (...all: readonly unknown[]) => Promise<unknown>)(...args);
    },
  };
  driver = threadedDriver(local, thread as unknown as StorageThread);
});

afterEach(() => folder.remove());

it('asks once for a file it has just written, then looks itself', async () => {
  await driver.put('/a/b/link', 'one');
  asked.length = 0;
  expect(await driver.stat('/a/b/link')).toMatchObject({ sizeBytes: 3 });
  expect(await driver.uploadSizeBytes('/a/b/link')).toBe(3);
  expect(asked).toEqual([]);
  expect((await driver.get('/a/b/link')).toString()).toBe('one');
  expect(asked).toEqual(['getMarked']);
});

it('tells itself what is missing beside what it wrote', async () => {
  await driver.put('/a/b/link', 'one');
  asked.length = 0;
  await expect(driver.get('/a/other/link')).rejects.toMatchObject({
    code: 'DRIVER_PATH_NOT_FOUND',
  });
  expect(await driver.stat('/a/other/link')).toBeUndefined();
  expect(asked).toEqual([]);
});

it('sees its own writes within one turn of the loop', async () => {
  await driver.put('/a/b/link', 'one');
  expect(await driver.stat('/a/b/link')).toMatchObject({ sizeBytes: 3 });
  await driver.put('/a/b/link', 'longer');
  expect(await driver.stat('/a/b/link')).toMatchObject({ sizeBytes: 6 });
  await driver.delete('/a/b');
  expect(await driver.stat('/a/b/link')).toBeUndefined();
});

it('sees what others write', async () => {
  const other = createFilesystemDriver({ rootdirectory: folder.path, maxthreads: 25 });
  await driver.put('/a/b/link', 'one');
  utimesSync(`${folder.path}/a/b/link`, 1, 1);
  expect((await driver.get('/a/b/link')).toString()).toBe('one');
  await new Promise(setImmediate);
  await other.put('/a/b/link', 'two');
  expect((await driver.get('/a/b/link')).toString()).toBe('two');
});

it('has uploads synced by the storage thread, where their chunks are not', async () => {
  expect(driver.syncUpload).toBeUndefined();
  const options = { rootdirectory: folder.path, maxthreads: 25, chunksync: 'commit' } as const;
  const thread = {
    call(...call: unknown[]): Promise<void> {
      asked.push(...call.map(String));
      return Promise.resolve();
    },
  };
  const later = threadedDriver(createFilesystemDriver(options), thread as unknown as StorageThread);
  await later.syncUpload?.('/uploads/1/data');
  expect(asked).toEqual(['syncUpload', '/uploads/1/data']);
});
