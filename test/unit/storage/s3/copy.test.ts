/** Moves: one request or parts side by side, never more than 10,000, and nothing left behind on failure. */

import { afterEach, describe, expect, it } from 'vitest';
import { copyPartBytes, copyRanges } from '../../../../src/storage/drivers/s3/copy.ts';
import { copySource } from '../../../../src/storage/drivers/s3/keys.ts';
import { validate } from '../../../../src/storage/drivers/s3/validate.ts';
import { noise } from '../../../support/bytes.ts';
import { type OnFake, onFake } from '../../../support/s3-on-fake.ts';
import { someS3Options } from '../../../support/s3-options.ts';

const mebibyte = 1024 * 1024;

describe('part sizes', () => {
  const { settings } = validate(someS3Options());

  it.each([
    [100 * mebibyte, 32],
    [320_000 * mebibyte, 32],
    [320_000 * mebibyte + 1, 33],
    [5 * mebibyte * mebibyte, 525],
  ])('copies %d bytes by parts of %d MiB', (sizeBytes, wanted) => {
    const partBytes = copyPartBytes(settings, sizeBytes);
    expect(partBytes).toBe(wanted * mebibyte);
    const ranges = copyRanges(sizeBytes, partBytes);
    expect(ranges.length).toBeLessThanOrEqual(10_000);
    expect(ranges.at(-1)?.last).toBe(sizeBytes - 1);
    expect(ranges[1]?.first).toBe(partBytes);
  });

  it('escapes the source but for its slashes', () => {
    expect(copySource('b', 'a b/c+d/é')).toBe('b/a%20b/c%2Bd/%C3%A9');
  });
});

describe('move', () => {
  let on: OnFake;
  afterEach(() => on.stop());
  const content = noise(33 * mebibyte);
  const small = {
    multipartcopychunksize: 5 * mebibyte,
    multipartcopythresholdsize: 10 * mebibyte,
    multipartcopymaxconcurrency: 3,
  };

  it('copies in one request up to the threshold', async () => {
    on = await onFake({}, small);
    on.fake.store('from', content.subarray(0, 10 * mebibyte));
    await on.driver.move('/from', '/to');
    expect(on.fake.calls.map(({ call }) => call)).toEqual([
      'HeadObject',
      'CopyObject',
      'DeleteObject',
    ]);
  });

  it.each([
    ['in parts from 32 MiB on', {}, {}, 0],
    ['in one request on Ceph', { cephIds: true }, {}, 1],
    ['in parts on Ceph too where the threshold is given', { cephIds: true }, small, 0],
  ])('copies %s', async (_name, rules, changes, count) => {
    on = await onFake(rules, changes);
    on.fake.store('from', content);
    await on.driver.move('/from', '/to');
    expect(on.fake.count('CopyObject')).toBe(count);
    expect(on.fake.objects.get('to')?.body.equals(content)).toBe(true);

    const writer = await on.driver.openWriter('/session', { append: false });
    await writer.write(content);
    await writer.commitTo?.('/blob');
    expect(on.fake.count('CopyObject')).toBe(2 * count);
    expect([...on.fake.objects.keys()].sort()).toEqual(['blob', 'to']);
  });

  it('copies by parts where one request cannot: Ceph and encrypted objects', async () => {
    on = await onFake({}, { ...small, multipartcopythresholdsize: 40 * mebibyte });
    on.fake.store('from', content);
    on.fake.plan('CopyObject', { kind: 'error', status: 501, code: 'NotImplemented' });
    await on.driver.move('/from', '/to');
    expect(on.fake.objects.get('to')?.body.equals(content)).toBe(true);
    expect(on.fake.count('CopyObject')).toBe(1);
  });

  it('copies by parts above it, some of which are tried again', async () => {
    on = await onFake({ equalParts: true }, small);
    on.fake.store('from', content);
    on.fake.plan('UploadPartCopy', { kind: 'error', status: 503, code: 'SlowDown' }, 1, 2);
    on.fake.plan('CompleteMultipartUpload', { kind: 'lost answer' });
    await on.driver.move('/from', '/to');
    expect(on.fake.objects.get('to')?.body.equals(content)).toBe(true);
    expect([...on.fake.objects.keys()]).toEqual(['to']);
    expect(on.fake.count('UploadPartCopy')).toBe(8);
  });

  it('aborts the upload when a part cannot be copied, and keeps the source', async () => {
    on = await onFake({}, { ...small, multipartcopymaxconcurrency: 1 });
    on.fake.store('from', content);
    on.fake.plan('UploadPartCopy', { kind: 'error', status: 403, code: 'AccessDenied' }, 1, 3);
    await expect(on.driver.move('/from', '/to')).rejects.toThrow('s3aws: move /from: AccessDenied');
    expect(on.fake.uploads.size).toBe(0);
    expect([...on.fake.objects.keys()]).toEqual(['from']);
    expect(on.fake.count('UploadPartCopy')).toBe(4);
  });
});
