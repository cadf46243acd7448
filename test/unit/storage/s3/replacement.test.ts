/** Files written in the place of another, unseen until they are complete. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytesSource } from '../../../../src/bytes.ts';
import { parseDigest } from '../../../../src/oci/digest.ts';
import { putWhole } from '../../../../src/storage/append-upload.ts';
import type { FileWriter } from '../../../../src/storage/driver.ts';
import { noise, sha256 } from '../../../support/bytes.ts';
import { type OnFake, onFake } from '../../../support/s3-on-fake.ts';

const mebibyte = 1024 * 1024;
const path = '/blobs/data';

let on: OnFake;
beforeEach(async () => {
  on = await onFake();
});
afterEach(() => on.stop());

async function writerWith(content: Buffer): Promise<FileWriter> {
  const writer = await on.driver.openReplacement(path);
  await writer.write(content);
  return writer;
}

describe('a replacement', () => {
  it.each([1000, 11 * mebibyte])('of %i bytes is seen once it is committed', async (sizeBytes) => {
    const content = noise(sizeBytes);
    await on.driver.put(path, 'before');
    const writer = await writerWith(content);
    expect((await on.driver.get(path)).toString()).toBe('before');
    await writer.commit();
    expect(sha256(await on.driver.get(path))).toBe(sha256(content));
    expect([...on.fake.objects.keys()]).toEqual(['blobs/data']);
  });

  it.each(['cancel', 'close'] as const)('leaves all as it was after %s', async (end) => {
    await on.driver.put(path, 'before');
    const writer = await writerWith(noise(11 * mebibyte));
    await writer[end]();
    expect((await on.driver.get(path)).toString()).toBe('before');
    expect([...on.fake.objects.keys()]).toEqual(['blobs/data']);
    expect(on.fake.uploads.size).toBe(0);
  });

  it('is not disturbed by another at the same path', async () => {
    const first = await writerWith(noise(11 * mebibyte, 1));
    const second = await writerWith(noise(12 * mebibyte, 2));
    await first.cancel();
    await second.commit();
    expect(sha256(await on.driver.get(path))).toBe(sha256(noise(12 * mebibyte, 2)));
  });
});

describe('putWhole', () => {
  const content = noise(11 * mebibyte, 3);
  const digest = parseDigest(`sha256:${sha256(content)}`);

  it('stores bytes that fit the digest', async () => {
    expect(await putWhole(on.driver, { path, digest }, bytesSource(content))).toMatchObject({
      sizeBytes: content.length,
      isStored: true,
    });
    expect(sha256(await on.driver.get(path))).toBe(sha256(content));
  });

  it('stores nothing of a body that is short of its end, and tells why', async () => {
    const failure = new Error('cut');
    const pieces = [content.subarray(0, 6 * mebibyte)];
    const outcome = await putWhole(
      on.driver,
      { path, digest },
      {
        read: () => {
          const piece = pieces.shift();
          return piece === undefined ? Promise.reject(failure) : Promise.resolve(piece);
        },
        cancel: () => {},
      },
    );
    expect(outcome).toMatchObject({ isStored: false, failure });
    expect(on.fake.objects.size).toBe(0);
    expect(on.fake.uploads.size).toBe(0);
  });
});
