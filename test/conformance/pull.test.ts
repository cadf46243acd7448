/** distribution-spec 1.1, category Pull: end-1, end-2, end-3. */

import { beforeAll, expect } from 'vitest';
import {
  aDescriptor,
  anImage,
  anIndex,
  digestOf,
  emptyConfig,
  ociIndex,
  ociManifest,
} from '../support/api-client.ts';
import { onBothFrontEnds } from '../support/api-suite.ts';
import { clause } from '../support/clause.ts';

const name = 'conformance/pull';
const blob = 'content of a blob';
const image = JSON.stringify(anImage());
const index = JSON.stringify(anIndex([aDescriptor(image, ociManifest)]));
const missing = digestOf('never pushed');

onBothFrontEnds('pull', {}, (on) => {
  const manifest = (reference: string): string => `/v2/${name}/manifests/${reference}`;
  const blobUrl = (digest: string): string => `/v2/${name}/blobs/${digest}`;

  beforeAll(async () => {
    await on.api.pushBlob(name, emptyConfig);
    await on.api.pushBlob(name, blob);
    await on.api.putManifest(name, 'image', image);
    await on.api.putManifest(name, 'index', index, ociIndex);
  });

  clause('end-1.a', 'MUST', 'the base answers 200', async () => {
    expect((await on.api.get('/v2/')).status).toBe(200);
  });

  clause('end-3.a', 'MUST', '<name> follows its grammar', async () => {
    for (const bad of ['UPPER', 'a//b', '-a', 'a_-b', 'a/']) {
      const { status } = await on.api.get(`/v2/${bad}/manifests/image`);
      expect([400, 404, 301]).toContain(status);
    }
  });

  clause('end-3.b', 'MUST', 'a tag has at most 128 characters of its grammar', async () => {
    expect((await on.api.putManifest(name, 't'.repeat(128), image)).status).toBe(201);
    for (const bad of ['t'.repeat(129), '.t', '-t']) {
      expect((await on.api.putManifest(name, bad, image)).status).toBe(400);
      expect((await on.api.get(manifest(bad))).status).toBe(404);
    }
  });

  clause('end-3.c', 'SHOULD NOT', 'the Content-Type of a manifest has no parameters', async () => {
    await on.api.putManifest(name, 'parameters', image, `${ociManifest}; charset=utf-8`);
    expect((await on.api.get(manifest('parameters'))).headers['content-type']).toBe(ociManifest);
  });

  clause('end-3.d', 'SHOULD', 'the Content-Type is the one it was pushed with', async () => {
    expect((await on.api.get(manifest('image'))).headers['content-type']).toBe(ociManifest);
    expect((await on.api.get(manifest('index'))).headers['content-type']).toBe(ociIndex);
  });

  clause('end-3.e', 'MUST', 'GET of a manifest gives it with 200', async () => {
    for (const reference of ['image', digestOf(image)]) {
      const reply = await on.api.get(manifest(reference));
      expect(reply.status).toBe(200);
      expect(reply.text).toBe(image);
    }
  });

  clause('end-3.f', 'MUST', 'GET of a manifest tells its digest', async () => {
    for (const reference of ['index', digestOf(index)]) {
      expect((await on.api.get(manifest(reference))).headers['docker-content-digest']).toBe(
        digestOf(index),
      );
    }
  });

  clause('end-3.g', 'MUST', 'a manifest that is not there is a 404', async () => {
    for (const path of [manifest('none'), manifest(missing), '/v2/conformance/none/manifests/x']) {
      expect((await on.api.get(path)).status).toBe(404);
    }
  });

  clause('end-2.a', 'MUST', 'GET of a blob gives it with 200', async () => {
    const reply = await on.api.get(blobUrl(digestOf(blob)));
    expect(reply.status).toBe(200);
    expect(reply.text).toBe(blob);
  });

  clause('end-2.b', 'MUST', 'GET of a blob tells its digest, and it matches the body', async () => {
    const reply = await on.api.get(blobUrl(digestOf(blob)));
    expect(reply.headers['docker-content-digest']).toBe(digestOf(reply.body));
  });

  clause('end-2.c', 'MUST', 'a blob that is not there is a 404', async () => {
    expect((await on.api.get(blobUrl(missing))).status).toBe(404);
    expect((await on.api.get(`/v2/conformance/none/blobs/${missing}`)).status).toBe(404);
  });

  clause('end-2.d', 'SHOULD', 'Range is served as RFC 9110 section 14 says', async () => {
    const reply = await on.api.get(blobUrl(digestOf(blob)), { range: 'bytes=2-5' });
    expect(reply.status).toBe(206);
    expect(reply.text).toBe(blob.slice(2, 6));
    expect(reply.headers['content-range']).toBe(`bytes 2-5/${blob.length}`);
    const outside = await on.api.get(blobUrl(digestOf(blob)), { range: 'bytes=1000-' });
    expect(outside.status).toBe(416);
  });

  clause('end-2/3.e', 'MUST', 'HEAD of what exists is a 200', async () => {
    expect((await on.api.head(blobUrl(digestOf(blob)))).status).toBe(200);
    expect((await on.api.head(manifest('image'))).status).toBe(200);
    expect((await on.api.head(manifest(digestOf(image)))).status).toBe(200);
  });

  clause('end-2/3.f', 'MUST', 'HEAD tells the digest', async () => {
    expect((await on.api.head(blobUrl(digestOf(blob)))).headers['docker-content-digest']).toBe(
      digestOf(blob),
    );
    expect((await on.api.head(manifest('image'))).headers['docker-content-digest']).toBe(
      digestOf(image),
    );
  });

  clause('end-2/3.g', 'MUST', 'HEAD tells the size', async () => {
    expect((await on.api.head(blobUrl(digestOf(blob)))).headers['content-length']).toBe(
      String(blob.length),
    );
    expect((await on.api.head(manifest('image'))).headers['content-length']).toBe(
      String(image.length),
    );
  });

  clause('end-2/3.h', 'MUST', 'HEAD of what is not there is a 404', async () => {
    expect((await on.api.head(blobUrl(missing))).status).toBe(404);
    expect((await on.api.head(manifest('none'))).status).toBe(404);
  });
});
