/** Every call of the driver under faults: one that passes is not seen, one that lasts is a clean DriverError. */

import { afterEach, describe, expect, it } from 'vitest';
import { toDriverError } from '../../../../src/storage/drivers/s3/errors.ts';
import { drain, noise } from '../../../support/bytes.ts';
import type { Fault, S3Call } from '../../../support/s3-fake.ts';
import { type OnFake, onFake } from '../../../support/s3-on-fake.ts';

const mebibyte = 1024 * 1024;
const small = { multipartcopychunksize: 5 * mebibyte, multipartcopythresholdsize: 5 * mebibyte };

let on: OnFake;
afterEach(() => on?.stop());

/** What a caller may ask, and the kinds of call it comes down to. */
const operations: readonly [string, readonly S3Call[], () => Promise<unknown>][] = [
  ['get', ['GetObject'], () => on.driver.get('/d/a')],
  ['put', ['PutObject'], () => on.driver.put('/d/new', 'x')],
  ['open', ['GetObject'], async () => drain(await on.driver.open('/d/a'))],
  ['stat of a file', ['HeadObject'], () => on.driver.stat('/d/a')],
  ['stat of a folder', ['HeadObject', 'ListObjectsV2'], () => on.driver.stat('/d')],
  ['list', ['ListObjectsV2'], () => on.driver.list('/d')],
  ['small move', ['HeadObject', 'CopyObject', 'DeleteObject'], () => on.driver.move('/d/a', '/b')],
  [
    'large move',
    ['CreateMultipartUpload', 'UploadPartCopy', 'CompleteMultipartUpload'],
    () => on.driver.move('/large', '/b'),
  ],
  ['delete', ['ListObjectsV2', 'DeleteObjects'], () => on.driver.delete('/d')],
  [
    'size of a foreign upload',
    ['ListMultipartUploads', 'ListParts'],
    () => on.driver.uploadSizeBytes('/up'),
  ],
  [
    'purge',
    ['ListMultipartUploads', 'AbortMultipartUpload'],
    () => on.driver.purgeUploads('/', Date.now() + 60_000),
  ],
];
const cases = operations.flatMap(([name, calls, run]) =>
  calls.map((call): [string, S3Call, () => Promise<unknown>] => [name, call, run]),
);

async function populated(): Promise<void> {
  on = await onFake({}, small);
  on.fake.store('d/a', 'content of a');
  on.fake.store('d/b', 'content of b');
  on.fake.store('large', noise(11 * mebibyte));
  await on.store.createUpload('up');
}

describe.each<[string, Fault]>([
  ['a 500', { kind: 'error', status: 500, code: 'InternalError' }],
  ['a cut connection', { kind: 'lost answer' }],
])('after %s', (_fault, fault) => {
  it.each(cases)('%s tries %s again', async (_name, call, run) => {
    await populated();
    on.fake.plan(call, fault);
    await run();
    expect(on.fake.count(call)).toBeGreaterThanOrEqual(2);
  });
});

it.each(
  // The answer to a PutObject has no body that could be cut.
  cases.filter(([, call]) => call !== 'PutObject'),
)('after an answer cut short %s tries %s again', async (_name, call, run) => {
  await populated();
  on.fake.plan(call, { kind: 'cut response', afterBytes: 5 });
  await run();
  expect(on.fake.count(call)).toBeGreaterThanOrEqual(2);
});

it.each(cases)('%s tells a refused %s in one line', async (_name, call, run) => {
  await populated();
  on.fake.plan(call, { kind: 'error', status: 403, code: 'AccessDenied' }, 9);
  if (call === 'HeadObject') {
    // Without s3:ListBucket a missing key is a 403 too: the listing decides.
    on.fake.plan('ListObjectsV2', { kind: 'error', status: 403, code: 'AccessDenied' }, 9);
  }
  const failure = run();
  await expect(failure).rejects.toMatchObject({ code: 'DRIVER_FAILED', retryable: false });
  await expect(failure).rejects.toThrow(/^s3aws: [^\n]+$/);
});

describe('kinds of error', () => {
  it.each([
    ['NoSuchKey', 404, 'DRIVER_PATH_NOT_FOUND', false],
    ['NoSuchBucket', 404, 'DRIVER_FAILED', false],
    ['SlowDown', 503, 'DRIVER_UNAVAILABLE', true],
    ['InternalError', 500, 'DRIVER_UNAVAILABLE', true],
    ['TooManyRequests', 429, 'DRIVER_UNAVAILABLE', true],
    ['QuotaExceeded', 403, 'DRIVER_FULL', false],
    ['XMinioStorageFull', 507, 'DRIVER_FULL', false],
    ['NotImplemented', 501, 'DRIVER_FAILED', false],
    ['AccessDenied', 403, 'DRIVER_FAILED', false],
  ])('%s (%d) is %s', (name, httpStatusCode, code, retryable) => {
    const error = Object.assign(new Error('why'), { name, $metadata: { httpStatusCode } });
    expect(toDriverError(error, 'get', '/a')).toMatchObject({ code, retryable, cause: error });
  });

  it('takes a broken connection as unavailable', () => {
    const error = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
    expect(toDriverError(error, 'get', '/a')).toMatchObject({
      code: 'DRIVER_UNAVAILABLE',
      message: 's3aws: get /a: ECONNRESET: socket hang up',
    });
  });
});
