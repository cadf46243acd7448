/** Garbage collection over links that are empty or cut short, on each driver: what they may name stays, and is told. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Digest, parseDigest } from '../../../src/oci/digest.ts';
import type { Tag } from '../../../src/oci/reference.ts';
import { collectGarbage, type GarbageResult } from '../../../src/registry/garbage-collect.ts';
import { putManifest } from '../../../src/registry/manifests.ts';
import type { StorageDriver } from '../../../src/storage/driver.ts';
import { createFilesystemDriver } from '../../../src/storage/drivers/filesystem/driver.ts';
import { createMemoryDriver } from '../../../src/storage/drivers/memory/driver.ts';
import {
  blobDataPath,
  layerLinkPath,
  revisionLinkPath,
  tagIndexLinkPath,
  tagLinkPath,
} from '../../../src/storage/layout.ts';
import { aDescriptor, anImage, digestOf, ociLayer } from '../../support/api-client.ts';
import { aContext, type TestContext } from '../../support/registry-context.ts';
import { onFake } from '../../support/s3-on-fake.ts';
import {
  repository,
  type StoredImage,
  storeBlob,
  storeImage,
  storeIndex,
  storeManifest,
} from '../../support/stored-images.ts';
import { tempFolder } from '../../support/temp-folder.ts';

interface Opened {
  readonly driver: StorageDriver;
  stop(): Promise<void>;
}

const drivers: Record<string, () => Promise<Opened>> = {
  memory: async () => ({ driver: createMemoryDriver(), stop: async () => {} }),
  async filesystem() {
    const folder = await tempFolder();
    const driver = createFilesystemDriver({ rootdirectory: folder.path, maxthreads: 100 });
    return { driver, stop: () => folder.remove() };
  },
  s3: () => onFake(),
};

/** What crashes leave of a link. */
const tears: readonly [string, string][] = [
  ['empty', ''],
  ['cut short', 'sha256:0123'],
  ['zeros', '\0'.repeat(71)],
];

const name = repository('team/app');
const tag = 'v1' as Tag;

describe.each(Object.entries(drivers))('garbage collection over torn links on %s', (_, open) => {
  let opened: Opened;
  let context: TestContext;

  beforeEach(async () => {
    opened = await open();
    context = aContext(opened.driver);
  });
  afterEach(() => opened.stop());

  /** As the command runs: with nothing remembered from the pushes before. */
  async function collect(
    options: { dryRun?: boolean; deleteUntagged?: boolean } = {},
  ): Promise<GarbageResult> {
    context = aContext(opened.driver);
    const all = { dryRun: false, deleteUntagged: false, minAgeMs: 0, ...options };
    return await collectGarbage(context, all, () => {});
  }

  const tear = (path: string, content = ''): Promise<void> => context.driver.put(path, content);
  const isThere = async (path: string): Promise<boolean> =>
    (await context.driver.stat(path)) !== undefined;

  async function expectWhole(image: StoredImage): Promise<void> {
    for (const digest of [image.digest, ...image.blobs]) {
      expect(await isThere(blobDataPath(digest))).toBe(true);
    }
    for (const blob of image.blobs) {
      expect(await isThere(layerLinkPath(name, blob))).toBe(true);
    }
    expect(await isThere(revisionLinkPath(name, image.digest))).toBe(true);
  }

  function expectTold(...paths: string[]): void {
    const told = context.lines.filter(({ level }) => level === 'warn');
    expect(told.map(({ fields }) => fields)).toEqual(
      paths.map((path) => expect.objectContaining({ name, path })),
    );
    for (const { message } of told) {
      expect(message).toMatch(/empty, cut short.*(verify --repair|push the tag again)/);
    }
  }

  it.each(tears)('keeps an image whose revision link is torn: %s', async (_how, content) => {
    const image = await storeImage(context, name, tag, 'x');
    const lost = await storeBlob(context, name, 'lost');
    const link = revisionLinkPath(name, image.digest);
    await tear(link, content);
    expect(await collect()).toMatchObject({ torn: 1, unreadable: 0, blobs: 1 });
    expectTold(link);
    await expectWhole(image);
    expect(await isThere(blobDataPath(lost))).toBe(false);
    expect(await collect({ deleteUntagged: true })).toMatchObject({ torn: 1, manifests: 0 });
    await expectWhole(image);
    await context.driver.put(link, image.digest);
    expect(await collect({ deleteUntagged: true })).toMatchObject({ torn: 0, blobs: 0 });
  });

  it('removes an untagged manifest whose revision link is torn as any other, with -m', async () => {
    await storeImage(context, name, tag, 'kept');
    const image = await storeImage(context, name, undefined, 'x');
    await tear(revisionLinkPath(name, image.digest));
    expect(await collect({ deleteUntagged: true })).toMatchObject({ torn: 1, manifests: 1 });
    expect(await isThere(blobDataPath(image.digest))).toBe(false);
    expect(await collect({ deleteUntagged: true })).toMatchObject({ torn: 0, manifests: 0 });
  });

  it.each([false, true])('keeps an index child whose link is torn (-m: %s)', async (untagged) => {
    const child = await storeImage(context, name, undefined, 'child');
    const index = await storeIndex(context, name, tag, [child]);
    await tear(revisionLinkPath(name, child.digest));
    expect(await collect({ deleteUntagged: untagged })).toMatchObject({ torn: 1, manifests: 0 });
    await expectWhole(child);
    expect(await isThere(blobDataPath(index.digest))).toBe(true);
  });

  it('keeps referrers of an image whose revision link is torn, with -m', async () => {
    const image = await storeImage(context, name, tag, 'image');
    const signature = await storeImage(context, name, undefined, 'signature', {
      subject: image.descriptor,
    });
    await tear(revisionLinkPath(name, image.digest));
    await collect({ deleteUntagged: true });
    await expectWhole(image);
    await expectWhole(signature);
  });

  it.each(tears)('counts none as untagged beside a torn tag: %s', async (_how, content) => {
    const image = await storeImage(context, name, tag, 'x');
    const untagged = await storeImage(context, name, undefined, 'y');
    const elsewhere = await storeImage(context, 'other', undefined, 'z');
    await tear(tagLinkPath(name, tag), content);
    expect(await collect({ deleteUntagged: true })).toMatchObject({ torn: 1, manifests: 1 });
    expectTold(tagLinkPath(name, tag));
    await expectWhole(image);
    await expectWhole(untagged);
    expect(await isThere(blobDataPath(elsewhere.digest))).toBe(false);
    // Without -m no tag is asked for.
    expect(await collect()).toMatchObject({ torn: 0, blobs: 0 });
    await storeImage(context, name, tag, 'x');
    expect(await collect({ deleteUntagged: true })).toMatchObject({ torn: 0, manifests: 1 });
  });

  it('takes links that are not there, and torn ones of gone manifests, for nothing', async () => {
    const image = await storeImage(context, name, tag, 'x');
    const gone = await storeImage(context, name, undefined, 'gone');
    await context.driver.delete(revisionLinkPath(name, gone.digest));
    // A tag of which only the history is left.
    const index = tagIndexLinkPath(name, 'old' as Tag, gone.digest);
    await context.driver.put(index, gone.digest);
    const noData = parseDigest(digestOf('never pushed'));
    await tear(revisionLinkPath(name, noData));
    expect(await collect({ deleteUntagged: true })).toMatchObject({ torn: 0, blobs: 3 });
    expectTold();
    await expectWhole(image);
  });

  it('keeps all layers of a repository where the sha512 link of a needed one is torn', async () => {
    const layer = 'a layer known by its sha512';
    const alias = await storeBlob(context, name, layer, 'sha512');
    await storeBlob(context, name, '{}');
    const other = await storeBlob(context, name, 'might be it');
    await storeManifest(
      context,
      name,
      tag,
      anImage({ layers: [{ ...aDescriptor(layer, ociLayer), digest: alias }] }),
    );
    const link = layerLinkPath(name, alias);
    await tear(link);
    expect(await collect()).toMatchObject({ torn: 1, unreadable: 0, blobs: 0 });
    expectTold(link);
    expect(await isThere(blobDataPath(parseDigest(digestOf(layer))))).toBe(true);
    expect(await isThere(blobDataPath(other))).toBe(true);
    expect(await isThere(link)).toBe(true);
  });

  it('does not care for the torn sha512 link of a layer that nothing needs', async () => {
    await storeImage(context, name, tag, 'x');
    const alias = await storeBlob(context, name, 'lost', 'sha512');
    await tear(layerLinkPath(name, alias));
    expect(await collect()).toMatchObject({ torn: 0, blobs: 1 });
  });

  it('keeps all of a repository where the sha512 link of a manifest is torn', async () => {
    const blobs = [await storeBlob(context, name, '{}'), await storeBlob(context, name, 'one')];
    const text = JSON.stringify(anImage({ layers: [aDescriptor('one', ociLayer)] }));
    const digest = parseDigest(digestOf(text, 'sha512'));
    await putManifest(context, name, {
      reference: { kind: 'digest', digest },
      bytes: Buffer.from(text),
      contentType: 'application/vnd.oci.image.manifest.v1+json',
      tags: [tag],
    });
    const stored = parseDigest(digestOf(text));
    const link = revisionLinkPath(name, digest);
    await tear(link);
    expect(await collect({ deleteUntagged: true })).toMatchObject({ torn: 1, manifests: 0 });
    expectTold(link);
    await expectWhole({ digest: stored, blobs, descriptor: {} });
    expect(await isThere(link)).toBe(true);
  });

  it('tells and keeps the same in a dry run', async () => {
    const image = await storeImage(context, name, tag, 'x');
    await tear(revisionLinkPath(name, image.digest as Digest));
    await tear(tagLinkPath(name, tag));
    const dry = await collect({ dryRun: true, deleteUntagged: true });
    expect(dry).toMatchObject({ torn: 2, blobs: 0, manifests: 0 });
    expect(await collect({ deleteUntagged: true })).toEqual(dry);
  });
});
