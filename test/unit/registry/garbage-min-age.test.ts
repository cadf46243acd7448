/** What `--min-age` spares, and temp files that killed writers left in the blob store. On real files. */

import { mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Digest, parseDigest } from '../../../src/oci/digest.ts';
import { deleteBlob, mountBlob, statBlob } from '../../../src/registry/blobs.ts';
import { collectGarbage, type GarbageResult } from '../../../src/registry/garbage-collect.ts';
import { createFilesystemDriver } from '../../../src/storage/drivers/filesystem/driver.ts';
import { blobDataPath, layerLinkPath } from '../../../src/storage/layout.ts';
import { digestOf } from '../../support/api-client.ts';
import { aContext, type TestContext } from '../../support/registry-context.ts';
import { repository, storeBlob, storeImage } from '../../support/stored-images.ts';
import { type TempFolder, tempFolder } from '../../support/temp-folder.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const name = repository('team/app');
const fresh = repository('team/new');

let folder: TempFolder;
let context: TestContext;

beforeEach(async () => {
  folder = await tempFolder();
  context = aContext(createFilesystemDriver({ rootdirectory: folder.path, maxthreads: 100 }));
});
afterEach(() => folder.remove());

async function collect(
  options: { dryRun?: boolean; minAgeMs?: number } = {},
): Promise<GarbageResult & { lines: string[] }> {
  const lines: string[] = [];
  const result = await collectGarbage(
    aContext(context.driver),
    { dryRun: false, deleteUntagged: false, minAgeMs: 0, ...options },
    (line) => lines.push(line),
  );
  return { ...result, lines };
}

/** Everything stored so far was written so long ago. */
async function age(ageMs = 10 * dayMs): Promise<void> {
  const at = new Date(Date.now() - ageMs);
  for (const entry of await readdir(folder.path, { recursive: true })) {
    await utimes(join(folder.path, entry), at, at);
  }
}

const isThere = (path: string): Promise<boolean> =>
  stat(join(folder.path, path)).then(
    () => true,
    () => false,
  );
const canPull = async (of: typeof name, digest: Digest): Promise<boolean> =>
  (await statBlob(aContext(context.driver), of, digest)) !== undefined;

describe('garbage collection with --min-age', () => {
  const minAgeMs = 2 * hourMs;
  let blob: Digest;

  beforeEach(async () => {
    await storeImage(context, name, 'v1', 'kept');
    blob = await storeBlob(context, name, 'layer');
    await age();
  });

  it('removes an old blob that only old links name', async () => {
    await storeBlob(context, fresh, 'another');
    expect((await collect({ minAgeMs })).lines).toContain(`blob eligible for deletion: ${blob}`);
    expect(await isThere(blobDataPath(blob))).toBe(false);
  });

  it('keeps an old blob mounted a moment ago into a repository without manifests', async () => {
    await mountBlob(context, fresh, name, blob);
    const { lines, blobs } = await collect({ minAgeMs });
    expect(blobs).toBe(0);
    expect(lines).toContain(`${fresh}: marking blob ${blob}`);
    expect(await canPull(fresh, blob)).toBe(true);
  });

  it.each([name, fresh])('keeps an old blob pushed again to %s', async (to) => {
    await storeBlob(context, to, 'layer');
    // What small pushes write anew; large ones leave the data as it is.
    const at = new Date(Date.now() - 10 * dayMs);
    await utimes(join(folder.path, blobDataPath(blob)), at, at);
    expect((await collect({ minAgeMs })).blobs).toBe(0);
    expect(await canPull(to, blob)).toBe(true);
  });

  it('keeps an old blob that only a young link of another algorithm names', async () => {
    await storeBlob(context, name, 'by sha512', 'sha512');
    const stored = parseDigest(digestOf('by sha512'));
    const alias = parseDigest(digestOf('by sha512', 'sha512'));
    await age();
    await mountBlob(context, fresh, name, alias);
    await deleteBlob(context, fresh, stored);
    await collect({ minAgeMs });
    expect(await canPull(fresh, alias)).toBe(true);
  });

  it('removes blobs and links alike once the links are old', async () => {
    await mountBlob(context, fresh, name, blob);
    await age();
    const { lines } = await collect({ minAgeMs });
    expect(lines).toContain(`${fresh}: layer link eligible for deletion: ${blob}`);
    expect(await isThere(blobDataPath(blob))).toBe(false);
    expect(await isThere(layerLinkPath(fresh, blob))).toBe(false);
    expect(await isThere(layerLinkPath(name, blob))).toBe(false);
  });
});

describe('garbage collection over temp files in the blob store', () => {
  const suffix = '.01234567-89ab-cdef-0123-456789abcdef.tmp';
  const young = `${blobDataPath(parseDigest(digestOf('young')))}${suffix}`;
  let beside: string;
  let alone: string;

  async function write(path: string): Promise<void> {
    await mkdir(dirname(join(folder.path, path)), { recursive: true });
    await writeFile(join(folder.path, path), 'half');
  }

  beforeEach(async () => {
    const { digest } = await storeImage(context, name, 'v1', 'kept');
    beside = `${blobDataPath(digest)}${suffix}`;
    alone = `${blobDataPath(parseDigest(digestOf('never finished')))}${suffix}`;
    await write(beside);
    await write(alone);
    await age(25 * hourMs);
    await write(young);
  });

  const line = '2 temp files of writers that died eligible for deletion';

  it('removes those older than a day, and says so', async () => {
    const { lines } = await collect();
    expect(lines.at(-1)).toBe(line);
    expect([await isThere(beside), await isThere(alone)]).toEqual([false, false]);
    expect(await isThere(young)).toBe(true);
    expect((await collect()).lines.join()).not.toContain('temp files');
  });

  it('only tells of them in a dry run', async () => {
    expect((await collect({ dryRun: true })).lines.at(-1)).toBe(line);
    expect([await isThere(beside), await isThere(alone)]).toEqual([true, true]);
  });

  it('leaves those that are younger than the least age', async () => {
    expect((await collect({ minAgeMs: 30 * hourMs })).lines.join()).not.toContain('temp files');
    expect(await isThere(beside)).toBe(true);
  });
});
