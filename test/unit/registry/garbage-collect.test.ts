import { beforeEach, describe, expect, it } from 'vitest';
import { type Digest, tryParseDigest } from '../../../src/oci/digest.ts';
import type { Tag } from '../../../src/oci/reference.ts';
import { collectGarbage, type GarbageResult } from '../../../src/registry/garbage-collect.ts';
import { deleteManifest } from '../../../src/registry/manifests.ts';
import { deleteTag } from '../../../src/registry/tags.ts';
import { createMemoryDriver } from '../../../src/storage/drivers/memory/driver.ts';
import {
  blobDataPath,
  layerLinkPath,
  layersPath,
  revisionLinkPath,
  tagsPath,
} from '../../../src/storage/layout.ts';
import { aDescriptor, anImage, digestOf, ociLayer } from '../../support/api-client.ts';
import { aContext, driverWith, type TestContext } from '../../support/registry-context.ts';
import {
  repository,
  storeBlob,
  storeImage,
  storeIndex,
  storeManifest,
} from '../../support/stored-images.ts';

let context: TestContext;

beforeEach(() => {
  // A real driver under the drivers' suite; nothing here depends on files.
  context = aContext(createMemoryDriver());
});

interface Run extends GarbageResult {
  readonly lines: readonly string[];
}

async function collect(
  options: { dryRun?: boolean; deleteUntagged?: boolean; minAgeMs?: number } = {},
): Promise<Run> {
  const lines: string[] = [];
  const result = await collectGarbage(
    context,
    { dryRun: false, deleteUntagged: false, minAgeMs: 0, ...options },
    (line) => lines.push(line),
  );
  return { ...result, lines };
}

const isStored = async (digest: Digest): Promise<boolean> =>
  (await context.driver.stat(blobDataPath(digest))) !== undefined;
const isLinked = async (name: string, digest: Digest): Promise<boolean> =>
  (await context.driver.stat(layerLinkPath(repository(name), digest))) !== undefined;
const isManifest = async (name: string, digest: Digest): Promise<boolean> =>
  (await context.driver.stat(revisionLinkPath(repository(name), digest))) !== undefined;

describe('garbage collection', () => {
  it('prints what it marks and sweeps in the lines of Distribution', async () => {
    const image = await storeImage(context, 'a/b', 'v1', 'kept');
    const lost = await storeBlob(context, 'a/b', 'lost');
    const { lines } = await collect();
    expect(lines).toEqual([
      'a/b',
      `a/b: marking manifest ${image.digest} `,
      `a/b: marking blob ${image.blobs[0]}`,
      `a/b: marking blob ${image.blobs[1]}`,
      '',
      '3 blobs marked, 1 blobs and 0 manifests eligible for deletion',
      `blob eligible for deletion: ${lost}`,
      `a/b: layer link eligible for deletion: ${lost}`,
    ]);
    expect(await isStored(lost)).toBe(false);
    expect(await isLinked('a/b', lost)).toBe(false);
    for (const digest of [image.digest, ...image.blobs]) {
      expect(await isStored(digest)).toBe(true);
    }
    expect(context.lines.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^Deleting blob: \/docker\/registry\/v2\/blobs\/sha256\/../),
      expect.stringMatching(/^Deleting layer link path: .*\/_layers\/sha256\/.*\/link$/),
    ]);
  });

  it('removes nothing in a dry run, with the same lines', async () => {
    await storeImage(context, 'a', 'v1', 'kept');
    const lost = await storeBlob(context, 'a', 'lost');
    const dry = await collect({ dryRun: true });
    expect(await isStored(lost)).toBe(true);
    expect((await collect()).lines).toEqual(dry.lines);
    expect(await isStored(lost)).toBe(false);
  });

  it('finds nothing to do in empty storage', async () => {
    expect((await collect()).lines).toEqual([
      '',
      '0 blobs marked, 0 blobs and 0 manifests eligible for deletion',
    ]);
  });

  it('follows indexes depth first, as Distribution prints them', async () => {
    const one = await storeImage(context, 'a', undefined, 'one');
    const two = await storeImage(context, 'a', undefined, 'two');
    const inner = await storeIndex(context, 'a', undefined, [one, two]);
    const outer = await storeIndex(context, 'a', 'v1', [inner]);
    const { lines } = await collect({ deleteUntagged: true });
    expect(lines.slice(0, 9)).toEqual([
      'a',
      `a: marking manifest ${outer.digest} `,
      `a: marking blob ${inner.digest}`,
      `a: marking blob ${one.digest}`,
      `a: marking blob ${one.blobs[0]}`,
      `a: marking blob ${one.blobs[1]}`,
      `a: marking blob ${two.digest}`,
      `a: marking blob ${two.blobs[0]}`,
      `a: marking blob ${two.blobs[1]}`,
    ]);
    expect(lines.at(-1)).toBe('8 blobs marked, 0 blobs and 0 manifests eligible for deletion');
  });

  it('keeps blobs that manifests name by another algorithm', async () => {
    const layer = 'a layer known by its sha512';
    const alias = await storeBlob(context, 'a', layer, 'sha512');
    const stored = tryParseDigest(digestOf(layer)) as Digest;
    await storeBlob(context, 'a', '{}');
    await storeManifest(
      context,
      'a',
      'v1',
      anImage({ layers: [{ ...aDescriptor(layer, ociLayer), digest: alias }] }),
    );
    expect((await collect()).blobs).toBe(0);
    expect(await isStored(stored)).toBe(true);
    expect(await isLinked('a', alias)).toBe(true);
    await deleteManifestsOf('a', 'v1');
    await collect();
    expect(await isStored(stored)).toBe(false);
    expect(await isLinked('a', alias)).toBe(false);
  });

  it('tolerates a repository without layers', async () => {
    await storeImage(context, 'a', 'v1', 'x');
    await context.driver.delete(layersPath(repository('a')));
    expect((await collect()).blobs).toBe(0);
  });

  it('keeps everything of a repository with a manifest it cannot read, and says so', async () => {
    const image = await storeImage(context, 'a', 'v1', 'x');
    const lost = await storeBlob(context, 'a', 'might be needed');
    const other = await storeBlob(context, 'b', 'not needed');
    await storeImage(context, 'b', 'v1', 'y');
    await context.driver.put(blobDataPath(image.digest), 'torn');
    context = aContext(context.driver);
    const result = await collect();
    expect(result).toMatchObject({ unreadable: 1, blobs: 1 });
    expect(await isStored(lost)).toBe(true);
    expect(await isStored(other)).toBe(false);
    expect(
      context.lines.some(
        ({ level, message }) => level === 'warn' && /cannot read a manifest/.test(message),
      ),
    ).toBe(true);
  });

  it('keeps what is younger than the least age', async () => {
    let nowMs = Date.now();
    context = aContext(
      createMemoryDriver(() => nowMs),
      { now: () => nowMs },
    );
    await storeImage(context, 'a', 'v1', 'x');
    const old = await storeBlob(context, 'a', 'old');
    nowMs += 3_600_000;
    const young = await storeBlob(context, 'a', 'young');
    nowMs += 60_000;
    expect((await collect({ minAgeMs: 1_800_000 })).blobs).toBe(1);
    expect(await isStored(old)).toBe(false);
    expect(await isStored(young)).toBe(true);
    expect(await isLinked('a', young)).toBe(true);
    await collect();
    expect(await isStored(young)).toBe(false);
  });

  it('removes nothing when storage fails while it marks', async () => {
    await storeImage(context, 'a', 'v1', 'x');
    const lost = await storeBlob(context, 'a', 'lost');
    const { driver } = context;
    const broken = aContext(
      driverWith(driver, {
        get: (path) =>
          path.includes('/revisions/') ? Promise.reject(new Error('no route')) : driver.get(path),
      }),
    );
    await expect(
      collectGarbage(broken, { dryRun: false, deleteUntagged: false, minAgeMs: 0 }, () => {}),
    ).rejects.toThrow('no route');
    expect(await isStored(lost)).toBe(true);
  });
});

describe('garbage collection with --delete-untagged', () => {
  it('removes untagged manifests with what only they need', async () => {
    const first = await storeImage(context, 'a', 'v1', 'first');
    const second = await storeImage(context, 'a', 'v1', 'second');
    const { lines } = await collect({ deleteUntagged: true });
    expect(lines).toContain(`manifest eligible for deletion: {a ${first.digest} [v1]}`);
    expect(await isManifest('a', first.digest)).toBe(false);
    expect(await isStored(first.digest)).toBe(false);
    expect(await isStored(first.blobs[1] as Digest)).toBe(false);
    expect(await isManifest('a', second.digest)).toBe(true);
    const index = `${tagsPath(repository('a'))}/v1/index/sha256`;
    expect((await context.driver.list(index))?.map(({ name }) => `sha256:${name}`)).toEqual([
      second.digest,
    ]);
  });

  it('keeps referrers of manifests that stay, and theirs, and removes the others', async () => {
    const image = await storeImage(context, 'a', 'v1', 'image');
    const gone = await storeImage(context, 'a', undefined, 'gone');
    const signature = await storeImage(context, 'a', undefined, 'signature', {
      subject: image.descriptor,
    });
    const onSignature = await storeImage(context, 'a', undefined, 'on signature', {
      subject: signature.descriptor,
    });
    const onGone = await storeImage(context, 'a', undefined, 'on gone', {
      subject: gone.descriptor,
    });
    expect((await collect({ deleteUntagged: true })).manifests).toBe(2);
    for (const kept of [image, signature, onSignature]) {
      expect(await isManifest('a', kept.digest)).toBe(true);
      expect(await isStored(kept.blobs[1] as Digest)).toBe(true);
    }
    for (const removed of [gone, onGone]) {
      expect(await isManifest('a', removed.digest)).toBe(false);
      expect(await isStored(removed.blobs[1] as Digest)).toBe(false);
    }
  });

  it('keeps an untagged manifest whole that a later repository tags', async () => {
    const early = await storeImage(context, 'a', undefined, 'shared');
    await storeImage(context, 'a', 'other', 'other');
    await storeImage(context, 'b', 'v1', 'shared');
    const { lines } = await collect({ deleteUntagged: true });
    expect(lines.filter((line) => line.includes('eligible'))).toEqual([
      '6 blobs marked, 0 blobs and 0 manifests eligible for deletion',
    ]);
    expect(await isManifest('a', early.digest)).toBe(true);
    expect(await isLinked('a', early.blobs[1] as Digest)).toBe(true);
  });

  it('keeps layers of a child that a sparse index elsewhere marked first', async () => {
    const child = await storeImage(context, 'b', undefined, 'child');
    const sparse = aContext(context.driver, {
      options: {
        ...context.options,
        validation: { ...context.options.validation, platforms: 'none' },
      },
    });
    await storeIndex(sparse, 'a', 'v1', [child]);
    await storeImage(context, 'b', 'v1', 'else');
    expect((await collect({ deleteUntagged: true })).blobs).toBe(0);
    expect(await isStored(child.blobs[1] as Digest)).toBe(true);
  });

  it('removes links and manifests alike where a repository has no tags at all', async () => {
    const image = await storeImage(context, 'a', undefined, 'x');
    const { lines } = await collect({ deleteUntagged: true });
    expect(lines).toContain('manifest tags path of repository a does not exist');
    expect(await isStored(image.digest)).toBe(false);
    expect(await isManifest('a', image.digest)).toBe(false);
  });

  it('leaves a link that names another blob than its folder to verify', async () => {
    const image = await storeImage(context, 'a', 'v1', 'x');
    const lost = await storeBlob(context, 'a', 'lost');
    const kept = image.blobs[1] as Digest;
    await context.driver.put(layerLinkPath(repository('a'), kept), lost);
    const { lines } = await collect();
    expect(lines.filter((line) => line.includes('layer link'))).toEqual([
      `a: layer link eligible for deletion: ${lost}`,
    ]);
    expect(await isLinked('a', lost)).toBe(false);
    expect(await isLinked('a', kept)).toBe(true);
  });

  it('takes a removed referrer out of the index', async () => {
    const image = await storeImage(context, 'a', 'v1', 'x');
    await storeImage(context, 'a', undefined, 'signature', { subject: image.descriptor });
    await deleteTag(context, repository('a'), 'v1' as Tag);
    await collect({ deleteUntagged: true });
    const left: string[] = [];
    await paths('/docker/registry/v2/repositories/a/_manifests/referrers', left);
    expect(left).toEqual([]);
  });
});

async function deleteManifestsOf(name: string, tag: string): Promise<void> {
  const link = `${tagsPath(repository(name))}/${tag}/current/link`;
  const digest = tryParseDigest((await context.driver.get(link)).toString()) as Digest;
  await deleteManifest(context, repository(name), digest);
}

async function paths(folder: string, into: string[]): Promise<void> {
  for (const entry of (await context.driver.list(folder)) ?? []) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) {
      await paths(path, into);
    } else {
      into.push(path);
    }
  }
}
