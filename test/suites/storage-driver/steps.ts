/** `apply`: several puts and moves at once, in order. */

import { describe, expect, it } from 'vitest';
import { noise } from '../../support/bytes.ts';
import type { Space } from '../storage-driver.ts';

export function stepTests(space: Space): void {
  async function textAt(path: string): Promise<string> {
    return (await space.driver.get(path)).toString();
  }

  describe('apply', () => {
    it('commits an upload: data moved, link put, in one call', async () => {
      const folder = space.folder();
      const content = noise(200_000);
      const writer = await space.driver.openWriter(`${folder}/up/data`, { append: false });
      await writer.write(content);
      await writer.commit();
      await space.driver.apply([
        {
          kind: 'move',
          from: `${folder}/up/data`,
          to: `${folder}/blobs/ab/data`,
          keepExisting: true,
        },
        { kind: 'put', path: `${folder}/repo/link`, content: 'sha256:ab' },
      ]);
      expect((await space.driver.get(`${folder}/blobs/ab/data`)).equals(content)).toBe(true);
      expect(await textAt(`${folder}/repo/link`)).toBe('sha256:ab');
      expect(await space.driver.stat(`${folder}/up/data`)).toBeUndefined();
    });

    it('takes no steps, and many', async () => {
      await space.driver.apply([]);
      const folder = space.folder();
      const paths = Array.from({ length: 30 }, (_, n) => `${folder}/d${n % 4}/e/f${n}`);
      await space.driver.apply(paths.map((path) => ({ kind: 'put', path, content: path })));
      for (const path of paths) {
        expect(await textAt(path)).toBe(path);
      }
    });

    it('puts of one path leave the last', async () => {
      const path = `${space.folder()}/link`;
      await space.driver.apply([
        { kind: 'put', path, content: 'first, and longer' },
        { kind: 'put', path, content: 'second' },
      ]);
      expect(await textAt(path)).toBe('second');
    });

    it('moves what an earlier step has put', async () => {
      const folder = space.folder();
      await space.driver.apply([
        { kind: 'put', path: `${folder}/a`, content: 'x' },
        { kind: 'move', from: `${folder}/a`, to: `${folder}/b` },
      ]);
      expect(await textAt(`${folder}/b`)).toBe('x');
      expect(await space.driver.stat(`${folder}/a`)).toBeUndefined();
    });

    it('keeps an existing target when told so, and the source with it', async () => {
      const folder = space.folder();
      await space.driver.put(`${folder}/from`, 'new');
      await space.driver.put(`${folder}/to`, 'old');
      await space.driver.apply([
        { kind: 'move', from: `${folder}/from`, to: `${folder}/to`, keepExisting: true },
      ]);
      expect(await textAt(`${folder}/to`)).toBe('old');
      expect(await textAt(`${folder}/from`)).toBe('new');
      await space.driver.apply([{ kind: 'move', from: `${folder}/from`, to: `${folder}/to` }]);
      expect(await textAt(`${folder}/to`)).toBe('new');
    });

    it('keeps what an earlier step has put, also in a new folder', async () => {
      const folder = space.folder();
      await space.driver.put(`${folder}/from`, 'moved');
      const to = `${folder}/new/to`;
      await space.driver.apply([
        { kind: 'move', from: `${folder}/from`, to, keepExisting: true },
        { kind: 'put', path: to, content: 'put' },
        { kind: 'put', path: `${folder}/from`, content: 'again' },
        { kind: 'move', from: `${folder}/from`, to, keepExisting: true },
      ]);
      expect(await textAt(to)).toBe('put');
      expect(await textAt(`${folder}/from`)).toBe('again');
    });

    it('stops at the step that fails: those before it are there, those after are not', async () => {
      const folder = space.folder();
      await expect(
        space.driver.apply([
          { kind: 'put', path: `${folder}/one`, content: '1' },
          { kind: 'move', from: `${folder}/missing`, to: `${folder}/two` },
          { kind: 'put', path: `${folder}/three`, content: '3' },
        ]),
      ).rejects.toMatchObject({ code: 'DRIVER_PATH_NOT_FOUND', retryable: false });
      expect(await textAt(`${folder}/one`)).toBe('1');
      expect(await space.driver.stat(`${folder}/two`)).toBeUndefined();
      expect(await space.driver.stat(`${folder}/three`)).toBeUndefined();
    });
  });
}
