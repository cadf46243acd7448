/**
 * The built registry when S3 misbehaves: what it can retry the client does not see; what it cannot is a clean 5xx, and
 * the session goes on from where it stood.
 */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ApiClient, digestOf, locationOf } from '../support/api-client.ts';
import { noise } from '../support/bytes.ts';
import { type RunningRegistry, startRegistry } from '../support/registry.ts';
import { accessKeyOf, type Fault, type S3Call, S3Fake } from '../support/s3-fake.ts';
import { s3Storage } from '../support/s3-storage.ts';

const mebibyte = 1024 * 1024;
const slowDown: Fault = { kind: 'error', status: 503, code: 'SlowDown' };
/** More often than anybody tries. */
const forever = 10_000;

let fake: S3Fake;
let registry: RunningRegistry;
let api: ApiClient;

beforeAll(async () => {
  fake = await S3Fake.start();
  registry = await startRegistry({
    config: { storage: { ...s3Storage(fake.endpoint, 'registry'), redirect: { disable: true } } },
  });
  api = new ApiClient(registry.port);
});
afterEach(() => fake.forgetPlans());
afterAll(async () => {
  api?.close();
  await registry?.stop();
  await fake?.stop();
});

async function expectBlob(name: string, content: Buffer): Promise<void> {
  const reply = await api.get(`/v2/${name}/blobs/${digestOf(content)}`);
  expect(reply.status).toBe(200);
  expect(digestOf(reply.body)).toBe(digestOf(content));
}

describe('the registry on an S3 that misbehaves', () => {
  it.each<[string, S3Call, Fault, number]>([
    ['asks to slow down', 'PutObject', slowDown, 2],
    ['asks to slow down parts', 'UploadPart', slowDown, 3],
    ['cuts a part', 'UploadPart', { kind: 'cut request' }, 2],
    ['loses the answer to a part', 'UploadPart', { kind: 'lost answer' }, 1],
    [
      'puts an error into a 200',
      'CompleteMultipartUpload',
      { kind: 'error in 200', code: 'InternalError' },
      1,
    ],
    ['loses the answer to the completion', 'CompleteMultipartUpload', { kind: 'lost answer' }, 1],
    [
      'does not begin an upload at once',
      'CreateMultipartUpload',
      { kind: 'error', status: 500, code: 'InternalError' },
      1,
    ],
    ['puts an error into a copy', 'CopyObject', { kind: 'error in 200', code: 'InternalError' }, 1],
    [
      'has another clock',
      'UploadPart',
      { kind: 'error', status: 403, code: 'RequestTimeTooSkewed' },
      1,
    ],
  ])('stores blobs all the same when it %s', async (title, call, fault, times) => {
    const name = `retried/${title.replaceAll(' ', '-')}`;
    for (const [seed, way] of ['session', 'at once'].entries()) {
      fake.plan(call, fault, times);
      const content = noise(12 * mebibyte, title.length * 2 + seed);
      if (way === 'session') {
        const patched = await api.patch(await api.startUpload(name), content);
        expect(patched.status, patched.text).toBe(202);
        const closed = await api.finishUpload(locationOf(patched), digestOf(content));
        expect(closed.status, closed.text).toBe(201);
      } else {
        await api.pushBlob(name, content);
      }
      fake.forgetPlans();
      await expectBlob(name, content);
    }
  });

  it.each<[string, Fault]>([
    ['asks to slow down', slowDown],
    ['fails', { kind: 'error', status: 500, code: 'InternalError' }],
    ['cuts every part', { kind: 'cut request' }],
    ['never answers to a part', { kind: 'lost answer' }],
    ['takes our time for wrong', { kind: 'error', status: 403, code: 'RequestTimeTooSkewed' }],
    ['takes our key for expired', { kind: 'error', status: 400, code: 'ExpiredToken' }],
  ])(
    'that %s for long: keeps what S3 took of a chunk, and goes on when S3 is back',
    async (title, fault) => {
      const content = noise(23 * mebibyte, title.length);
      const name = `outage/${title.replaceAll(' ', '-')}`;
      const location = await api.startUpload(name);
      fake.plan('UploadPart', fault, forever, 1);
      fake.forgetCalls();
      const broken = await api.patch(location, content);
      expect(broken.status, broken.text).toBe(503);
      expect(broken.codes()).toHaveLength(1);
      expect(broken.text).not.toContain('at ');
      // Two parts on their way, each tried six times at most, after the one that was taken.
      expect(fake.count('UploadPart')).toBeLessThanOrEqual(1 + 2 * 6);
      fake.forgetPlans();

      const status = await api.get(location);
      expect(status.status).toBe(204);
      const held = Number(String(status.headers.range).split('-')[1]) + 1;
      expect(held).toBe(5 * mebibyte);
      const rest = await api.patch(locationOf(status), content.subarray(held), {
        'Content-Range': `${held}-${content.length - 1}`,
      });
      expect(rest.status, rest.text).toBe(202);
      const closed = await api.finishUpload(locationOf(rest), digestOf(content));
      expect(closed.status, closed.text).toBe(201);
      await expectBlob(name, content);
    },
    90_000,
  );

  it.each<[string, Fault]>([
    ['asks to slow down', slowDown],
    ['puts errors into 200s', { kind: 'error in 200', code: 'InternalError' }],
    ['cuts the answers', { kind: 'cut request' }],
  ])(
    'that %s: keeps a session whose completion failed for the next try',
    async (title, fault) => {
      const content = noise(13 * mebibyte, title.length);
      const name = `completion/${title.replaceAll(' ', '-')}`;
      const patched = await api.patch(await api.startUpload(name), content);
      fake.plan('CompleteMultipartUpload', fault, forever);
      const broken = await api.finishUpload(locationOf(patched), digestOf(content));
      expect(broken.status, broken.text).toBe(503);
      expect((await api.head(`/v2/${name}/blobs/${digestOf(content)}`)).status).toBe(404);
      fake.forgetPlans();
      const closed = await api.finishUpload(locationOf(patched), digestOf(content));
      expect(closed.status, closed.text).toBe(201);
      await expectBlob(name, content);
    },
    90_000,
  );

  it('leaves nothing of a whole blob that could not be stored', async () => {
    const content = noise(13 * mebibyte, 7);
    const target = `/v2/whole/blobs/uploads/?digest=${digestOf(content)}`;
    fake.plan('UploadPart', slowDown, forever, 1);
    const broken = await api.send('POST', target, { body: content });
    expect(broken.status).toBe(503);
    expect(fake.uploads.size).toBe(0);
    fake.forgetPlans();
    expect((await api.send('POST', target, { body: content })).status).toBe(201);
    await expectBlob('whole', content);
  }, 60_000);

  describe.each([
    ['says so', false],
    ['answers 500, as Ceph does', true],
  ])('when somebody aborted the multipart upload and the completion %s', (_how, fails) => {
    afterEach(() => {
      fake.rules.goneUploadsFail = false;
    });

    it.each<[string, number]>([
      ['at the closing PUT', 0],
      ['at the next chunk', 12 * mebibyte],
    ])(
      'calls the session unknown %s',
      async (_when, more) => {
        const content = noise(13 * mebibyte, 8);
        const patched = await api.patch(await api.startUpload('aborted'), content);
        fake.uploads.clear();
        fake.rules.goneUploadsFail = fails;
        const refused =
          more === 0
            ? await api.finishUpload(locationOf(patched), digestOf(content))
            : await api.patch(locationOf(patched), noise(more, 9));
        expect(refused.status, refused.text).toBe(404);
        expect(refused.codes()).toEqual(['BLOB_UPLOAD_UNKNOWN']);
      },
      60_000,
    );
  });

  it('goes on with a download that S3 cut', async () => {
    const content = noise(9 * mebibyte, 9);
    await api.pushBlob('cut', content);
    fake.plan('GetObject', { kind: 'cut response', afterBytes: 3 * mebibyte }, 2, 1);
    await expectBlob('cut', content);
  });
});

describe('an S3 that falls silent', () => {
  it('is a 503 after two tries of ten seconds, to whatever asks it', async () => {
    const content = noise(1000);
    await api.pushBlob('silence', content);
    for (const call of ['GetObject', 'HeadObject', 'PutObject', 'ListObjectsV2'] as const) {
      fake.plan(call, { kind: 'silence' }, forever);
    }
    const startedAtMs = performance.now();
    const replies = await Promise.all([
      api.get(`/v2/silence/blobs/${digestOf(content)}`),
      api.get('/v2/silence/manifests/v1'),
      api.send('POST', '/v2/silence/blobs/uploads/'),
    ]);
    expect(replies.map(({ status }) => status)).toEqual([503, 503, 503]);
    expect(performance.now() - startedAtMs).toBeLessThan(45_000);
  }, 90_000);

  it('does not keep the registry at 503 once it answers others: one probe ends, the next one asks', async () => {
    const health = { storagedriver: { enabled: true, interval: '200ms', timeout: '500ms' } };
    const watched = await startRegistry({
      config: { storage: s3Storage(fake.endpoint, 'registry'), health },
    });
    const client = new ApiClient(watched.port);
    const isServed = async (): Promise<boolean> => (await client.get('/v2/')).status === 200;
    await expect.poll(isServed, { timeout: 10_000 }).toBe(true);
    fake.plan('ListObjectsV2', { kind: 'silence' }, 2);
    await expect.poll(isServed, { timeout: 10_000 }).toBe(false);
    await expect.poll(isServed, { timeout: 10_000 }).toBe(true);
    client.close();
    await watched.stop();
  }, 60_000);
});

it('pushes to an S3 whose clock is an hour ahead', async () => {
  const ahead = await S3Fake.start({ clockAheadMs: 3_600_000 });
  const storage = { ...s3Storage(ahead.endpoint, 'registry'), redirect: { disable: true } };
  const server = await startRegistry({ config: { storage } });
  const client = new ApiClient(server.port);
  const content = noise(12 * mebibyte, 11);
  const patched = await client.patch(await client.startUpload('skewed'), content);
  const closed = await client.finishUpload(locationOf(patched), digestOf(content));
  expect(closed.status, closed.text).toBe(201);
  const reply = await client.get(`/v2/skewed/blobs/${digestOf(content)}`);
  expect(digestOf(reply.body)).toBe(digestOf(content));
  client.close();
  await server.stop();
  await ahead.stop();
});

describe('credentials that expire in the middle of an upload', () => {
  let issuer: Server;
  let issued: string;
  let own: S3Fake;
  let server: RunningRegistry;
  let client: ApiClient;

  /** As the agent of a container platform: whoever asks gets the credentials of the hour. */
  beforeAll(async () => {
    issued = 'first';
    issuer = createServer((_request, response) => {
      const Expiration = new Date(Date.now() + 3_600_000).toISOString();
      response.end(
        JSON.stringify({
          AccessKeyId: issued,
          SecretAccessKey: 'secret',
          Token: `token-of-${issued}`,
          Expiration,
        }),
      );
    });
    await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
    own = await S3Fake.start();
    const { port } = issuer.address() as AddressInfo;
    const { s3 } = s3Storage(own.endpoint, 'registry') as { s3: Record<string, unknown> };
    const { accesskey, secretkey, ...keyless } = s3;
    server = await startRegistry({
      config: { storage: { s3: keyless, redirect: { disable: true } } },
      env: {
        AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${port}/`,
        AWS_EC2_METADATA_DISABLED: 'true',
        AWS_CONFIG_FILE: '/dev/null',
        AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
      },
    });
    client = new ApiClient(server.port);
  });
  afterAll(async () => {
    client?.close();
    await server?.stop();
    await own?.stop();
    issuer?.close();
  });

  it('are fetched anew, and the upload goes on without the client seeing it', async () => {
    const content = noise(33 * mebibyte, 12);
    const half = 17 * mebibyte;
    const first = await client.patch(
      await client.startUpload('renewed'),
      content.subarray(0, half),
    );
    expect(first.status, first.text).toBe(202);
    own.forgetCalls();
    own.rules.expiredKeys = new Set([issued]);
    issued = 'second';
    const second = await client.patch(locationOf(first), content.subarray(half));
    expect(second.status, second.text).toBe(202);
    const closed = await client.finishUpload(locationOf(second), digestOf(content));
    expect(closed.status, closed.text).toBe(201);
    const parts = own.calls.filter(({ call }) => call === 'UploadPart');
    expect(new Set(parts.map(({ headers }) => accessKeyOf(headers))).has('second')).toBe(true);
    const reply = await client.get(`/v2/renewed/blobs/${digestOf(content)}`);
    expect(digestOf(reply.body)).toBe(digestOf(content));
  });

  it('but are not renewed yet: a 503, and the session goes on once they are', async () => {
    const content = noise(23 * mebibyte, 13);
    const half = 12 * mebibyte;
    const first = await client.patch(await client.startUpload('late'), content.subarray(0, half));
    own.rules.expiredKeys = new Set(['first', 'second']);
    const broken = await client.patch(locationOf(first), content.subarray(half));
    expect(broken.status, broken.text).toBe(503);
    issued = 'third';
    const status = await client.get(locationOf(first));
    expect(status.status, status.text).toBe(204);
    const held = Number(String(status.headers.range).split('-')[1]) + 1;
    expect(held).toBeGreaterThanOrEqual(10 * mebibyte);
    const rest = await client.patch(locationOf(status), content.subarray(held), {
      'Content-Range': `${held}-${content.length - 1}`,
    });
    expect(rest.status, rest.text).toBe(202);
    const closed = await client.finishUpload(locationOf(rest), digestOf(content));
    expect(closed.status, closed.text).toBe(201);
  }, 90_000);
});
