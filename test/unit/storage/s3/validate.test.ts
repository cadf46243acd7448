/** Options: what is refused at start and in which words, what is only warned about, and how defaults come out. */

import { describe, expect, it } from 'vitest';
import { Secret } from '../../../../src/options/secret.ts';
import type { S3Options } from '../../../../src/storage/drivers/s3/options.ts';
import { fromPortable, toPortable } from '../../../../src/storage/drivers/s3/settings.ts';
import { validate } from '../../../../src/storage/drivers/s3/validate.ts';
import { someS3Options } from '../../../support/s3-options.ts';

const mebibyte = 1024 * 1024;

/** On AWS itself: a region, no endpoint of one's own. */
function awsOptions(changes: Partial<S3Options> = {}): S3Options {
  const { regionendpoint, ...rest } = someS3Options({ forcepathstyle: false });
  return { ...rest, region: 'eu-west-1', ...changes };
}

describe('what stops the start', () => {
  it.each<[string, S3Options, string]>([
    ['no bucket', someS3Options({ bucket: '' }), 'no bucket parameter provided'],
    ['no region on AWS', awsOptions({ region: '' }), 'no region parameter provided'],
    ['a made-up region', awsOptions({ region: 'moon-1' }), 'invalid region provided: moon-1'],
    [
      'half a key pair',
      awsOptions({ secretkey: new Secret('') }),
      'accesskey and secretkey must be given together',
    ],
    [
      'signature version 2 on AWS',
      awsOptions({ v4auth: false }),
      'v4auth: false is refused by AWS',
    ],
    [
      'signature version 2 elsewhere',
      someS3Options({ v4auth: false }),
      'v4auth: false (signature version 2) is not supported',
    ],
    [
      'a part too small',
      awsOptions({ chunksize: 5 * mebibyte - 1 }),
      'the chunksize 5242879 parameter should be a number between 5242880 and 5368709120 (inclusive)',
    ],
    [
      'a copy threshold too large',
      awsOptions({ multipartcopythresholdsize: 2 ** 33 }),
      'the multipartcopythresholdsize 8589934592 parameter should be',
    ],
    [
      'no copy lane',
      awsOptions({ multipartcopymaxconcurrency: 0 }),
      'the multipartcopymaxconcurrency 0 parameter',
    ],
    [
      'a part no buffer can hold',
      awsOptions({ chunksize: 5 * 1024 * mebibyte }),
      'chunksize 5368709120 is more than one buffer',
    ],
    [
      'acceleration of another endpoint',
      someS3Options({ accelerate: true }),
      'accelerate cannot be used with regionendpoint',
    ],
    [
      'acceleration with path style',
      awsOptions({ accelerate: true, forcepathstyle: true }),
      'accelerate cannot be used with forcepathstyle',
    ],
    [
      'acceleration of a dotted bucket',
      awsOptions({ accelerate: true, bucket: 'a.b' }),
      'accelerate cannot be used with a dot',
    ],
    [
      'FIPS on another endpoint',
      someS3Options({ usefipsendpoint: true }),
      'usefipsendpoint cannot be used with regionendpoint',
    ],
    [
      'dual stack on another endpoint',
      someS3Options({ usedualstack: true }),
      'usedualstack cannot be used with regionendpoint',
    ],
    [
      'an endpoint that is no URL',
      someS3Options({ regionendpoint: 'http://' }),
      'invalid regionendpoint provided: http://',
    ],
    [
      'a redirect endpoint without scheme',
      awsOptions({ redirectendpoint: 'cdn.example.com' }),
      'invalid redirectendpoint provided',
    ],
    [
      'a redirect endpoint with a path',
      awsOptions({ redirectendpoint: 'https://cdn.example.com/x' }),
      'must be SCHEME://HOST, without user info, path or query',
    ],
  ])('%s', (_name, options, message) => {
    expect(() => validate(options)).toThrow(message);
    expect(() => validate(options)).toThrow(/^s3aws: /);
  });

  it.each(['ftp://u:hunter2@s3', 'http://u:pa/hunter2@s3', 'https://s3/x?hunter2'])(
    'shows no secret of the endpoints when they are %s',
    (url) => {
      expect(() => validate(awsOptions({ redirectendpoint: url }))).toThrow(/redirectendpoint \w/);
      for (const options of [
        awsOptions({ redirectendpoint: url }),
        someS3Options({ regionendpoint: url, bucket: '' }),
      ]) {
        expect(() => validate(options)).not.toThrow(/hunter2/);
      }
    },
  );

  it('tells all faults at once', () => {
    const options = awsOptions({ bucket: '', region: 'x', v4auth: false });
    expect(() => validate(options)).toThrow(/no bucket.*; invalid region.*; v4auth/);
  });
});

describe('settings', () => {
  it('hold no user info of the endpoint, which messages name', () => {
    const regionendpoint = 'https://user:hunter2@minio.example.com:9000';
    const { settings, warnings } = validate(someS3Options({ regionendpoint }));
    expect(settings.endpoint).toBe('https://minio.example.com:9000');
    expect(warnings).toEqual([
      'the user info in regionendpoint is not used: set accesskey and secretkey',
    ]);
  });

  it.each([
    'us-east-1',
    'us-gov-west-1',
    'cn-north-1',
    'ap-southeast-7',
    'eusc-de-east-1',
    'us-isob-east-1',
  ])('knows the region %s', (region) => {
    expect(validate(awsOptions({ region })).settings.region).toBe(region);
  });

  it.each([
    ['minio.example.com', true, 'https://minio.example.com'],
    ['minio.example.com:9000', false, 'http://minio.example.com:9000'],
    ['http://minio.example.com', true, 'http://minio.example.com'],
    ['https://minio.example.com', false, 'https://minio.example.com'],
  ])('reads regionendpoint %s with secure %s as %s', (regionendpoint, secure, endpoint) => {
    expect(validate(someS3Options({ regionendpoint, secure })).settings.endpoint).toBe(endpoint);
  });

  it.each(['http://10.0.0.1:9000', 'http://minio:9000', 'http://[::1]:9000'])(
    'takes path style at %s, with a warning',
    (regionendpoint) => {
      const { settings, warnings } = validate(
        someS3Options({ regionendpoint, forcepathstyle: false }),
      );
      expect(settings.forcePathStyle).toBe(true);
      expect(warnings).toHaveLength(1);
    },
  );

  it('keeps the host style where a bucket can be a subdomain', () => {
    const options = someS3Options({
      regionendpoint: 'https://s3.example.com',
      forcepathstyle: false,
    });
    expect(validate(options)).toMatchObject({ warnings: [], settings: { forcePathStyle: false } });
  });

  it.each<[string, Partial<S3Options>, object]>([
    ['nothing asked', {}, { ACL: 'private', StorageClass: 'STANDARD' }],
    ['no class', { storageclass: 'NONE' }, { ACL: 'private' }],
    [
      'encryption',
      { encrypt: true, storageclass: 'NONE' },
      { ACL: 'private', ServerSideEncryption: 'AES256' },
    ],
    [
      'a key',
      { encrypt: true, keyid: 'k', storageclass: 'NONE' },
      { ACL: 'private', ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'k' },
    ],
    ['a key without encryption', { keyid: 'k', storageclass: 'NONE' }, { ACL: 'private' }],
  ])('writes objects with the headers for %s', (_name, changes, headers) => {
    expect(validate(awsOptions(changes)).settings.objectHeaders).toEqual(headers);
  });

  it('warns that keyid does nothing without encrypt', () => {
    expect(validate(awsOptions({ keyid: 'k' })).warnings).toEqual([
      expect.stringContaining('keyid is ignored'),
    ]);
  });

  it('sends checksums only when the environment asks', () => {
    const asked = { AWS_REQUEST_CHECKSUM_CALCULATION: 'when_supported' };
    expect(validate(awsOptions(), {}).settings.checksums).toBe('WHEN_REQUIRED');
    expect(validate(awsOptions(), asked).settings.checksums).toBe('WHEN_SUPPORTED');
  });

  it('leaves credentials to the chain when both keys are empty', () => {
    const options = awsOptions({ accesskey: new Secret(''), secretkey: new Secret('') });
    expect(validate(options).settings.credentials).toBeUndefined();
  });
});

describe('options for a worker', () => {
  it('survive structured clone, secrets included', () => {
    const options = awsOptions();
    const back = fromPortable(structuredClone(toPortable(options)));
    expect(back.secretkey?.reveal()).toBe('testsecret1');
    expect(validate(back)).toEqual(validate(options));
  });

  it('need no keys', () => {
    const { accesskey, secretkey, ...keyless } = awsOptions();
    expect(fromPortable(structuredClone(toPortable(keyless)))).toEqual(keyless);
  });
});
