/** Whole small files: put, get, paths that are allowed and paths that are not. */

import { describe, expect, it } from 'vitest';
import { noise } from '../../support/bytes.ts';
import type { Space } from '../storage-driver.ts';

const validPaths = [
  '/a',
  '/2',
  '/aa',
  '/a.a',
  '/0-9/abcdefg',
  '/abcdefg/z.75',
  '/abc/1.2.3.4.5-6_zyx/123.z/4',
  '/docker/docker-registry',
  '/123.abc',
  '/.abc',
  '/a--b',
  '/a-.b',
  '/_.abc',
  '/Docker/docker-registry',
  '/Abc/Cba',
  '/a..b',
  '/...',
];

const invalidPaths = [
  '',
  '/',
  'abc',
  '123.abc',
  '//bcd',
  '/abc_123/',
  '/a//b',
  '/a/../b',
  '/a/.',
  '/./a',
  '/..',
  '/a b',
  '/a\0b',
  '/a\n',
  '/a\\b',
  '/ä',
  '/a%2e',
];

export function contentTests(space: Space): void {
  describe('content', () => {
    it.each(validPaths)('accepts the path %s', async (path) => {
      const full = space.folder() + path;
      await space.driver.put(full, 'here');
      expect((await space.driver.get(full)).toString()).toBe('here');
    });

    it.each(invalidPaths)('refuses the path %j in every call', async (path) => {
      const { driver } = space;
      const good = `${space.folder()}/good`;
      const refused = { code: 'DRIVER_INVALID_PATH', retryable: false };
      await expect(driver.get(path)).rejects.toMatchObject(refused);
      await expect(driver.put(path, 'x')).rejects.toMatchObject(refused);
      await expect(driver.open(path)).rejects.toMatchObject(refused);
      await expect(driver.openWriter(path, { append: false })).rejects.toMatchObject(refused);
      await expect(driver.move(path, good)).rejects.toMatchObject(refused);
      await expect(driver.move(good, path)).rejects.toMatchObject(refused);
      await expect(driver.delete(path)).rejects.toMatchObject(refused);
      await expect(
        driver.apply([
          { kind: 'put', path: good, content: 'x' },
          { kind: 'put', path, content: 'x' },
        ]),
      ).rejects.toMatchObject(refused);
      if (path !== '/') {
        await expect(driver.stat(path)).rejects.toMatchObject(refused);
        await expect(driver.list(path)).rejects.toMatchObject(refused);
      }
      expect(await driver.stat(good)).toBeUndefined();
    });

    it.each([
      ['text', Buffer.from('contents here')],
      ['nothing', Buffer.alloc(0)],
      ['bytes that are no UTF-8', Buffer.from([0x80, 0x80, 0xc3, 0x28, 0xff, 0x00, 0xfe])],
      ['noise of 4,097 bytes', noise(4097)],
      ['noise of 3 MiB', noise(3 * 1024 * 1024 + 7)],
    ])('gives back %s', async (_name, content) => {
      const path = `${space.folder()}/file`;
      await space.driver.put(path, content);
      const got = await space.driver.get(path);
      expect(got.equals(content)).toBe(true);
    });

    it('keeps only the last of repeated puts, also when it is shorter', async () => {
      const path = `${space.folder()}/file`;
      for (const content of [noise(9000, 1), noise(70, 2), noise(20_000, 3), noise(1, 4)]) {
        await space.driver.put(path, content);
        expect((await space.driver.get(path)).equals(content)).toBe(true);
        expect((await space.driver.stat(path))?.sizeBytes).toBe(content.length);
      }
    });

    it('hands out buffers that a caller may change', async () => {
      const path = `${space.folder()}/file`;
      await space.driver.put(path, 'unchanged');
      for (let round = 0; round < 3; round += 1) {
        const got = await space.driver.get(path);
        expect(got.toString()).toBe('unchanged');
        got.fill(0);
      }
    });

    it('does not keep the buffer that was put', async () => {
      const path = `${space.folder()}/file`;
      const content = Buffer.from('before');
      await space.driver.put(path, content);
      content.fill(0x78);
      expect((await space.driver.get(path)).toString()).toBe('before');
    });

    it('finds nothing where nothing is', async () => {
      const missing = { code: 'DRIVER_PATH_NOT_FOUND', retryable: false };
      const folder = space.folder();
      await space.driver.put(`${folder}/file`, 'x');
      for (const path of [`${folder}/none`, `${folder}/none/deeper`, `${folder}/file/below`]) {
        await expect(space.driver.get(path)).rejects.toMatchObject(missing);
        await expect(space.driver.open(path)).rejects.toMatchObject(missing);
        expect(await space.driver.stat(path)).toBeUndefined();
        expect(await space.driver.uploadSizeBytes(path)).toBeUndefined();
      }
    });

    it('gives no content for a folder', async () => {
      const folder = space.folder();
      await space.driver.put(`${folder}/below/file`, 'x');
      const missing = { code: 'DRIVER_PATH_NOT_FOUND' };
      await expect(space.driver.get(`${folder}/below`)).rejects.toMatchObject(missing);
      await expect(space.driver.open(`${folder}/below`)).rejects.toMatchObject(missing);
    });

    it('names the driver and the path in its errors', async () => {
      const path = `${space.folder()}/none`;
      await expect(space.driver.get(path)).rejects.toThrow(
        `${space.driver.name}: Path not found: ${path}`,
      );
      await expect(space.driver.get('bad')).rejects.toThrow(
        `${space.driver.name}: invalid path: bad`,
      );
    });
  });

  describe('redirects', () => {
    it.each(['GET', 'HEAD'] as const)('answers %s as its abilities say', async (method) => {
      const path = `${space.folder()}/file`;
      const content = noise(1000);
      await space.driver.put(path, content);
      const url = await space.driver.redirectUrl(path, { method, clientAddress: '127.0.0.1' });
      if (!space.abilities.redirectMethods.includes(method)) {
        expect(url).toBeUndefined();
        return;
      }
      expect(space.driver.abilities.redirects).toBe(true);
      const answer = await fetch(url ?? '', { method });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-length')).toBe('1000');
      if (method === 'GET') {
        expect(Buffer.from(await answer.arrayBuffer()).equals(content)).toBe(true);
      }
    });
  });
}
