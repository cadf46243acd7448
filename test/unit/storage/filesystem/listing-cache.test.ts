import { mkdir, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listDirectory } from '../../../../src/storage/drivers/filesystem/list.ts';
import { ListingCache } from '../../../../src/storage/drivers/filesystem/listing-cache.ts';
import { type TempFolder, tempFolder } from '../../../support/temp-folder.ts';

/** Some file systems tell times of 4 ms alone; the cache waits for longer, but not the clock that it is given here. */
const tick = (): Promise<void> => delay(20);

describe('lists that are kept', () => {
  let folder: TempFolder;
  /** Ten seconds later than the files: as a directory looks that nobody touched for a while. */
  let cache: ListingCache;

  beforeEach(async () => {
    folder = await tempFolder();
    cache = new ListingCache(undefined, () => Date.now() + 10_000);
    for (const name of ['b', 'a', 'c']) {
      await mkdir(join(folder.path, name));
    }
  });
  afterEach(() => folder.remove());

  const names = async (options = {}): Promise<string[]> =>
    (await listDirectory(folder.path, options, cache)).map((entry) => entry.name);

  it('are the same array while nothing changed, and never outlive a change by another process', async () => {
    const first = await listDirectory(folder.path, {}, cache);
    expect(await listDirectory(folder.path, {}, cache)).toBe(first);
    await tick();
    await mkdir(join(folder.path, 'aa'));
    expect(await names()).toEqual(['a', 'aa', 'b', 'c']);
    await tick();
    await rename(join(folder.path, 'aa'), join(folder.path, 'z'));
    expect(await names()).toEqual(['a', 'b', 'c', 'z']);
    await tick();
    await rm(join(folder.path, 'a'), { recursive: true });
    expect(await names()).toEqual(['b', 'c', 'z']);
  });

  it('are not kept of a directory that changed an instant ago', async () => {
    const young = new ListingCache();
    const first = await listDirectory(folder.path, {}, young);
    expect(await listDirectory(folder.path, {}, young)).not.toBe(first);
    expect(await listDirectory(folder.path, {}, young)).toEqual(first);
  });

  it('are not fooled by a modification time that was set back', async () => {
    await names();
    await mkdir(join(folder.path, 'new'));
    await utimes(folder.path, 1, 1);
    expect(await names()).toContain('new');
  });

  it('give pages from anywhere', async () => {
    await names();
    expect(await names({ after: 'a' })).toEqual(['b', 'c']);
    expect(await names({ after: 'a', limit: 1 })).toEqual(['b']);
    expect(await names({ after: 'bb', limit: 5 })).toEqual(['c']);
    expect(await names({ after: 'zz' })).toEqual([]);
  });
});
