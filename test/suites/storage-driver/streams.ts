/** Reading as a stream: offsets, ends, giving up. */

import { describe, expect, it } from 'vitest';
import { ClientGoneError } from '../../../src/errors.ts';
import { drain, noise } from '../../support/bytes.ts';
import type { Space } from '../storage-driver.ts';

const sizeBytes = 1024 * 1024 + 13;

export function streamTests(space: Space): void {
  async function aFile(content: Buffer): Promise<string> {
    const path = `${space.folder()}/file`;
    await space.driver.put(path, content);
    return path;
  }

  describe('reading', () => {
    it('starts at any offset and stops at any end', async () => {
      const content = noise(sizeBytes);
      const path = await aFile(content);
      const cases: [number | undefined, number | undefined][] = [
        [undefined, undefined],
        [0, undefined],
        [1, undefined],
        [262_144, undefined],
        [sizeBytes - 1, undefined],
        [0, 1],
        [5, 5],
        [700_000, 700_001],
        [1000, 600_000],
        [0, sizeBytes],
        [10, sizeBytes + 1000],
      ];
      for (const [offset, endOffset] of cases) {
        const got = await drain(
          await space.driver.open(path, {
            ...(offset !== undefined && { offset }),
            ...(endOffset !== undefined && { endOffset }),
          }),
        );
        expect(
          got.equals(content.subarray(offset ?? 0, endOffset)),
          `${offset}..${endOffset}`,
        ).toBe(true);
      }
    });

    it('gives an empty stream at and past the end', async () => {
      const path = await aFile(noise(100));
      for (const offset of [100, 101, 5_000_000]) {
        expect((await drain(await space.driver.open(path, { offset }))).length).toBe(0);
        const bounded = await space.driver.open(path, { offset, endOffset: offset + 10 });
        expect((await drain(bounded)).length).toBe(0);
      }
    });

    it('gives an empty stream for an empty file', async () => {
      const path = await aFile(Buffer.alloc(0));
      const source = await space.driver.open(path);
      expect(await source.read()).toBeUndefined();
      expect(await source.read()).toBeUndefined();
    });

    it.each([-1, -1000, Number.NaN, 0.5])('refuses the offset %s', async (offset) => {
      const path = await aFile(noise(10));
      await expect(space.driver.open(path, { offset })).rejects.toMatchObject({
        code: 'DRIVER_INVALID_OFFSET',
      });
    });

    it('goes on with the old content when the file is replaced meanwhile', async () => {
      const old = noise(sizeBytes, 1);
      const path = await aFile(old);
      const source = await space.driver.open(path);
      const first = Buffer.from((await source.read()) ?? '');
      await space.driver.put(path, noise(sizeBytes, 2));
      const rest = await drain(source);
      expect(Buffer.concat([first, rest]).equals(old)).toBe(true);
    });

    it('ends at once when the signal fires, with its reason', async () => {
      const path = await aFile(noise(sizeBytes));
      const before = space.setUp.openHandles?.();
      const abort = new AbortController();
      const source = await space.driver.open(path, { signal: abort.signal });
      await source.read();
      const reason = new ClientGoneError();
      abort.abort(reason);
      expect(space.setUp.openHandles?.()).toBe(before);
      await expect(source.read()).rejects.toBe(reason);
      await expect(source.read()).rejects.toBe(reason);
    });

    it('does not open for a signal that has already fired', async () => {
      const path = await aFile(noise(10));
      const before = space.setUp.openHandles?.();
      const signal = AbortSignal.abort(new ClientGoneError());
      await expect(space.driver.open(path, { signal })).rejects.toBe(signal.reason);
      expect(space.setUp.openHandles?.()).toBe(before);
    });

    it('is cancelled safely: unread, twice, in the middle of a read, after the end', async () => {
      const path = await aFile(noise(sizeBytes));
      const before = space.setUp.openHandles?.();
      const unread = await space.driver.open(path);
      unread.cancel();
      unread.cancel(new Error('again'));

      const reading = await space.driver.open(path);
      const pending = reading.read();
      reading.cancel(new ClientGoneError());
      await Promise.allSettled([pending]);

      const ended = await space.driver.open(path);
      await drain(ended);
      ended.cancel();
      expect(await ended.read()).toBeUndefined();
      expect(space.setUp.openHandles?.()).toBe(before);
    });
  });
}
