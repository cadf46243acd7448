/** What requests cost in calls to S3, counted by the fake: no copy that can be avoided, no listing of all objects. */

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ApiClient, digestOf, locationOf, nextPage } from '../support/api-client.ts';
import { noise } from '../support/bytes.ts';
import { type RunningRegistry, startRegistry } from '../support/registry.ts';
import { S3Fake } from '../support/s3-fake.ts';
import { s3Storage } from '../support/s3-storage.ts';

const mebibyte = 1024 * 1024;
const root = 'docker/registry/v2/repositories';
const digest = `sha256:${'a'.repeat(64)}`;

let fake: S3Fake;
let registry: RunningRegistry;
let api: ApiClient;

beforeAll(async () => {
  fake = await S3Fake.start();
  registry = await startRegistry({ config: { storage: s3Storage(fake.endpoint, 'registry') } });
  api = new ApiClient(registry.port);
});
beforeEach(() => fake.forgetCalls());
afterAll(async () => {
  api?.close();
  await registry?.stop();
  await fake?.stop();
});

function storeRepository(name: string): void {
  for (const file of [
    `_manifests/tags/v1/current/link`,
    `_manifests/tags/v1/index/sha256/aa/link`,
    `_manifests/revisions/sha256/aa/link`,
    `_layers/sha256/aa/link`,
    `_layers/sha256/bb/link`,
  ]) {
    fake.store(`${root}/${name}/${file}`, digest);
  }
}

describe('calls to S3', () => {
  it('are the parts, the completion and the link for a large blob of a known digest', async () => {
    await api.pushBlob('direct', noise(12 * mebibyte, 1));
    const calls = fake.calls.map(({ call }) => call).sort();
    expect(calls).toEqual([
      'CompleteMultipartUpload',
      'CreateMultipartUpload',
      'PutObject',
      'UploadPart',
      'UploadPart',
      'UploadPart',
    ]);
  });

  it('are two for a blob of a known digest that fits one part', async () => {
    await api.pushBlob('direct', noise(3 * mebibyte, 2));
    expect(fake.calls.map(({ call }) => call)).toEqual(['PutObject', 'PutObject']);
  });

  it('copy nothing for a session that fits one part', async () => {
    const content = noise(3 * mebibyte, 3);
    const patched = await api.patch(await api.startUpload('session'), content);
    const closed = await api.finishUpload(locationOf(patched), digestOf(content));
    expect(closed.status, closed.text).toBe(201);
    expect(fake.count('CopyObject') + fake.count('UploadPartCopy')).toBe(0);
  });

  it('copy nothing for a session whose one body comes with the digest, as containerd sends it', async () => {
    const content = noise(12 * mebibyte, 4);
    const location = await api.startUpload('containerd');
    fake.forgetCalls();
    const closed = await api.finishUpload(location, digestOf(content), content);
    expect(closed.status, closed.text).toBe(201);
    expect(fake.count('CopyObject') + fake.count('UploadPartCopy')).toBe(0);
    expect(fake.count('CompleteMultipartUpload')).toBe(1);
    expect(fake.calls.find(({ call }) => call === 'UploadPart')?.key).toMatch(/\/blobs\/sha256\//);
  });

  it('are one list for each repository of the catalog, however much lies in them', async () => {
    for (let index = 0; index < 1000; index += 1) {
      storeRepository(`team${index % 10}/app${String(index).padStart(4, '0')}`);
    }
    const seen: string[] = [];
    let pages = 0;
    for (let next: string | undefined = '/v2/_catalog?n=250'; next !== undefined; pages += 1) {
      const reply = await api.get(next);
      expect(reply.status, reply.text).toBe(200);
      seen.push(...(reply.json() as { repositories: string[] }).repositories);
      next = nextPage(reply);
    }
    expect(seen.filter((name) => name.startsWith('team'))).toHaveLength(1000);
    // Each page looks a few directories ahead.
    expect(fake.count('ListObjectsV2')).toBeLessThan(1000 + pages * 40);
    expect(fake.count('GetObject') + fake.count('HeadObject')).toBe(0);

    fake.forgetCalls();
    expect((await api.get('/v2/_catalog?n=10')).status).toBe(200);
    expect(fake.count('ListObjectsV2')).toBeLessThan(50);
  }, 60_000);

  it('are about ten lists for 10,000 tags', async () => {
    for (let index = 0; index < 10_000; index += 1) {
      fake.store(`${root}/tagged/_manifests/tags/t${index}/current/link`, digest);
    }
    const reply = await api.get('/v2/tagged/tags/list');
    expect((reply.json() as { tags: string[] }).tags).toHaveLength(10_000);
    expect(fake.count('ListObjectsV2')).toBeLessThanOrEqual(12);
  }, 60_000);

  it('are one list for a page of tags', async () => {
    const reply = await api.get('/v2/tagged/tags/list?n=100');
    expect((reply.json() as { tags: string[] }).tags).toHaveLength(100);
    expect(fake.count('ListObjectsV2')).toBeLessThanOrEqual(2);
  });
});
