/** Two instances write to one upload at a time: one of them is told, and what the other stored stays. */

import { afterEach, describe, expect, it } from 'vitest';
import type { FileWriter } from '../../../../src/storage/driver.ts';
import { createS3Driver } from '../../../../src/storage/drivers/s3/driver.ts';
import { drain, noise } from '../../../support/bytes.ts';
import { type Radosgw, radosgwMissing, startRadosgw } from '../../../support/radosgw.ts';
import { type OnFake, onFake } from '../../../support/s3-on-fake.ts';
import { newBucket, plainClient, someS3Options } from '../../../support/s3-options.ts';

const mebibyte = 1024 * 1024;
const path = '/docker/registry/v2/repositories/a/_uploads/1/data';
const conflict = { code: 'DRIVER_UPLOAD_CONFLICT' };

let on: OnFake | undefined;
let gateway: Radosgw | undefined;
afterEach(async () => {
  await on?.stop();
  await gateway?.stop();
  on = undefined;
  gateway = undefined;
});

type Open = (append: boolean) => Promise<FileWriter>;

async function twoAtOnce(open: Open, append: boolean, contents: readonly Buffer[]): Promise<void> {
  const writers = await Promise.all(contents.map(() => open(append)));
  for (const [index, writer] of writers.entries()) {
    await writer.write(contents[index] ?? Buffer.alloc(0));
  }
  await writers[0]?.close();
  await expect(writers[1]?.close()).rejects.toMatchObject(conflict);
}

async function write(open: Open, append: boolean, content: Buffer): Promise<void> {
  const writer = await open(append);
  await writer.write(content);
  await writer.close();
}

const sizes = [
  ['short of a part', 1000],
  ['with parts', 11 * mebibyte],
] as const;

describe.each(sizes)('%s', (_, size) => {
  it('tells the second of two that begin an upload', async () => {
    on = await onFake();
    const { driver, fake } = on;
    await twoAtOnce((append) => driver.openWriter(path, { append }), false, [
      noise(size, 1),
      noise(size, 2),
    ]);
    const writer = await driver.openWriter(path, { append: true });
    await writer.commit();
    expect((await drain(await driver.open(path))).equals(noise(size, 1))).toBe(true);
    expect(fake.uploads.size).toBe(0);
  });

  it('tells the second of two that go on with one', async () => {
    on = await onFake();
    const { driver } = on;
    const open: Open = (append) => driver.openWriter(path, { append });
    await write(open, false, noise(2000));
    await twoAtOnce(open, true, [noise(size, 1), noise(size, 2)]);
    // Should both have put the same part into one multipart upload, it cannot be completed any more; never is it wrong.
    const writer = await driver.openWriter(path, { append: true });
    await writer.commit().then(
      async () => {
        const stored = await drain(await driver.open(path));
        expect(stored.equals(Buffer.concat([noise(2000), noise(size, 1)]))).toBe(true);
      },
      (error: unknown) => expect(error).toBeInstanceOf(Error),
    );
  });
});

it('goes on with an upload that was left without a byte', async () => {
  on = await onFake();
  const { driver } = on;
  const other = await createS3Driver(someS3Options({ regionendpoint: on.fake.endpoint }), {
    probe: false,
  });
  try {
    await write((append) => driver.openWriter(path, { append }), false, Buffer.alloc(0));
    await write((append) => other.openWriter(path, { append }), false, noise(1000));
    expect(await driver.uploadSizeBytes(path)).toBe(1000);
  } finally {
    await other.close();
  }
});

it('knows its own state again when the answer to its put was lost', async () => {
  on = await onFake();
  const { driver, fake } = on;
  const open: Open = (append) => driver.openWriter(path, { append });
  fake.plan('PutObject', { kind: 'lost answer' });
  await write(open, false, noise(1000));
  fake.plan('PutObject', { kind: 'lost answer' });
  await write(open, true, noise(1000, 2));
  expect(await driver.uploadSizeBytes(path)).toBe(2000);
});

it('is told too where ETags are compared without their quotes', async () => {
  on = await onFake({ comparesBareEtags: true });
  const { driver } = on;
  const open: Open = (append) => driver.openWriter(path, { append });
  await write(open, false, noise(1000));
  await twoAtOnce(open, true, [noise(1000, 1), noise(1000, 2)]);
  await twoAtOnce(open, true, [noise(1000, 3), noise(1000, 4)]);
  expect(await driver.uploadSizeBytes(path)).toBe(3000);
});

it('works unguarded where conditional puts are not known', async () => {
  on = await onFake({ refusesConditions: true });
  const { driver } = on;
  const open: Open = (append) => driver.openWriter(path, { append });
  await write(open, false, noise(1000));
  await write(open, true, noise(1000, 2));
  expect(await driver.uploadSizeBytes(path)).toBe(2000);
});

const skipped = radosgwMissing();
it.skipIf(skipped !== undefined)(`holds on radosgw ${skipped ?? ''}`, async () => {
  gateway = await startRadosgw();
  const client = plainClient(gateway.endpoint);
  const options = someS3Options({
    bucket: await newBucket(client),
    regionendpoint: gateway.endpoint,
  });
  const drivers = [await createS3Driver(options), await createS3Driver(options)];
  try {
    let turn = 0;
    const open: Open = (append) => {
      turn += 1;
      return (drivers[turn % 2] as (typeof drivers)[0]).openWriter(path, { append });
    };
    await twoAtOnce(open, false, [noise(1000, 1), noise(1000, 2)]);
    await twoAtOnce(open, true, [noise(1000, 3), noise(1000, 4)]);
    const writer = await open(true);
    await writer.commit();
    const stored = await drain(await (drivers[0] as (typeof drivers)[0]).open(path));
    expect(stored.equals(Buffer.concat([noise(1000, 1), noise(1000, 3)]))).toBe(true);
  } finally {
    await Promise.all(drivers.map((driver) => driver.close()));
    client.destroy();
  }
});
