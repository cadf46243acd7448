/** Which links count as known without being read: those written here and left alone since. Files are real. */

import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Digest, digestBytes } from '../../../src/oci/digest.ts';
import type { RepositoryName } from '../../../src/oci/reference.ts';
import { mountBlob, statStoredBlob } from '../../../src/registry/blobs.ts';
import { OwnLinks } from '../../../src/registry/own-links.ts';
import type { StorageDriver } from '../../../src/storage/driver.ts';
import { createFilesystemDriver } from '../../../src/storage/drivers/filesystem/driver.ts';
import { blobDataPath, layerLinkPath } from '../../../src/storage/layout.ts';
import { aContext, driverWith } from '../../support/registry-context.ts';
import { type TempFolder, tempFolder } from '../../support/temp-folder.ts';

const name = 'team/app' as RepositoryName;
let folder: TempFolder;
let driver: StorageDriver;
let links: OwnLinks;
let digest: Digest;
let path: string;
let count = 0;

beforeAll(async () => {
  folder = await tempFolder();
  driver = createFilesystemDriver({ rootdirectory: folder.path, maxthreads: 100 });
});

beforeEach(async () => {
  count += 1;
  links = new OwnLinks();
  digest = digestBytes(Buffer.from(`blob ${count}`));
  path = layerLinkPath(name, digest);
  await driver.put(path, digest);
});

afterAll(() => folder.remove());

const isUnchanged = (): Promise<boolean> => links.isUnchanged(driver, path, digest);

it('knows a link that was noted, until someone else writes it', async () => {
  expect(await isUnchanged()).toBe(false);
  await links.note(driver, name, digest);
  expect(await isUnchanged()).toBe(true);
  await delay(20);
  fs.writeFileSync(folder.path + path, '\0'.repeat(digest.length));
  expect(await isUnchanged()).toBe(false);
  // Nor is it believed again without a note, whatever it looks like.
  await driver.put(path, digest);
  expect(await isUnchanged()).toBe(false);
});

it.each([
  ['gone', (file: string): void => fs.rmSync(file)],
  ['cut short', (file: string): void => fs.truncateSync(file, 10)],
  [
    'a folder',
    (file: string): void => {
      fs.rmSync(file);
      fs.mkdirSync(file);
    },
  ],
])('does not know a link that is %s', async (_, damage) => {
  await links.note(driver, name, digest);
  await delay(20);
  damage(folder.path + path);
  expect(await isUnchanged()).toBe(false);
});

it('does not note what is no link when it looks', async () => {
  fs.truncateSync(folder.path + path, 10);
  await links.note(driver, name, digest);
  fs.rmSync(folder.path + path);
  await links.note(driver, name, digest);
  expect(await isUnchanged()).toBe(false);
});

it('does not note links that name another digest, nor on drivers whose files tell no time', async () => {
  const alias = digestBytes(Buffer.from('alias'), 'sha512');
  const aliasPath = layerLinkPath(name, alias);
  await driver.put(aliasPath, digest.padEnd(alias.length));
  await links.note(driver, name, alias);
  expect(await links.isUnchanged(driver, aliasPath, alias)).toBe(false);
  const remote = Object.assign(Object.create(driver), {
    abilities: { ...driver.abilities, readsUncommitted: false },
  }) as StorageDriver;
  await links.note(remote, name, digest);
  expect(await isUnchanged()).toBe(false);
});

it('saves the registry reading the links of what was mounted or pushed here, until they change', async () => {
  const reads: string[] = [];
  const get = (asked: string): Promise<Buffer> => {
    reads.push(asked);
    return driver.get(asked);
  };
  const context = aContext(driverWith(driver, { get }));
  const other = 'team/other' as RepositoryName;
  await driver.put(blobDataPath(digest), `blob ${count}`);
  expect(await mountBlob(context, other, name, digest)).toMatchObject({ digest });
  expect(reads).toEqual([path]);
  expect(await statStoredBlob(context, other, digest)).toMatchObject({ digest });
  expect(reads).toEqual([path]);
  await delay(20);
  const otherPath = layerLinkPath(other, digest);
  fs.writeFileSync(folder.path + otherPath, '\0'.repeat(digest.length));
  expect(await statStoredBlob(context, other, digest)).toBeUndefined();
  expect(reads).toEqual([path, otherPath]);
});
