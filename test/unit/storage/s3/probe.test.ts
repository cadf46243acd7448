/** The question asked at start: each thing that may be wrong is told in words, on one line. */

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Logger, silentLogger } from '../../../../src/observe/logger.ts';
import { createS3Driver } from '../../../../src/storage/drivers/s3/driver.ts';
import { S3Fake } from '../../../support/s3-fake.ts';
import { someS3Options } from '../../../support/s3-options.ts';

let fake: S3Fake;
beforeEach(async () => {
  fake = await S3Fake.start();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await fake.stop();
});

it.each([
  [404, 'NoSuchBucket', 'bucket registry does not exist at http://'],
  [403, 'InvalidAccessKeyId', 'the access key is not known'],
  [403, 'SignatureDoesNotMatch', 'the secret key does not fit the access key'],
  [403, 'AccessDenied', 's3:ListBucket is needed'],
  [403, 'RequestTimeTooSkewed', 'the clock of this machine differs'],
  [400, 'AuthorizationHeaderMalformed', 'bucket registry is not in region us-east-1'],
  [400, 'Strange', 'cannot be used: Strange'],
])('%d %s', async (status, code, message) => {
  fake.plan('ListObjectsV2', { kind: 'error', status, code }, 10);
  const starting = createS3Driver(someS3Options({ regionendpoint: fake.endpoint }));
  await expect(starting).rejects.toThrow(message);
});

it('a host that does not answer', async () => {
  const regionendpoint = fake.endpoint;
  await fake.stop();
  await expect(createS3Driver(someS3Options({ regionendpoint }))).rejects.toThrow(
    `s3aws: cannot reach ${regionendpoint}`,
  );
  fake = await S3Fake.start();
});

it('says where the credentials came from, and the warnings of the options', async () => {
  const lines: string[] = [];
  const note = (message: string, fields: object = {}): void =>
    void lines.push(`${message} ${JSON.stringify(fields)}`);
  const logger: Logger = { ...silentLogger, info: note, warn: note };
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'id');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  const { accesskey, secretkey, ...options } = someS3Options({
    regionendpoint: fake.endpoint,
    forcepathstyle: false,
  });
  const driver = await createS3Driver(options, { logger });
  await driver.close();
  expect(lines.join('\n')).toMatch(/using path style.*\n.*"source":"env vars"/);
});
