/** Download URLs: whose host they name, how long they last, and that nothing is asked of S3. */

import { afterEach, expect, it } from 'vitest';
import { type OnFake, onFake } from '../../../support/s3-on-fake.ts';

let on: OnFake;
afterEach(() => on.stop());

const request = { method: 'GET', clientAddress: '' } as const;

it('signs for twenty minutes without a call or a checksum', async () => {
  on = await onFake({}, { rootdirectory: 'root' });
  const url = new URL((await on.driver.redirectUrl('/a/data', request)) ?? '');
  expect(url.origin).toBe(on.fake.endpoint);
  expect(url.pathname).toBe('/registry/root/a/data');
  expect(url.searchParams.get('X-Amz-Expires')).toBe('1200');
  expect([...url.searchParams.keys()].filter((name) => /checksum/i.test(name))).toEqual([]);
  expect(on.fake.calls).toEqual([]);
});

it('signs GET and HEAD apart', async () => {
  on = await onFake();
  const get = new URL((await on.driver.redirectUrl('/a', request)) ?? '');
  const head = new URL((await on.driver.redirectUrl('/a', { ...request, method: 'HEAD' })) ?? '');
  expect(get.searchParams.get('X-Amz-Signature')).not.toBe(
    head.searchParams.get('X-Amz-Signature'),
  );
});

it('names the redirect endpoint, in path style and in host style', async () => {
  on = await onFake({}, { redirectendpoint: 'https://cdn.example.com' });
  expect(await on.driver.redirectUrl('/a', request)).toMatch(
    /^https:\/\/cdn\.example\.com\/registry\/a\?/,
  );
  await on.stop();
  on = await onFake(
    {},
    {
      regionendpoint: 'https://s3.example.com',
      forcepathstyle: false,
      redirectendpoint: 'https://cdn.example.com',
    },
  );
  expect(await on.driver.redirectUrl('/a', request)).toMatch(
    /^https:\/\/registry\.cdn\.example\.com\/a\?/,
  );
});
