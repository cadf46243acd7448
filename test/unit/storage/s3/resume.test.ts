/** Sessions that Distribution began (a multipart upload at the data key, no state of ours) and objects already there. */

import { afterEach, expect, it } from 'vitest';
import { drain, noise } from '../../../support/bytes.ts';
import { type OnFake, onFake } from '../../../support/s3-on-fake.ts';

const mebibyte = 1024 * 1024;
const path = '/docker/registry/v2/repositories/a/_uploads/1/data';
const key = path.slice(1);

let on: OnFake;
afterEach(() => on.stop());

/** As Distribution leaves a session: parts of its chunk size, then whatever was left at the end of the request. */
async function foreignUpload(content: Buffer, partBytes: number): Promise<void> {
  const uploadId = await on.store.createUpload(key);
  for (let from = 0, number = 1; from < content.length; from += partBytes, number += 1) {
    await on.store.uploadPart(key, uploadId, number, content.subarray(from, from + partBytes));
  }
}

it.each([
  ['no part yet', 0, 5],
  ['equal parts of our own size', 10, 5],
  ['one short part', 2, 5],
  ['a short part at the end', 13, 5],
  ['parts larger than ours', 14, 7],
  ['parts that end even when cut anew', 15, 7.5],
])('goes on with %s', async (_name, foreign, partSize) => {
  on = await onFake({ equalParts: true });
  const content = noise((foreign + 8) * mebibyte);
  const begun = content.subarray(0, foreign * mebibyte);
  await foreignUpload(begun, partSize * mebibyte);
  expect(await on.driver.uploadSizeBytes(path)).toBe(begun.length);

  for (const end of [begun.length + 3 * mebibyte, content.length]) {
    const writer = await on.driver.openWriter(path, { append: true });
    await writer.write(content.subarray(writer.sizeBytes, end));
    await writer.close();
    expect(await on.driver.uploadSizeBytes(path)).toBe(end);
  }
  const writer = await on.driver.openWriter(path, { append: true });
  await writer.commit();
  const stored = await drain(await on.driver.open(path));
  expect(stored.equals(content)).toBe(true);
  expect([...on.fake.objects.keys()]).toEqual([key]);
  expect(on.fake.uploads.size).toBe(0);
});

it('finds the upload of the very key among many, page by page, and lists its parts to the end', async () => {
  on = await onFake({ pageSize: 3 });
  for (let number = 0; number < 8; number += 1) {
    await on.store.createUpload(`${key}-other-${number}`);
  }
  const content = noise(25 * mebibyte);
  await foreignUpload(content, 5 * mebibyte);
  expect(await on.driver.uploadSizeBytes(path)).toBe(content.length);
  expect((await on.driver.openWriter(path, { append: true })).sizeBytes).toBe(content.length);
});

it('needs no listing of uploads for sessions of its own', async () => {
  on = await onFake({ forgetsUploads: true });
  const writer = await on.driver.openWriter(path, { append: false });
  await writer.write(noise(12 * mebibyte));
  await writer.close();
  expect((await on.driver.openWriter(path, { append: true })).sizeBytes).toBe(12 * mebibyte);
  expect(on.fake.count('ListMultipartUploads')).toBe(0);
});

it('keeps the bytes when cutting an object anew fails halfway', async () => {
  on = await onFake();
  on.fake.store(key, noise(12 * mebibyte));
  on.fake.plan('UploadPartCopy', { kind: 'error', status: 403, code: 'AccessDenied' }, 1, 1);
  await expect(on.driver.openWriter(path, { append: true })).rejects.toThrow(/AccessDenied/);
  expect(on.fake.uploads.size).toBe(0);
  expect((await on.driver.openWriter(path, { append: true })).sizeBytes).toBe(12 * mebibyte);
});

it.each([2, 12])('cancels a session of %d MiB that had to be finished to be read', async (size) => {
  on = await onFake();
  await foreignUpload(noise(size * mebibyte), 5 * mebibyte);
  const writer = await on.driver.openWriter(path, { append: true });
  await writer.cancel();
  expect(on.fake.objects.size).toBe(0);
  expect(on.fake.uploads.size).toBe(0);
});
