/** Writers: new content, going on after a close, cancel, the states a writer may be in. */

import { describe, expect, it } from 'vitest';
import type { FileWriter } from '../../../src/storage/driver.ts';
import { drain, noise, sha256 } from '../../support/bytes.ts';
import type { Space } from '../storage-driver.ts';

export function uploadTests(space: Space): void {
  async function writeAll(path: string, content: Buffer, pieceBytes: number): Promise<void> {
    const writer = await space.driver.openWriter(path, { append: false });
    for (let at = 0; at < content.length; at += pieceBytes) {
      await writer.write(content.subarray(at, at + pieceBytes));
    }
    await writer.commit();
  }

  async function expectContent(path: string, content: Buffer): Promise<void> {
    const got = await drain(await space.driver.open(path));
    expect(got.length).toBe(content.length);
    expect(sha256(got)).toBe(sha256(content));
    expect((await space.driver.stat(path))?.sizeBytes).toBe(content.length);
  }

  describe('writing', () => {
    it.each([
      ['one byte at a time', 100, 1],
      ['one piece', 5000, 5000],
      ['uneven pieces over several early syncs', 20 * 1024 * 1024 + 11, 777_777],
    ])('stores what came in %s', async (_name, sizeBytes, pieceBytes) => {
      const path = `${space.folder()}/deep/er/data`;
      const content = noise(sizeBytes);
      await writeAll(path, content, pieceBytes);
      await expectContent(path, content);
    });

    it('is done with the buffer when write returns', async () => {
      const path = `${space.folder()}/data`;
      const buffer = Buffer.alloc(100_000);
      const writer = await space.driver.openWriter(path, { append: false });
      for (const value of [1, 2, 3]) {
        buffer.fill(value);
        await writer.write(buffer);
      }
      buffer.fill(9);
      await writer.commit();
      await expectContent(
        path,
        Buffer.concat([1, 2, 3].map((value) => Buffer.alloc(100_000, value))),
      );
    });

    it('drops what was there when it does not append', async () => {
      const path = `${space.folder()}/data`;
      await writeAll(path, noise(5000, 1), 5000);
      await writeAll(path, noise(20, 2), 20);
      await expectContent(path, noise(20, 2));
    });

    it('goes on across closes, by small and by big chunks', async () => {
      for (const chunkBytes of [32, space.abilities.bigChunkBytes]) {
        const path = `${space.folder()}/data`;
        const content = noise(chunkBytes * 4 + 5);
        let writer = await space.driver.openWriter(path, { append: false });
        for (let at = 0; at < content.length; at += chunkBytes) {
          expect(writer.sizeBytes).toBe(at);
          await writer.write(content.subarray(at, at + chunkBytes));
          expect(writer.sizeBytes).toBe(Math.min(at + chunkBytes, content.length));
          await writer.close();
          expect(await space.driver.uploadSizeBytes(path)).toBe(writer.sizeBytes);
          writer = await space.driver.openWriter(path, { append: true });
        }
        expect(writer.sizeBytes).toBe(content.length);
        await writer.commit();
        await expectContent(path, content);
      }
    });

    it('commits nothing at all, and appends to it', async () => {
      const path = `${space.folder()}/data`;
      const writer = await space.driver.openWriter(path, { append: false });
      await writer.commit();
      await expectContent(path, Buffer.alloc(0));
      const more = await space.driver.openWriter(path, { append: true });
      expect(more.sizeBytes).toBe(0);
      await more.write(noise(77));
      await more.commit();
      await expectContent(path, noise(77));
    });

    it('appends to a file of no bytes made by put', async () => {
      const path = `${space.folder()}/data`;
      await space.driver.put(path, '');
      const writer = await space.driver.openWriter(path, { append: true });
      await writer.write(noise(10));
      await writer.commit();
      await expectContent(path, noise(10));
    });

    it('appends to committed content, where the driver can', async () => {
      const path = `${space.folder()}/data`;
      await writeAll(path, noise(1000), 1000);
      const opening = space.driver.openWriter(path, { append: true });
      if (!space.abilities.appendsToCommitted) {
        await expect(opening).rejects.toMatchObject({ code: 'DRIVER_UNSUPPORTED' });
        return;
      }
      const writer = await opening;
      expect(writer.sizeBytes).toBe(1000);
      await writer.write(noise(5));
      await writer.commit();
      await expectContent(path, Buffer.concat([noise(1000), noise(5)]));
    });

    it('does not append where nothing was begun', async () => {
      const path = `${space.folder()}/none/data`;
      await expect(space.driver.openWriter(path, { append: true })).rejects.toMatchObject({
        code: 'DRIVER_PATH_NOT_FOUND',
      });
    });

    it('leaves nothing after cancel, before or after a close', async () => {
      const folder = space.folder();
      for (const path of [`${folder}/a/data`, `${folder}/b/data`]) {
        let writer = await space.driver.openWriter(path, { append: false });
        await writer.write(noise(3000));
        if (path.includes('/b/')) {
          await writer.close();
          writer = await space.driver.openWriter(path, { append: true });
        }
        await writer.cancel();
        await writer.cancel();
        expect(await space.driver.stat(path)).toBeUndefined();
        expect(await space.driver.uploadSizeBytes(path)).toBeUndefined();
      }
    });

    it('cancel after close or commit takes nothing back', async () => {
      const folder = space.folder();
      const closed = await space.driver.openWriter(`${folder}/closed`, { append: false });
      await closed.write(noise(50));
      await closed.close();
      await closed.cancel();
      expect(await space.driver.uploadSizeBytes(`${folder}/closed`)).toBe(50);
      const committed = await space.driver.openWriter(`${folder}/committed`, { append: false });
      await committed.write(noise(60));
      await committed.commit();
      await committed.cancel();
      await expectContent(`${folder}/committed`, noise(60));
      await space.driver.delete(folder);
    });

    it.each(['close', 'commit', 'cancel'] as const)('refuses every call after %s', async (end) => {
      const path = `${space.folder()}/data`;
      const writer: FileWriter = await space.driver.openWriter(path, { append: false });
      await writer.write(noise(10));
      await writer[end]();
      await expect(writer.write(noise(1))).rejects.toThrow(/already/);
      await expect(writer.close()).rejects.toThrow(/already/);
      await expect(writer.commit()).rejects.toThrow(/already/);
      expect(await space.driver.uploadSizeBytes(path)).toBe(end === 'cancel' ? undefined : 10);
    });

    it('may be moved once committed', async () => {
      const folder = space.folder();
      const content = noise(300_000);
      await writeAll(`${folder}/from/data`, content, 65_536);
      await space.driver.move(`${folder}/from/data`, `${folder}/to/some/data`);
      await expectContent(`${folder}/to/some/data`, content);
      expect(await space.driver.stat(`${folder}/from/data`)).toBeUndefined();
    });

    it('is forgotten when its folder is deleted', async () => {
      const folder = space.folder();
      const writer = await space.driver.openWriter(`${folder}/up/data`, { append: false });
      await writer.write(noise(100));
      await writer.close();
      if ((await space.driver.stat(`${folder}/up`)) !== undefined) {
        await space.driver.delete(`${folder}/up`);
      } else {
        const again = await space.driver.openWriter(`${folder}/up/data`, { append: true });
        await again.cancel();
      }
      expect(await space.driver.uploadSizeBytes(`${folder}/up/data`)).toBeUndefined();
    });
  });
}
