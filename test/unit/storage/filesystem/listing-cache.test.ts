import { type Stats, statSync } from 'node:fs';
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

  describe('and told at once', () => {
    let looks: number;
    beforeEach(() => {
      looks = 0;
      const look = {
        recent: () => undefined,
        anew: (directory: string): Stats | undefined => {
          looks += 1;
          return statSync(directory, { throwIfNoEntry: false });
        },
      };
      cache = new ListingCache(look, () => Date.now() + 10_000);
    });
    const now = (sinceMs?: number): string[] | undefined =>
      cache.now(folder.path, sinceMs)?.map((entry) => entry.name);

    it('are as they are now, or unknown', async () => {
      expect(now()).toBeUndefined();
      await names();
      expect([now(), now()]).toEqual([
        ['a', 'b', 'c'],
        ['a', 'b', 'c'],
      ]);
      expect(looks).toBe(2);
      await mkdir(join(folder.path, 'd'));
      expect(now()).toBeUndefined();
      expect(await names()).toEqual(['a', 'b', 'c', 'd']);
      expect(now()).toEqual(['a', 'b', 'c', 'd']);
      await rm(folder.path, { recursive: true });
      expect(now()).toBeUndefined();
    });

    it('share a look with those who asked before it, and with nobody else', async () => {
      const early = performance.now();
      await names();
      expect(now(early)).toEqual(['a', 'b', 'c']);
      expect(looks).toBe(0);
      const later = performance.now();
      await mkdir(join(folder.path, 'd'));
      // Asked before the change: either is true.
      expect(now(early)).toEqual(['a', 'b', 'c']);
      expect(now(later)).toBeUndefined();
      expect(looks).toBe(1);
      await names();
      expect(now(performance.now())).toEqual(['a', 'b', 'c', 'd']);
      expect(now(later)).toEqual(['a', 'b', 'c', 'd']);
      expect(looks).toBe(2);
      const between = performance.now();
      now();
      expect(now(between)).toEqual(['a', 'b', 'c', 'd']);
      expect(looks).toBe(3);
    });

    it('hold no name that a path could not have', async () => {
      await mkdir(join(folder.path, 'lost+found'));
      expect(await names()).toEqual(['a', 'b', 'c', 'lost+found']);
      expect(now()).toEqual(['a', 'b', 'c']);
    });
  });

  it('give pages from anywhere', async () => {
    await names();
    expect(await names({ after: 'a' })).toEqual(['b', 'c']);
    expect(await names({ after: 'a', limit: 1 })).toEqual(['b']);
    expect(await names({ after: 'bb', limit: 5 })).toEqual(['c']);
    expect(await names({ after: 'zz' })).toEqual([]);
  });
});
