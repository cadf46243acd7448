/** The tree of paths: stat, list, move, delete. */

import { describe, expect, it } from 'vitest';
import { noise } from '../../support/bytes.ts';
import type { Space } from '../storage-driver.ts';

export function treeTests(space: Space): void {
  async function putAll(paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      await space.driver.put(path, path);
    }
  }

  describe('stat', () => {
    it('tells files from folders', async () => {
      const folder = space.folder();
      const startedAtMs = Date.now();
      await space.driver.put(`${folder}/sub/file`, noise(1234));
      const file = await space.driver.stat(`${folder}/sub/file`);
      expect(file).toMatchObject({ isDirectory: false, sizeBytes: 1234 });
      // Clocks of file systems and services tick coarsely and differ: near is enough.
      expect(Math.abs((file?.modifiedAtMs ?? 0) - startedAtMs)).toBeLessThan(600_000);
      for (const path of [folder, `${folder}/sub`, '/']) {
        expect(await space.driver.stat(path)).toMatchObject({ isDirectory: true, sizeBytes: 0 });
      }
      expect(await space.driver.stat(`${folder}/su`)).toBeUndefined();
    });
  });

  describe('list', () => {
    it('gives the root even when it is empty', async () => {
      expect(await space.driver.list('/')).toEqual([]);
      expect(await space.driver.stat('/')).toMatchObject({ isDirectory: true });
    });

    it('gives direct children in byte order, files and folders', async () => {
      const folder = space.folder();
      await putAll(
        ['b', 'a-b', 'a.b', 'a/x', 'a_b', 'B', 'a0', 'z/deep/er', '_x/y'].map(
          (name) => `${folder}/${name}`,
        ),
      );
      expect(await space.driver.list(folder)).toEqual([
        { name: 'B', isDirectory: false },
        { name: '_x', isDirectory: true },
        { name: 'a', isDirectory: true },
        { name: 'a-b', isDirectory: false },
        { name: 'a.b', isDirectory: false },
        { name: 'a0', isDirectory: false },
        { name: 'a_b', isDirectory: false },
        { name: 'b', isDirectory: false },
        { name: 'z', isDirectory: true },
      ]);
    });

    it('gives pages that join without gap or overlap', async () => {
      const folder = space.folder();
      const names = Array.from({ length: 23 }, (_, n) => `n${String(n).padStart(2, '0')}`);
      await putAll(names.map((name, n) => `${folder}/${name}${n % 3 === 0 ? '/x' : ''}`));
      for (const limit of [1, 5, 22, 23, 24]) {
        const seen: string[] = [];
        for (;;) {
          const after = seen.at(-1);
          const page = await space.driver.list(folder, {
            limit,
            ...(after !== undefined && { after }),
          });
          seen.push(...(page ?? []).map((entry) => entry.name));
          if ((page ?? []).length < limit) {
            break;
          }
        }
        expect(seen, `pages of ${limit}`).toEqual(names);
      }
    });

    it('starts after a name that is not there itself', async () => {
      const folder = space.folder();
      await putAll([`${folder}/a`, `${folder}/c/x`, `${folder}/e`]);
      const names = async (after: string): Promise<string[]> =>
        ((await space.driver.list(folder, { after })) ?? []).map((entry) => entry.name);
      expect(await names('b')).toEqual(['c', 'e']);
      expect(await names('c')).toEqual(['e']);
      expect(await names('z')).toEqual([]);
      expect(await names('A')).toEqual(['a', 'c', 'e']);
    });

    it('is undefined where no folder is', async () => {
      const folder = space.folder();
      await putAll([`${folder}/file`]);
      expect(await space.driver.list(`${folder}/none`)).toBeUndefined();
      expect(await space.driver.list(`${folder}/file`)).toBeUndefined();
    });

    it('shows an empty folder as the driver keeps it', async () => {
      const folder = space.folder();
      await putAll([`${folder}/sub/file`]);
      await space.driver.delete(`${folder}/sub/file`);
      expect(await space.driver.list(`${folder}/sub`)).toEqual(
        space.abilities.emptyFolders ? [] : undefined,
      );
    });
  });

  describe('move', () => {
    it('moves a file, makes its new folders, and keeps nothing behind', async () => {
      const folder = space.folder();
      await space.driver.put(`${folder}/a/from`, 'moved');
      await space.driver.move(`${folder}/a/from`, `${folder}/b/c/to`);
      expect((await space.driver.get(`${folder}/b/c/to`)).toString()).toBe('moved');
      expect(await space.driver.stat(`${folder}/a/from`)).toBeUndefined();
    });

    it('replaces what was at the target', async () => {
      const folder = space.folder();
      await space.driver.put(`${folder}/from`, 'new');
      await space.driver.put(`${folder}/to`, 'old and longer');
      await space.driver.move(`${folder}/from`, `${folder}/to`);
      expect((await space.driver.get(`${folder}/to`)).toString()).toBe('new');
    });

    it('does not find a missing source, and leaves the target alone', async () => {
      const folder = space.folder();
      await space.driver.put(`${folder}/to`, 'stays');
      await expect(space.driver.move(`${folder}/from`, `${folder}/to`)).rejects.toMatchObject({
        code: 'DRIVER_PATH_NOT_FOUND',
        detail: { path: `${folder}/from` },
      });
      await expect(
        space.driver.move(`${folder}/from`, `${folder}/new/folder/to`),
      ).rejects.toMatchObject({ code: 'DRIVER_PATH_NOT_FOUND' });
      expect((await space.driver.get(`${folder}/to`)).toString()).toBe('stays');
    });
  });

  describe('delete', () => {
    it('removes a file, and then finds nothing', async () => {
      const path = `${space.folder()}/file`;
      await space.driver.put(path, 'x');
      await space.driver.get(path);
      await space.driver.delete(path);
      expect(await space.driver.stat(path)).toBeUndefined();
      await expect(space.driver.get(path)).rejects.toMatchObject({ code: 'DRIVER_PATH_NOT_FOUND' });
      await expect(space.driver.delete(path)).rejects.toMatchObject({
        code: 'DRIVER_PATH_NOT_FOUND',
      });
    });

    it('removes a whole subtree, never siblings that share its prefix', async () => {
      const folder = space.folder();
      const inside = ['', '/b', '/b/c', '/d/e/f/g'].map((below) => `${folder}/a/x${below}/file`);
      const siblings = [`${folder}/ab`, `${folder}/a-b/file`, `${folder}/a.b`, `${folder}/a0/file`];
      await putAll([...inside, ...siblings]);
      await space.driver.delete(`${folder}/a`);
      for (const path of inside) {
        expect(await space.driver.stat(path)).toBeUndefined();
      }
      expect(await space.driver.stat(`${folder}/a`)).toBeUndefined();
      for (const path of siblings) {
        expect((await space.driver.get(path)).toString()).toBe(path);
      }
    });

    it('removes a folder of many files', async () => {
      const folder = space.folder();
      const many = Array.from({ length: 60 }, (_, n) => `${folder}/many/${n % 7}/${n}`);
      await Promise.all(many.map((path) => space.driver.put(path, 'x')));
      await space.driver.delete(`${folder}/many`);
      expect(await space.driver.list(`${folder}/many`)).toBeUndefined();
    });

    it('lets the same path be written again', async () => {
      const path = `${space.folder()}/a/b/file`;
      for (const content of ['first', 'second', 'third']) {
        await space.driver.put(path, content);
        expect((await space.driver.get(path)).toString()).toBe(content);
        await space.driver.delete(path.slice(0, path.lastIndexOf('/b/')));
      }
      expect(await space.driver.stat(path)).toBeUndefined();
    });
  });
}
