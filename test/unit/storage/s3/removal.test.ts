/** Deletes in batches, on stores that know no batches, and of uploads nobody will finish. */

import { afterEach, describe, expect, it } from 'vitest';
import { noise } from '../../../support/bytes.ts';
import { type OnFake, onFake } from '../../../support/s3-on-fake.ts';

let on: OnFake;
afterEach(() => on.stop());

function storeMany(count: number, folder = 'd'): void {
  for (let n = 0; n < count; n += 1) {
    on.fake.store(`${folder}/${n}`, 'x');
  }
}

describe('delete', () => {
  it('takes a list and a batch per thousand keys', async () => {
    on = await onFake({ demandsContentMd5: true });
    storeMany(2500);
    on.fake.store('d-sibling', 'x');
    await on.driver.delete('/d');
    expect([...on.fake.objects.keys()]).toEqual(['d-sibling']);
    expect(on.fake.count('DeleteObjects')).toBe(3);
  });

  it('finds a folder behind more than a page of siblings that sort before it', async () => {
    on = await onFake({ pageSize: 4 });
    for (let n = 0; n < 9; n += 1) {
      on.fake.store(`d-${n}`, 'x');
    }
    storeMany(6);
    on.fake.store('d/', '');
    await on.driver.delete('/d');
    expect(on.fake.objects.size).toBe(9);
  });

  it('deletes one by one where batches are refused, and asks only once', async () => {
    on = await onFake({ refusesBatches: true });
    storeMany(30);
    storeMany(30, 'e');
    await on.driver.delete('/d');
    await on.driver.delete('/e');
    expect(on.fake.objects.size).toBe(0);
    expect(on.fake.count('DeleteObjects')).toBe(1);
  });

  it('tries busy keys of a batch again', async () => {
    on = await onFake();
    storeMany(10);
    on.fake.plan('DeleteObjects', { kind: 'key errors', code: 'SlowDown', keys: /[3-5]$/ }, 2);
    await on.driver.delete('/d');
    expect(on.fake.objects.size).toBe(0);
  });

  it('names the keys that may not be deleted', async () => {
    on = await onFake();
    storeMany(10);
    on.fake.plan('DeleteObjects', { kind: 'key errors', code: 'AccessDenied', keys: /3$/ });
    await expect(on.driver.delete('/d')).rejects.toThrow(
      /s3aws: 1 keys could not be deleted: d\/3: AccessDenied/,
    );
    expect([...on.fake.objects.keys()]).toEqual(['d/3']);
  });
});

describe('purgeUploads', () => {
  it('aborts what began before the time below the prefix, over several pages', async () => {
    on = await onFake({ pageSize: 2 }, { rootdirectory: '/root' });
    for (const key of ['root/a/1', 'root/a/2', 'root/a/2', 'root/a/3', 'root/b', 'elsewhere']) {
      await on.store.createUpload(key);
    }
    expect(await on.driver.purgeUploads('/a', Date.now() - 60_000)).toBe(0);
    expect(await on.driver.purgeUploads('/a', Date.now() + 60_000)).toBe(4);
    expect([...on.fake.uploads.values()].map(({ key }) => key).sort()).toEqual([
      'elsewhere',
      'root/b',
    ]);
    expect(await on.driver.purgeUploads('/', Date.now() + 60_000)).toBe(1);
  });

  it('leaves a session whose upload is purged unknown', async () => {
    on = await onFake();
    const writer = await on.driver.openWriter('/u/data', { append: false });
    await writer.write(noise(6 * 1024 * 1024));
    await writer.close();
    await on.driver.purgeUploads('/', Date.now() + 60_000);
    const again = await on.driver.openWriter('/u/data', { append: true });
    await expect(again.commit()).rejects.toMatchObject({ code: 'DRIVER_PATH_NOT_FOUND' });
  });
});
