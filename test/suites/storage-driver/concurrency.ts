/** Many callers at once: readers, writers, commits that meet in one folder, deletes in between. */

import { describe, expect, it } from 'vitest';
import { hasCode } from '../../../src/errors.ts';
import { DriverCode } from '../../../src/storage/driver.ts';
import { drain, noise, sha256 } from '../../support/bytes.ts';
import type { Space } from '../storage-driver.ts';

export function concurrencyTests(space: Space): void {
  describe('at once', () => {
    it('many readers read one file from different offsets', async () => {
      const path = `${space.folder()}/file`;
      const content = noise(2 * 1024 * 1024);
      await space.driver.put(path, content);
      await Promise.all(
        Array.from({ length: 20 }, async (_, n) => {
          const offset = n * 50_000;
          const got = await drain(await space.driver.open(path, { offset }));
          expect(sha256(got)).toBe(sha256(content.subarray(offset)));
        }),
      );
    });

    it('many writers write different files', async () => {
      const folder = space.folder();
      await Promise.all(
        Array.from({ length: 20 }, async (_, n) => {
          const content = noise(100_000 + n, n + 1);
          const path = `${folder}/${n % 3}/${n}/data`;
          const writer = await space.driver.openWriter(path, { append: false });
          await writer.write(content.subarray(0, 40_000));
          await writer.write(content.subarray(40_000));
          await writer.commit();
          expect((await drain(await space.driver.open(path))).equals(content)).toBe(true);
        }),
      );
    });

    it('readers of a file that is put again and again see one whole content or another', async () => {
      const path = `${space.folder()}/file`;
      const contents = [noise(50_000, 1), noise(70, 2), noise(9000, 3)];
      const known = new Set(contents.map(sha256));
      await space.driver.put(path, contents[0] as Buffer);
      const putting = Promise.all(
        Array.from({ length: 30 }, (_, n) => space.driver.put(path, contents[n % 3] as Buffer)),
      );
      const readings = Array.from({ length: 60 }, async () => {
        expect(known).toContain(sha256(await space.driver.get(path)));
      });
      await Promise.all([putting, ...readings]);
      expect(known).toContain(sha256(await space.driver.get(path)));
    });

    it('commits that meet in the same new folders all succeed', async () => {
      const folder = space.folder();
      await Promise.all(
        Array.from({ length: 40 }, (_, n) =>
          space.driver.apply([
            { kind: 'put', path: `${folder}/a/b/c/${n % 5}/x${n}`, content: `x${n}` },
            { kind: 'put', path: `${folder}/a/b/d/link`, content: 'same' },
          ]),
        ),
      );
      for (let n = 0; n < 40; n += 1) {
        const got = await space.driver.get(`${folder}/a/b/c/${n % 5}/x${n}`);
        expect(got.toString()).toBe(`x${n}`);
      }
    });

    it('two uploads of one digest both commit, and one content stays', async () => {
      const folder = space.folder();
      const content = noise(150_000);
      await Promise.all(
        Array.from({ length: 6 }, async (_, n) => {
          const from = `${folder}/up${n}/data`;
          const writer = await space.driver.openWriter(from, { append: false });
          await writer.write(content);
          await writer.commit();
          await space.driver.apply([
            { kind: 'move', from, to: `${folder}/blob/data`, keepExisting: true },
          ]);
        }),
      );
      expect((await space.driver.get(`${folder}/blob/data`)).equals(content)).toBe(true);
    });

    it('puts win over deletes of the folder they go to', async () => {
      const folder = space.folder();
      for (let round = 0; round < 10; round += 1) {
        await space.driver.put(`${folder}/a/b/old`, 'x');
        const deleting = space.driver.delete(`${folder}/a`).catch((error: unknown) => {
          // The put may fill the folder as fast as it is emptied; then the delete says so.
          expect(hasCode(error, DriverCode.failed)).toBe(true);
        });
        const results = await Promise.allSettled([
          space.driver.put(`${folder}/a/b/new`, 'y'),
          space.driver.put(`${folder}/a/b/c/new`, 'y'),
        ]);
        await deleting;
        expect(results.map((result) => result.status)).toEqual(['fulfilled', 'fulfilled']);
      }
    });
  });
}
