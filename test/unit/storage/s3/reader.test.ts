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
