/** Uploads: how bytes become parts, what stays of a session after each fault, and who cleans up. */

import { afterEach, describe, expect, it } from 'vitest';
import { UploadStates } from '../../../../src/storage/drivers/s3/upload-state.ts';
import { drain, noise } from '../../../support/bytes.ts';
import type { Fault, S3Call } from '../../../support/s3-fake.ts';
import { type OnFake, onFake } from '../../../support/s3-on-fake.ts';

const mebibyte = 1024 * 1024;
const path = '/docker/registry/v2/repositories/a/_uploads/1/data';
const key = path.slice(1);

let on: OnFake;
afterEach(() => on.stop());

async function writeSession(content: Buffer, append: boolean): Promise<void> {
  const writer = await on.driver.openWriter(path, { append });
  await writer.write(content);
  await writer.close();
}

async function expectStored(content: Buffer): Promise<void> {
  const stored = await drain(await on.driver.open(path));
  expect(stored.equals(content)).toBe(true);
}

describe('parts', () => {
  it('puts what fits into one part with a single PutObject', async () => {
    on = await onFake();
    const writer = await on.driver.openWriter(path, { append: false });
    await writer.write(noise(5 * mebibyte));
    await writer.commit();
    expect(on.fake.calls.map(({ call }) => call)).toEqual(['PutObject']);
  });

  it('sends equal parts but for the last, whatever the requests were cut into', async () => {
    on = await onFake({ equalParts: true });
    const content = noise(17 * mebibyte + 3);
    const cuts = [0, 1, 3 * mebibyte, 8 * mebibyte, 8 * mebibyte + 5, content.length];
    for (const [index, from] of cuts.slice(0, -1).entries()) {
      await writeSession(content.subarray(from, cuts[index + 1]), index > 0);
    }
    const writer = await on.driver.openWriter(path, { append: true });
    await writer.commit();
    await expectStored(content);
    const sizes = on.fake.calls.filter((c) => c.call === 'UploadPart').map((c) => c.bodyBytes);
    expect(sizes.sort((a, b) => b - a)).toEqual([
      ...Array.from({ length: 3 }, () => 5 * mebibyte),
      2 * mebibyte + 3,
    ]);
    expect(on.fake.uploads.size).toBe(0);
    expect([...on.fake.objects.keys()]).toEqual([key]);
  });

  it('keeps at most two parts on their way', async () => {
    on = await onFake();
    const writer = await on.driver.openWriter(path, { append: false });
    await writer.write(noise(40 * mebibyte));
    // Six of the seven full parts have started; with two in flight at least four have ended.
    expect(on.fake.count('UploadPart')).toBeGreaterThanOrEqual(4);
    await writer.cancel();
    expect(on.fake.uploads.size).toBe(0);
  });

  it('goes on with the part size the session began with, when the option has changed', async () => {
    on = await onFake({ equalParts: true }, { chunksize: 6 * mebibyte });
    const content = noise(20 * mebibyte);
    await writeSession(content.subarray(0, 13 * mebibyte), false);
    const later = await onFake({}, { chunksize: 5 * mebibyte, regionendpoint: on.fake.endpoint });
    try {
      const writer = await later.driver.openWriter(path, { append: true });
      expect(writer.sizeBytes).toBe(13 * mebibyte);
      await writer.write(content.subarray(13 * mebibyte));
      await writer.commit();
    } finally {
      await later.stop();
    }
    await expectStored(content);
  });

  it('costs one object read and one object written to add a short chunk', async () => {
    on = await onFake();
    await writeSession(noise(100), false);
    on.fake.forgetCalls();
    await writeSession(noise(100), true);
    expect(on.fake.calls.map(({ call }) => call)).toEqual(['GetObject', 'PutObject']);
  });

  it('does not save again what a close has not changed', async () => {
    on = await onFake();
    await writeSession(noise(100), false);
    on.fake.forgetCalls();
    const writer = await on.driver.openWriter(path, { append: true });
    await writer.close();
    expect(on.fake.count('PutObject')).toBe(0);
  });

  it('cuts parts of chunksize', async () => {
    on = await onFake({}, { chunksize: 6 * mebibyte });
    const writer = await on.driver.openWriter(path, { append: false });
    await writer.write(noise(13 * mebibyte));
    await writer.commit();
    const parts = on.fake.calls.filter(({ call }) => call === 'UploadPart');
    expect(parts.map(({ bodyBytes }) => bodyBytes / mebibyte)).toEqual([6, 6, 1]);
  });

  it('sends class, ACL and encryption with every object it makes', async () => {
    on = await onFake(
      {},
      { encrypt: true, keyid: 'k1', storageclass: 'STANDARD_IA', objectacl: 'bucket-owner-read' },
    );
    const writer = await on.driver.openWriter(path, { append: false });
    await writer.write(noise(11 * mebibyte));
    await writer.commit();
    await on.driver.put('/small', 'x');
    await on.driver.move('/small', '/moved');
    for (const call of ['CreateMultipartUpload', 'PutObject', 'CopyObject'] as const) {
      expect(on.fake.calls.find((recorded) => recorded.call === call)?.headers).toMatchObject({
        'x-amz-acl': 'bucket-owner-read',
        'x-amz-storage-class': 'STANDARD_IA',
        'x-amz-server-side-encryption': 'aws:kms',
        'x-amz-server-side-encryption-aws-kms-key-id': 'k1',
      });
    }
  });
});

describe('faults that are tried again', () => {
  it.each<[string, S3Call, Fault, number]>([
    ['SlowDown', 'UploadPart', { kind: 'error', status: 503, code: 'SlowDown' }, 2],
    [
      'an internal error',
      'CreateMultipartUpload',
      { kind: 'error', status: 500, code: 'InternalError' },
      1,
    ],
    [
      'a clock that differs',
      'UploadPart',
      { kind: 'error', status: 403, code: 'RequestTimeTooSkewed' },
      1,
    ],
    ['a cut inside a part', 'UploadPart', { kind: 'cut request' }, 2],
    ['a lost answer to a part', 'UploadPart', { kind: 'lost answer' }, 1],
    [
      'an error inside a 200 completion',
      'CompleteMultipartUpload',
      { kind: 'error in 200', code: 'InternalError' },
      1,
    ],
    ['a lost answer to the completion', 'CompleteMultipartUpload', { kind: 'lost answer' }, 1],
    ['a busy state object', 'PutObject', { kind: 'error', status: 503, code: 'SlowDown' }, 1],
  ])('%s', async (_name, call, fault, times) => {
    on = await onFake({ equalParts: true });
    const content = noise(12 * mebibyte);
    on.fake.plan(call, fault, times);
    await writeSession(content.subarray(0, 7 * mebibyte), false);
    const writer = await on.driver.openWriter(path, { append: true });
    await writer.write(content.subarray(7 * mebibyte));
    await writer.commit();
    await expectStored(content);
    expect(on.fake.uploads.size).toBe(0);
    expect([...on.fake.objects.keys()]).toEqual([key]);
  });
});

describe('faults that last', () => {
  const refused: Fault = { kind: 'error', status: 403, code: 'AccessDenied' };

  it('keeps the parts before a failed one, and the session goes on from there', async () => {
    on = await onFake({ equalParts: true });
    const content = noise(23 * mebibyte);
    on.fake.plan('UploadPart', refused, 1, 2);
    const writer = await on.driver.openWriter(path, { append: false });
    const written = writer.write(content).then(() => writer.close());
    await expect(written).rejects.toMatchObject({ code: 'DRIVER_FAILED', retryable: false });
    await writer.close().catch(() => undefined);

    const kept = await on.driver.uploadSizeBytes(path);
    expect(kept).toBe(10 * mebibyte);
    const again = await on.driver.openWriter(path, { append: true });
    expect(again.sizeBytes).toBe(kept);
    await again.write(content.subarray(kept));
    await again.commit();
    await expectStored(content);
  });

  it.each<[string, Fault]>([
    ['an error', refused],
    ['an error inside a 200', { kind: 'error in 200', code: 'AccessDenied' }],
  ])('leaves the session as it was when the completion fails by %s', async (_name, fault) => {
    on = await onFake({ equalParts: true });
    const content = noise(12 * mebibyte);
    on.fake.plan('CompleteMultipartUpload', fault, 6);
    const writer = await on.driver.openWriter(path, { append: false });
    await writer.write(content);
    await expect(writer.commit()).rejects.toThrow(/s3aws: commit/);
    await writer.close();
    expect(await on.driver.stat(path)).toBeUndefined();
    expect(await on.driver.uploadSizeBytes(path)).toBe(content.length);

    on.fake.forgetPlans();
    const again = await on.driver.openWriter(path, { append: true });
    await again.commit();
    await expectStored(content);
  });

  it('says that nothing is there once S3 has dropped the upload, and forgets the session', async () => {
    on = await onFake();
    await writeSession(noise(6 * mebibyte), false);
    on.fake.uploads.clear();
    const writer = await on.driver.openWriter(path, { append: true });
    const written = writer.write(noise(12 * mebibyte)).then(() => writer.close());
    await expect(written).rejects.toMatchObject({ code: 'DRIVER_PATH_NOT_FOUND' });
    await writer.close().catch(() => undefined);
    expect(await on.driver.uploadSizeBytes(path)).toBeUndefined();
  });

  it('aborts the upload and drops the state on cancel', async () => {
    on = await onFake();
    await writeSession(noise(6 * mebibyte), false);
    expect(on.fake.uploads.size).toBe(1);
    const writer = await on.driver.openWriter(path, { append: true });
    await writer.write(noise(6 * mebibyte));
    await writer.cancel();
    expect(on.fake.uploads.size).toBe(0);
    expect(on.fake.objects.size).toBe(0);
  });

  it('aborts the upload when the folder of the session is deleted', async () => {
    on = await onFake();
    await writeSession(noise(6 * mebibyte), false);
    await on.driver.delete(path.slice(0, path.lastIndexOf('/')));
    expect(on.fake.uploads.size).toBe(0);
    expect(on.fake.objects.size).toBe(0);
  });
});

it('says to raise chunksize once 10,000 parts cannot hold the upload', async () => {
  on = await onFake();
  const uploadId = await on.store.createUpload(key);
  const chunkBytes = 5 * mebibyte;
  const parts = Array.from({ length: 9_999 }, (_, index) => ({
    number: index + 1,
    etag: '"e"',
    sizeBytes: chunkBytes,
  }));
  const states = new UploadStates(on.store);
  await states.save(key, { uploadId, chunkBytes, parts }, new Uint8Array(), 'none');
  const writer = await on.driver.openWriter(path, { append: true });
  expect(writer.sizeBytes).toBe(9_999 * chunkBytes);
  await writer.write(noise(chunkBytes));
  await expect(writer.write(noise(1))).rejects.toThrow(/raise chunksize/);
  await writer.close();
  expect(await on.driver.uploadSizeBytes(path)).toBe(10_000 * chunkBytes);
});

describe('commitTo', () => {
  const target = '/docker/registry/v2/blobs/sha256/ab/abcd/data';

  it('puts what fits into one part straight where it belongs', async () => {
    on = await onFake();
    await writeSession(noise(1000), false);
    on.fake.forgetCalls();
    const writer = await on.driver.openWriter(path, { append: true });
    await writer.commitTo?.(target);
    expect(on.fake.calls.map(({ call }) => call)).toEqual([
      'GetObject',
      'PutObject',
      'DeleteObject',
    ]);
    expect([...on.fake.objects.keys()]).toEqual([target.slice(1)]);
    expect((await drain(await on.driver.open(target))).equals(noise(1000))).toBe(true);
    await expect(writer.commit()).rejects.toThrow(/already committed/);
  });

  it('copies a larger upload, and leaves nothing behind', async () => {
    on = await onFake({ equalParts: true });
    await writeSession(noise(7 * mebibyte), false);
    const writer = await on.driver.openWriter(path, { append: true });
    await writer.write(noise(6 * mebibyte));
    await writer.commitTo?.(target);
    expect([...on.fake.objects.keys()]).toEqual([target.slice(1)]);
    expect(on.fake.uploads.size).toBe(0);
    expect((await on.driver.stat(target))?.sizeBytes).toBe(13 * mebibyte);
  });

  it('leaves no object when the upload is cancelled after a failed copy', async () => {
    on = await onFake();
    on.fake.plan('CopyObject', { kind: 'error', status: 403, code: 'AccessDenied' });
    const writer = await on.driver.openWriter(path, { append: false });
    await writer.write(noise(6 * mebibyte));
    await expect(writer.commitTo?.(target)).rejects.toThrow(/AccessDenied/);
    await writer.cancel();
    expect(on.fake.objects.size).toBe(0);
  });

  it('can be tried again, here or by another writer, when the copy failed', async () => {
    on = await onFake({ equalParts: true });
    const content = noise(12 * mebibyte);
    on.fake.plan('CopyObject', { kind: 'error', status: 403, code: 'AccessDenied' }, 2);
    await writeSession(content.subarray(0, 6 * mebibyte), false);
    const writer = await on.driver.openWriter(path, { append: true });
    await writer.write(content.subarray(6 * mebibyte));
    await expect(writer.commitTo?.(target)).rejects.toThrow(/AccessDenied/);
    await expect(writer.commitTo?.(target)).rejects.toThrow(/AccessDenied/);
    await writer.close();
    expect(await on.driver.uploadSizeBytes(path)).toBe(content.length);
    const again = await on.driver.openWriter(path, { append: true });
    await again.commitTo?.(target);
    expect((await drain(await on.driver.open(target))).equals(content)).toBe(true);
    expect([...on.fake.objects.keys()]).toEqual([target.slice(1)]);
  });
});
