/** Reading through cut connections, and stopping. */

import { afterEach, expect, it } from 'vitest';
import { ClientGoneError } from '../../../../src/errors.ts';
import { drain, noise } from '../../../support/bytes.ts';
import { type OnFake, onFake } from '../../../support/s3-on-fake.ts';

const mebibyte = 1024 * 1024;
const content = noise(3 * mebibyte + 7);

let on: OnFake;
afterEach(() => on.stop());

it('goes on from the byte reached after each cut', async () => {
  on = await onFake();
  on.fake.store('blob', content);
  for (const afterBytes of [mebibyte, 100_000, 0]) {
    on.fake.plan('GetObject', { kind: 'cut response', afterBytes });
  }
  const got = await drain(await on.driver.open('/blob', { offset: 5, endOffset: 3 * mebibyte }));
  expect(got.equals(content.subarray(5, 3 * mebibyte))).toBe(true);
  const ranges = on.fake.calls.map(({ headers }) => headers.range);
  expect(ranges[0]).toBe(`bytes=5-${3 * mebibyte - 1}`);
  expect(ranges).toHaveLength(4);
  expect(on.fake.calls[1]?.headers['if-match']).toBe(on.fake.objects.get('blob')?.etag);
});

it('goes on after cuts where pieces are lent by the socket', async () => {
  on = await onFake();
  const large = noise(12 * mebibyte + 7);
  on.fake.store('blob', large);
  for (const afterBytes of [mebibyte, 5 * mebibyte, 1]) {
    on.fake.plan('GetObject', { kind: 'cut response', afterBytes });
  }
  const got = await drain(await on.driver.open('/blob'));
  expect(got.equals(large)).toBe(true);
  expect(on.fake.calls).toHaveLength(4);
  expect(on.fake.calls[2]?.headers.range).toBe(`bytes=${6 * mebibyte}-`);
});

it('leaves a lent piece alone until the next is asked for, whatever other readers do', async () => {
  on = await onFake();
  const objects = [noise(9 * mebibyte, 1), noise(8 * mebibyte, 2), noise(100_000, 3)];
  for (const [index, bytes] of objects.entries()) {
    on.fake.store(`blob${index}`, bytes);
  }
  const sources = await Promise.all(objects.map((_, index) => on.driver.open(`/blob${index}`)));
  const got: Buffer[][] = objects.map(() => []);
  for (let isMore = true; isMore; ) {
    const pieces = await Promise.all(sources.map((source) => source.read()));
    // Whatever a socket could overwrite meanwhile is overwritten now.
    await new Promise((resolve) => setTimeout(resolve, 2));
    for (const [index, piece] of pieces.entries()) {
      if (piece !== undefined) {
        got[index]?.push(Buffer.from(piece));
      }
    }
    isMore = pieces.some((piece) => piece !== undefined);
  }
  for (const [index, bytes] of objects.entries()) {
    expect(Buffer.concat(got[index] ?? []).equals(bytes)).toBe(true);
  }
});

it('ends the connection of a large object when it is cancelled halfway', async () => {
  on = await onFake();
  on.fake.store('blob', noise(32 * mebibyte));
  const source = await on.driver.open('/blob');
  await source.read();
  source.cancel(new ClientGoneError());
  await expect(source.read()).rejects.toMatchObject({ code: 'CLIENT_GONE' });
});

it('gives up when no byte comes any more, with an error that may be retried', async () => {
  on = await onFake();
  on.fake.store('blob', content);
  on.fake.plan('GetObject', { kind: 'cut response', afterBytes: 0 }, 20);
  const source = await on.driver.open('/blob');
  await expect(drain(source)).rejects.toMatchObject({
    code: 'DRIVER_UNAVAILABLE',
    retryable: true,
  });
  await expect(source.read()).rejects.toMatchObject({ code: 'DRIVER_UNAVAILABLE' });
});

it('does not join two objects when the blob was replaced meanwhile', async () => {
  on = await onFake();
  on.fake.store('blob', content);
  on.fake.plan('GetObject', { kind: 'cut response', afterBytes: mebibyte });
  const source = await on.driver.open('/blob');
  await source.read();
  on.fake.store('blob', noise(content.length, 2));
  await expect(drain(source)).rejects.toMatchObject({ code: 'DRIVER_FAILED' });
});

it('reads a whole small file through a cut', async () => {
  on = await onFake();
  on.fake.store('link', 'sha256:abc');
  on.fake.plan('GetObject', { kind: 'cut response', afterBytes: 3 });
  expect((await on.driver.get('/link')).toString()).toBe('sha256:abc');
});

it('ends with the reason of the signal', async () => {
  on = await onFake();
  on.fake.store('blob', content);
  const gone = new AbortController();
  const source = await on.driver.open('/blob', { signal: gone.signal });
  await source.read();
  gone.abort(new ClientGoneError());
  await expect(drain(source)).rejects.toMatchObject({ code: 'CLIENT_GONE' });
});
