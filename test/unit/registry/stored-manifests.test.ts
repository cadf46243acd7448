/**
 * Manifests as another registry may have stored them: what clients get, and what garbage collection then keeps. Nothing
 * that a manifest may need goes, however little of it can be read.
 */

import { beforeEach, describe, expect, it } from 'vitest';
import { type Digest, parseDigest } from '../../../src/oci/digest.ts';
import type { Tag } from '../../../src/oci/reference.ts';
import { collectGarbage } from '../../../src/registry/garbage-collect.ts';
import { getManifest, getTagged } from '../../../src/registry/manifest-store.ts';
import { deleteManifest } from '../../../src/registry/manifests.ts';
import { listReferrers } from '../../../src/registry/referrers.ts';
import { createMemoryDriver } from '../../../src/storage/drivers/memory/driver.ts';
import { blobDataPath, revisionLinkPath, tagLinkPath } from '../../../src/storage/layout.ts';
import {
  aDescriptor,
  anImage,
  anIndex,
  digestOf,
  ociConfig,
  ociIndex,
  ociLayer,
  ociManifest,
} from '../../support/api-client.ts';
import { aContext, type TestContext } from '../../support/registry-context.ts';
import { repository, storeBlob } from '../../support/stored-images.ts';

const name = repository('by/another');
const tag = 'v1' as Tag;
const layer = aDescriptor('layer', ociLayer);
const config = aDescriptor('{}', ociConfig);

let context: TestContext;
/** Stands in no manifest. */
let lost: Digest;

beforeEach(async () => {
  // A real driver under the drivers' suite; nothing here depends on files.
  context = aContext(createMemoryDriver());
  await storeBlob(context, name, '{}');
  await storeBlob(context, name, 'layer');
  lost = await storeBlob(context, name, 'lost');
});

/** As Distribution leaves it: bytes, the repository's link, the tag. */
async function storeElsewhere(text: string): Promise<Digest> {
  const digest = parseDigest(digestOf(text));
  await context.driver.put(blobDataPath(digest), text);
  await context.driver.put(revisionLinkPath(name, digest), digest);
  await context.driver.put(tagLinkPath(name, tag), digest);
  return digest;
}

const isStored = async (digest: string): Promise<boolean> =>
  (await context.driver.stat(blobDataPath(parseDigest(digest)))) !== undefined;

async function collect(): Promise<number> {
  const options = { dryRun: false, deleteUntagged: true, minAgeMs: 0 };
  return (await collectGarbage(context, options, () => {})).unreadable;
}

describe('a stored manifest whose references can be read', () => {
  it.each<[string, object]>([
    ['annotations that map to null', anImage({ layers: [layer], annotations: { a: null } })],
    ['a subject that names nothing', anImage({ layers: [layer], subject: {} })],
    ['a size below zero', anImage({ layers: [{ ...layer, size: -1 }] })],
    ['no mediaType', { schemaVersion: 2, config, layers: [layer], artifactType: 4 }],
  ])('is given out and collected around, with %s', async (_, manifest) => {
    const text = JSON.stringify(manifest);
    const digest = await storeElsewhere(text);
    const given = await getManifest(context, name, digest);
    expect(given.bytes.toString()).toBe(text);
    expect(given.mediaType).toBe(ociManifest);
    expect(await collect()).toBe(0);
    expect(await isStored(lost)).toBe(false);
    expect(await isStored(digestOf('layer'))).toBe(true);
    expect(await isStored(digestOf('{}'))).toBe(true);
    expect((await getTagged(context, name, tag)).digest).toBe(digest);
  });
});

describe('a stored manifest that may name more than can be read', () => {
  const image = JSON.stringify(anImage({ layers: [layer] }));

  it.each<[string, string, string]>([
    ['Layers', image.replace('"layers"', '"Layers"'), ociManifest],
    ['a second Layers', image.replace('"layers"', '"layers":[],"LAYERS"'), ociManifest],
    ['a Digest', image.replaceAll('"digest"', '"Digest"'), ociManifest],
    ['MediaType', image.replace('"mediaType"', '"MediaType"'), ociManifest],
    ['layers that are no list', JSON.stringify(anImage({ layers: { 0: layer } })), ociManifest],
    ['a subject that is none', JSON.stringify(anImage({ subject: 'x' })), ociManifest],
    ['Manifests', JSON.stringify(anIndex([], { Manifests: [layer] })), ociIndex],
  ])('is given out, and keeps its repository whole: %s', async (_, text, type) => {
    const digest = await storeElsewhere(text);
    // Given out first, so that collecting finds it in the cache.
    for (const given of [
      await getManifest(context, name, digest),
      (await getTagged(context, name, tag)).manifest,
    ]) {
      expect(given.bytes.toString()).toBe(text);
      expect(given.mediaType).toBe(type);
    }
    expect(await collect()).toBe(1);
    for (const kept of [digestOf('layer'), digestOf('{}'), lost, digest]) {
      expect(await isStored(kept)).toBe(true);
    }
  });

  it('is listed under its subject, and deleted with that entry', async () => {
    const subject = aDescriptor('subject', ociManifest);
    const digest = await storeElsewhere(JSON.stringify(anImage({ layers: 'x', subject })));
    const list = async (): Promise<string[]> => {
      const page = await listReferrers(context, name, parseDigest(digestOf('subject')), {});
      return page.descriptors.map((descriptor) => descriptor.digest);
    };
    expect(await list()).toEqual([digest]);
    await deleteManifest(context, name, digest);
    expect(await list()).toEqual([]);
  });
});

describe('stored bytes that are no manifest', () => {
  it.each<[string, string]>([
    ['no JSON', '{'],
    ['another kind of JSON', '{"schemaVersion":1}'],
    ['two kinds at once', JSON.stringify(anImage({ manifests: [] }))],
  ])('are not given out, and keep their repository whole: %s', async (_, text) => {
    const digest = await storeElsewhere(text);
    await expect(getManifest(context, name, digest)).rejects.toMatchObject({
      code: 'MANIFEST_UNKNOWN',
    });
    expect(await collect()).toBe(1);
    for (const kept of [digestOf('layer'), digestOf('{}'), lost, digest]) {
      expect(await isStored(kept)).toBe(true);
    }
  });
});
