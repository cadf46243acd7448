/**
 * The built registry when S3 misbehaves: what it can retry the client does not see; what it cannot is a clean 5xx, and
 * the session goes on from where it stood.
 */

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ApiClient, digestOf, locationOf } from '../support/api-client.ts';
import { noise } from '../support/bytes.ts';
import { type RunningRegistry, startRegistry } from '../support/registry.ts';
import { type Fault, type S3Call, S3Fake } from '../support/s3-fake.ts';
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

  it('keeps what S3 took of a chunk, and goes on when S3 is back', async () => {
    const content = noise(23 * mebibyte, 5);
    const location = await api.startUpload('outage');
    fake.plan('UploadPart', slowDown, forever, 1);
    const broken = await api.patch(location, content);
    expect(broken.status).toBe(503);
    expect(broken.codes()).toHaveLength(1);
    expect(broken.text).not.toContain('at ');
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
    await expectBlob('outage', content);
  }, 60_000);

  it('keeps a session whose completion failed for the next try', async () => {
    const content = noise(13 * mebibyte, 6);
    const patched = await api.patch(await api.startUpload('completion'), content);
    fake.plan('CompleteMultipartUpload', slowDown, forever);
    const broken = await api.finishUpload(locationOf(patched), digestOf(content));
    expect(broken.status).toBe(503);
    expect((await api.head(`/v2/completion/blobs/${digestOf(content)}`)).status).toBe(404);
    fake.forgetPlans();
    const closed = await api.finishUpload(locationOf(patched), digestOf(content));
    expect(closed.status, closed.text).toBe(201);
    await expectBlob('completion', content);
  }, 60_000);

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

  it('calls a session unknown whose multipart upload somebody aborted', async () => {
    const content = noise(13 * mebibyte, 8);
    const patched = await api.patch(await api.startUpload('aborted'), content);
    fake.uploads.clear();
    const refused = await api.finishUpload(locationOf(patched), digestOf(content));
    expect(refused.status).toBe(404);
    expect(refused.codes()).toEqual(['BLOB_UPLOAD_UNKNOWN']);
  });

  it('goes on with a download that S3 cut', async () => {
    const content = noise(9 * mebibyte, 9);
    await api.pushBlob('cut', content);
    fake.plan('GetObject', { kind: 'cut response', afterBytes: 3 * mebibyte }, 2, 1);
    await expectBlob('cut', content);
  });
});
