/**
 * What only a real server tells: signatures, TLS, encryption, parts of a real size, and sessions and blobs shared with
 * Distribution's own s3 driver (Debian's docker-registry on the same bucket).
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HeadObjectCommand, ListMultipartUploadsCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Secret } from '../../../../src/options/secret.ts';
import type { StorageDriver } from '../../../../src/storage/driver.ts';
import { createS3Driver } from '../../../../src/storage/drivers/s3/driver.ts';
import type { S3Options } from '../../../../src/storage/drivers/s3/options.ts';
import { drain, noise, sha256 } from '../../../support/bytes.ts';
import { freePort } from '../../../support/free-port.ts';
import { type Radosgw, radosgwMissing, startRadosgw } from '../../../support/radosgw.ts';
import { newBucket, plainClient, someS3Options } from '../../../support/s3-options.ts';
import { type TempFolder, tempFolder } from '../../../support/temp-folder.ts';

const mebibyte = 1024 * 1024;
const skipped = radosgwMissing();
const registryProgram = '/usr/bin/docker-registry';

let gateway: Radosgw;
let client: S3Client;
let bucket: string;
const drivers: StorageDriver[] = [];

beforeAll(async () => {
  if (skipped === undefined) {
    gateway = await startRadosgw();
    client = plainClient(gateway.endpoint);
    bucket = await newBucket(client);
  }
});
afterAll(async () => {
  await Promise.all(drivers.map((driver) => driver.close()));
  client?.destroy();
  await gateway?.stop();
});

function optionsOf(changes: Partial<S3Options> = {}): S3Options {
  return someS3Options({ bucket, regionendpoint: gateway.endpoint, ...changes });
}

async function aDriver(changes: Partial<S3Options> = {}): Promise<StorageDriver> {
  const driver = await createS3Driver(optionsOf(changes));
  drivers.push(driver);
  return driver;
}

/** How many parts an object was made of. */
async function partCount(key: string): Promise<number> {
  const { ETag = '' } = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
  return Number(/-(\d+)"$/.exec(ETag)?.[1]);
}

describe.skipIf(skipped !== undefined)(`s3aws and radosgw ${skipped ?? ''}`, () => {
  it('says at start that the bucket is missing, or a key wrong', async () => {
    await expect(createS3Driver(optionsOf({ bucket: 'nowhere' }))).rejects.toThrow(
      /bucket nowhere does not exist/,
    );
    await expect(createS3Driver(optionsOf({ accesskey: new Secret('x') }))).rejects.toThrow(
      /the access key is not known/,
    );
    await expect(createS3Driver(optionsOf({ secretkey: new Secret('x') }))).rejects.toThrow(
      /the secret key does not fit/,
    );
  });

  it('goes on with a session on another instance, and moves it by parts', async () => {
    const content = noise(38 * mebibyte + 5);
    const cuts = [0, 13 * mebibyte, 13 * mebibyte + 7, content.length];
    const changes = {
      rootdirectory: '/r1',
      multipartcopychunksize: 8 * mebibyte,
      multipartcopythresholdsize: 32 * mebibyte,
    };
    for (const [index, from] of cuts.slice(0, -1).entries()) {
      const driver = await aDriver(changes);
      const writer = await driver.openWriter('/up/data', { append: index > 0 });
      expect(writer.sizeBytes).toBe(from);
      await writer.write(content.subarray(from, cuts[index + 1]));
      await writer.close();
    }
    const driver = await aDriver(changes);
    const writer = await driver.openWriter('/up/data', { append: true });
    await writer.commit();
    await driver.move('/up/data', '/blob/data');
    expect(sha256(await drain(await driver.open('/blob/data')))).toBe(sha256(content));
    expect(await partCount('r1/blob/data')).toBe(5);
    await driver.delete('/blob');
    expect(await driver.list('/')).toEqual([]);
  });

  it('copies a large session in one request, since this is Ceph', async () => {
    const driver = await aDriver({ rootdirectory: 'ceph' });
    const content = noise(38 * mebibyte, 4);
    const writer = await driver.openWriter('/up/data', { append: false });
    await writer.write(content);
    await writer.commitTo?.('/blob/data');
    // The session's own parts: those of a copy in parts would be two.
    expect(await partCount('ceph/blob/data')).toBe(8);
    expect(sha256(await drain(await driver.open('/blob/data')))).toBe(sha256(content));
  });

  it('encrypts by the key it is given', async () => {
    const driver = await aDriver({ rootdirectory: 'kms', encrypt: true, keyid: 'testkey-1' });
    const writer = await driver.openWriter('/data', { append: false });
    await writer.write(noise(6 * mebibyte));
    await writer.commit();
    const facts = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: 'kms/data' }));
    expect(facts).toMatchObject({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'testkey-1' });
    expect((await drain(await driver.open('/data'))).equals(noise(6 * mebibyte))).toBe(true);
    // Which Ceph does not do in one request.
    await driver.move('/data', '/moved');
    expect((await drain(await driver.open('/moved'))).equals(noise(6 * mebibyte))).toBe(true);
    const moved = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: 'kms/moved' }));
    expect(moved).toMatchObject({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'testkey-1' });
  });

  it('verifies TLS, by the bundle of the environment too, unless told not to', async () => {
    const { tlsEndpoint, certificateFile } = gateway;
    if (tlsEndpoint === undefined) {
      return;
    }
    vi.stubEnv('AWS_CA_BUNDLE', certificateFile);
    const trusting = await aDriver({ regionendpoint: tlsEndpoint });
    expect(await trusting.stat('/tls')).toBeUndefined();
    vi.stubEnv('AWS_CA_BUNDLE', '/nowhere.pem');
    await expect(aDriver({ regionendpoint: tlsEndpoint })).rejects.toThrow(
      /AWS_CA_BUNDLE cannot be read/,
    );
    vi.stubEnv('AWS_CA_BUNDLE', undefined);
    await expect(createS3Driver(optionsOf({ regionendpoint: tlsEndpoint }))).rejects.toThrow(
      /self-signed certificate/,
    );
    const driver = await aDriver({ regionendpoint: tlsEndpoint, skipverify: true });
    await driver.put('/tls/a', 'over tls');
    await driver.put('/tls/b', 'over tls');
    expect((await driver.get('/tls/a')).toString()).toBe('over tls');
    await driver.delete('/tls');
    vi.unstubAllEnvs();
  });

  it('purges uploads that nobody finishes', async () => {
    const driver = await aDriver({ rootdirectory: 'purge' });
    const writer = await driver.openWriter('/a/data', { append: false });
    await writer.write(noise(11 * mebibyte));
    expect(await driver.purgeUploads?.('/', Date.now() - 3_600_000)).toBe(0);
    expect(await driver.purgeUploads?.('/', Date.now() + 3_600_000)).toBe(1);
    const left = await client.send(
      new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: 'purge/' }),
    );
    expect(left.Uploads ?? []).toEqual([]);
    await writer.cancel();
  });
});

const noRegistry =
  skipped ??
  (existsSync(registryProgram) || process.env['CI'] === 'true'
    ? undefined
    : 'docker-registry is not installed');

describe.skipIf(noRegistry !== undefined)(`beside Distribution ${noRegistry ?? ''}`, () => {
  const root = '/shared/prefix';
  const repository = '/docker/registry/v2/repositories/some/repo';
  let folder: TempFolder | undefined;
  let registry: ChildProcess | undefined;
  let origin: string;
  let driver: StorageDriver;

  beforeAll(async () => {
    const port = await freePort();
    origin = `http://127.0.0.1:${port}`;
    folder = await tempFolder();
    const file = join(folder.path, 'config.yml');
    writeFileSync(
      file,
      JSON.stringify({
        version: '0.1',
        log: { level: 'error' },
        http: { addr: `127.0.0.1:${port}`, secret: 'x' },
        storage: {
          redirect: { disable: true },
          s3: {
            region: 'us-east-1',
            regionendpoint: gateway.endpoint,
            bucket,
            accesskey: gateway.accessKey,
            secretkey: gateway.secretKey,
            secure: false,
            rootdirectory: root,
            chunksize: 5 * mebibyte,
          },
        },
      }),
    );
    // Its SDK panics on a CA bundle that the environment names.
    const { AWS_CA_BUNDLE, ...env } = process.env;
    registry = spawn(registryProgram, ['serve', file], { stdio: 'ignore', env });
    for (let tries = 100; tries > 0 && registry.exitCode === null; tries -= 1) {
      if (
        await fetch(`${origin}/v2/`).then(
          (answer) => answer.ok,
          () => false,
        )
      ) {
        break;
      }
      await delay(100);
    }
    expect(registry.exitCode, 'docker-registry runs').toBeNull();
    driver = await aDriver({ rootdirectory: root });
  });
  afterAll(async () => {
    if (registry?.exitCode === null) {
      const exit = new Promise((resolve) => registry?.once('exit', resolve));
      registry.kill();
      await exit;
    }
    await folder?.remove();
  });

  async function startSession(): Promise<{ location: string; dataPath: string }> {
    const answer = await fetch(`${origin}/v2/some/repo/blobs/uploads/`, { method: 'POST' });
    expect(answer.status).toBe(202);
    const id = answer.headers.get('docker-upload-uuid');
    return {
      location: answer.headers.get('location') ?? '',
      dataPath: `${repository}/_uploads/${id}/data`,
    };
  }

  it('reads the blobs it stored', async () => {
    const content = noise(12 * mebibyte + 1);
    const digest = sha256(content);
    const { location } = await startSession();
    const url = new URL(location);
    url.searchParams.set('digest', `sha256:${digest}`);
    const stored = await fetch(url, { method: 'PUT', body: content });
    expect(stored.status).toBe(201);
    const path = `/docker/registry/v2/blobs/sha256/${digest.slice(0, 2)}/${digest}/data`;
    expect(sha256(await drain(await driver.open(path)))).toBe(digest);
    expect((await driver.get(`${repository}/_layers/sha256/${digest}/link`)).toString()).toBe(
      `sha256:${digest}`,
    );
  });

  it('stores blobs that it reads', async () => {
    const content = noise(11 * mebibyte, 3);
    const digest = sha256(content);
    const writer = await driver.openWriter(`${repository}/_uploads/1/data`, { append: false });
    await writer.write(content);
    await writer.commitTo?.(
      `/docker/registry/v2/blobs/sha256/${digest.slice(0, 2)}/${digest}/data`,
    );
    await driver.put(`${repository}/_layers/sha256/${digest}/link`, `sha256:${digest}`);
    const got = await fetch(`${origin}/v2/some/repo/blobs/sha256:${digest}`);
    expect(sha256(new Uint8Array(await got.arrayBuffer()))).toBe(digest);
  });

  it.each([
    ['nothing but a start', 0],
    ['a short part', 3 * mebibyte],
    ['a short part behind full ones', 13 * mebibyte],
  ])('goes on with its session of %s', async (_name, sizeBytes) => {
    const { location, dataPath } = await startSession();
    const content = noise(sizeBytes + 7 * mebibyte, 5);
    if (sizeBytes > 0) {
      const patched = await fetch(location, {
        method: 'PATCH',
        body: content.subarray(0, sizeBytes),
      });
      expect(patched.status).toBe(202);
    }
    expect(await driver.uploadSizeBytes(dataPath)).toBe(sizeBytes);
    const writer = await driver.openWriter(dataPath, { append: true });
    await writer.write(content.subarray(sizeBytes));
    await writer.commit();
    expect(sha256(await drain(await driver.open(dataPath)))).toBe(sha256(content));
  });
});
