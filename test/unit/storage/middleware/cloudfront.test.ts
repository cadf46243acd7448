/** Signed URLs are checked with the public key, and IP ranges come from a real local server. */

import { createVerify, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { silentLogger } from '../../../../src/observe/logger.ts';
import type { StorageDriver } from '../../../../src/storage/driver.ts';
import { createMemoryDriver } from '../../../../src/storage/drivers/memory/driver.ts';
import { cloudfronted } from '../../../../src/storage/middleware/cloudfront.ts';
import { withRedirectUrl } from '../../../../src/storage/middleware/with-redirect-url.ts';
import type { CloudfrontOptions } from '../../../../src/storage/middleware-options.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const path = '/docker/registry/v2/blobs/sha256/ab/abcd/data';
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function keyFile(content: string | Buffer): Promise<string> {
  const folder = await tempFolder();
  undo.push(() => folder.remove());
  const file = join(folder.path, 'key.pem');
  await writeFile(file, content);
  return file;
}

/** Stands for s3: its signed URLs come from a service. */
const bucket: StorageDriver = withRedirectUrl(createMemoryDriver(), () =>
  Promise.resolve('https://bucket.example/signed'),
);

async function overS3(
  options: Partial<CloudfrontOptions>,
): Promise<(client: string) => Promise<string | undefined>> {
  const { driver, stop } = await cloudfronted(
    bucket,
    {
      baseurl: 'https://cdn.example/',
      privatekey: await keyFile(privateKey.export({ type: 'pkcs1', format: 'pem' })),
      keypairid: 'KID',
      duration: '20m',
      updatefrequency: '12h',
      iprangesurl: '',
      ipfilteredby: 'none',
      ...options,
    },
    {
      keyOf: (at) => `root${at}`,
      logger: silentLogger,
      nowMs: () => 1_700_000_000_000,
    },
  );
  undo.push(stop);
  return (clientAddress) => driver.redirectUrl(path, { method: 'GET', clientAddress });
}

it('gives the URL of the object with a canned policy that CloudFront can check', async () => {
  const url = (await (await overS3({ duration: '1h' }))('192.0.2.1')) ?? '';
  const resource = `https://cdn.example/root${path}`;
  const expires = 1_700_000_000 + 3600;
  const [, signature = ''] =
    new RegExp(
      `^${resource}\\?Expires=${expires}&Signature=([A-Za-z0-9~_-]+)&Key-Pair-Id=KID$`,
    ).exec(url) ?? [];
  const base64 = signature.replaceAll('-', '+').replaceAll('_', '=').replaceAll('~', '/');
  const policy = `{"Statement":[{"Resource":"${resource}","Condition":{"DateLessThan":{"AWS:EpochTime":${expires}}}}]}`;
  const check = createVerify('RSA-SHA1').update(policy);
  expect(check.verify(publicKey, base64, 'base64')).toBe(true);
});

it('adds scheme and slash to the base, and takes a PKCS#8 key', async () => {
  const pkcs8 = await keyFile(privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const url = await (await overS3({ baseurl: 'cdn.example', privatekey: pkcs8 }))('192.0.2.1');
  expect(url).toContain(`https://cdn.example/root${path}?Expires=`);
});

it('a duration without a unit counts as 20 minutes', async () => {
  const url = await (await overS3({ duration: 3000 }))('192.0.2.1');
  expect(url).toContain(`?Expires=${1_700_000_000 + 1200}&`);
});

it.each([
  ['nothing', '/no/such.pem', 'failed to read privatekey file'],
  ['no key', undefined, 'holds no PEM private key'],
])('a key file with %s stops the start', async (_what, file, message) => {
  const privatekey = file ?? (await keyFile('no key'));
  await expect(overS3({ privatekey })).rejects.toMatchObject({
    code: 'OPTION_INVALID',
    message: expect.stringContaining(message),
  });
});

async function rangesServer(): Promise<string> {
  const server = createServer((_request, response) => {
    response.end(
      JSON.stringify({
        prefixes: [
          { ip_prefix: '192.0.2.0/24', region: 'us-east-1', service: 'EC2' },
          { ip_prefix: '198.51.100.0/24', region: 'eu-west-1', service: 'EC2' },
        ],
        ipv6_prefixes: [{ ipv6_prefix: '2001:db8::/32', region: 'us-east-1', service: 'EC2' }],
      }),
    );
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  undo.push(() => new Promise((resolve) => server.close(resolve)));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/ip-ranges.json`;
}

/** The list is fetched in the background: asks until a client that is inside counts as such. */
async function untilFetched(
  urlFor: (client: string) => Promise<string | undefined>,
  client: string,
): Promise<void> {
  while ((await urlFor(client)) !== 'https://bucket.example/signed') {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

it('clients inside AWS go to the bucket, all others to CloudFront', async () => {
  const urlFor = await overS3({ ipfilteredby: 'aws', iprangesurl: await rangesServer() });
  await untilFetched(urlFor, '192.0.2.1');
  expect(await urlFor('198.51.100.1')).toBe('https://bucket.example/signed');
  expect(await urlFor('[2001:db8::1]:4711')).toBe('https://bucket.example/signed');
  expect(await urlFor('203.0.113.1')).toContain('https://cdn.example/');
});

it('with regions only clients inside those go to the bucket', async () => {
  const urlFor = await overS3({
    ipfilteredby: 'awsregion',
    awsregion: 'ap-south-1, US-East-1',
    iprangesurl: await rangesServer(),
  });
  await untilFetched(urlFor, '192.0.2.1');
  expect(await urlFor('198.51.100.1')).toContain('https://cdn.example/');
});

it('without the list everybody goes to CloudFront', async () => {
  const urlFor = await overS3({ ipfilteredby: 'aws', iprangesurl: 'http://127.0.0.1:1/' });
  expect(await urlFor('192.0.2.1')).toContain('https://cdn.example/');
});
