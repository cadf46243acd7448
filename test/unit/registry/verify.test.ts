import { mkdir, readdir, truncate, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Digest, parseDigest } from '../../../src/oci/digest.ts';
import type { Tag } from '../../../src/oci/reference.ts';
import { verifyStorage } from '../../../src/registry/verify.ts';
import type { Finding, VerifyCounts } from '../../../src/registry/verify-report.ts';
import { createFilesystemDriver } from '../../../src/storage/drivers/filesystem/driver.ts';
import {
  blobDataPath,
  layerLinkPath,
  quarantinedBlobPath,
  revisionLinkPath,
  tagLinkPath,
  tagsPath,
  uploadPath,
} from '../../../src/storage/layout.ts';
import { putStartedAt } from '../../../src/storage/upload-store.ts';
import { digestOf } from '../../support/api-client.ts';
import { aContext, driverWith, type TestContext } from '../../support/registry-context.ts';
import {
  repository,
  type StoredImage,
  storeBlob,
  storeImage,
  storeIndex,
} from '../../support/stored-images.ts';
import { type TempFolder, tempFolder } from '../../support/temp-folder.ts';

const name = repository('team/app');
const weekMs = 7 * 24 * 3_600_000;

let folder: TempFolder;
let context: TestContext;
let image: StoredImage;

beforeEach(async () => {
  folder = await tempFolder();
  context = aContext(createFilesystemDriver({ rootdirectory: folder.path, maxthreads: 100 }));
  image = await storeImage(context, name, 'v1', 'one');
});
afterEach(() => folder.remove());

/** As the command runs: with nothing remembered from the pushes before. */
async function verify(repair = false): Promise<{ findings: Finding[]; counts: VerifyCounts }> {
  const findings: Finding[] = [];
  const fresh = aContext(context.driver, { now: context.now });
  const options = { repair, bytesPerSecond: undefined, uploadAgeMs: weekMs };
  const counts = await verifyStorage(fresh, options, (finding) => findings.push(finding));
  return { findings, counts };
}

const kinds = ({ findings }: { findings: Finding[] }): string[] =>
  findings
    .map(({ kind, repaired }) => (repaired === undefined ? kind : `${kind} ${repaired}`))
    .sort();
const write = async (path: string, content: string): Promise<void> => {
  await mkdir(dirname(join(folder.path, path)), { recursive: true });
  await writeFile(join(folder.path, path), content);
};
const layer = (): Digest => image.blobs[1] as Digest;
const linkOf = (digest: Digest): string => layerLinkPath(name, digest);
const read = async (path: string): Promise<string> => (await context.driver.get(path)).toString();

describe('verify', () => {
  it('finds nothing wrong with what was pushed, and counts it', async () => {
    await storeIndex(context, name, 'all', [image]);
    await storeBlob(context, 'other', 'named by sha512', 'sha512');
    const { findings, counts } = await verify();
    expect(findings).toEqual([]);
    expect(counts).toMatchObject({ blobs: 5, repositories: 2, manifests: 2, tags: 2, links: 6 });
  });

  it('tells a corrupt blob, and with repair moves it where nobody serves it from', async () => {
    await truncate(join(folder.path, blobDataPath(layer())), 3);
    expect(kinds(await verify())).toEqual(['corrupt-blob']);
    expect(await read(blobDataPath(layer()))).toBe('lay');
    const repaired = await verify(true);
    expect(kinds(repaired)).toEqual([
      'corrupt-blob quarantined',
      'dangling-link removed',
      'missing-reference',
    ]);
    expect(await context.driver.stat(blobDataPath(layer()))).toBeUndefined();
    expect(await read(quarantinedBlobPath(layer()))).toBe('lay');
    await storeBlob(context, name, 'layer one');
    expect(kinds(await verify())).toEqual([]);
  });

  it('does not take for corrupt a blob that a push replaced meanwhile', async () => {
    await write(blobDataPath(layer()), 'LAYER one');
    const racing = aContext(
      driverWith(context.driver, {
        async move(from, to) {
          await write(blobDataPath(layer()), 'layer one');
          await context.driver.move(from, to);
        },
      }),
    );
    const options = { repair: true, bytesPerSecond: undefined, uploadAgeMs: weekMs };
    const { repaired } = await verifyStorage(racing, options, () => {});
    expect(repaired).toBe(0);
    expect(await read(blobDataPath(layer()))).toBe('layer one');
  });

  it('reads no faster than it is told', async () => {
    await storeBlob(context, name, 'x'.repeat(40_000));
    const options = { repair: false, bytesPerSecond: 400_000, uploadAgeMs: weekMs };
    const startedAtMs = performance.now();
    await verifyStorage(aContext(context.driver), options, () => {});
    // A quarter of the rate is each lane's share: 40 KB at 100 KB/s.
    expect(performance.now() - startedAtMs).toBeGreaterThan(350);
  });

  it.each([
    ['empty', ''],
    ['cut short', 'sha256:0123'],
    ['ended by a newline', 'newline'],
  ])('finds a link that is %s and writes it anew', async (_, content) => {
    const text = content === 'newline' ? `${layer()}\n` : content;
    await write(linkOf(layer()), text);
    await write(
      revisionLinkPath(name, image.digest),
      content === 'newline' ? `${image.digest}\n` : content,
    );
    const found = kinds(await verify());
    expect(found.filter((kind) => kind === 'torn-link')).toHaveLength(2);
    expect(kinds(await verify(true))).toContain('torn-link rewritten');
    expect(await read(linkOf(layer()))).toBe(layer());
    expect(await read(revisionLinkPath(name, image.digest))).toBe(image.digest);
    expect(kinds(await verify())).toEqual([]);
  });

  it('finds what a torn link of another algorithm named by its bytes, and writes it anew', async () => {
    const alias = await storeBlob(context, name, 'named by sha512', 'sha512');
    const stored = parseDigest(digestOf('named by sha512'));
    await write(linkOf(alias), '');
    const text = await read(blobDataPath(image.digest));
    const digest = parseDigest(digestOf(text, 'sha512'));
    const revision = revisionLinkPath(name, digest);
    await write(revision, '');
    expect(kinds(await verify())).toEqual(['torn-link', 'torn-link']);
    expect(kinds(await verify(true))).toEqual(['torn-link rewritten', 'torn-link rewritten']);
    expect(await read(linkOf(alias))).toBe(stored);
    expect(await read(revision)).toBe(image.digest);
    expect(kinds(await verify())).toEqual([]);
  });

  it('leaves a torn link of another algorithm while what it may name cannot be read', async () => {
    const alias = await storeBlob(context, name, 'named by sha512', 'sha512');
    await write(linkOf(alias), '');
    const { driver } = context;
    const broken = new Set([blobDataPath(parseDigest(digestOf('named by sha512')))]);
    context = aContext(
      driverWith(driver, {
        open: (path, options) =>
          broken.has(path) ? Promise.reject(new Error('bad block')) : driver.open(path, options),
      }),
    );
    expect(kinds(await verify(true))).toEqual(['torn-link', 'unreadable-blob']);
    broken.clear();
    expect(kinds(await verify(true))).toEqual(['torn-link rewritten']);
  });

  it('removes a torn link of another algorithm when nothing has its bytes', async () => {
    const alias = await storeBlob(context, name, 'named by sha512', 'sha512');
    const stored = parseDigest(digestOf('named by sha512'));
    await write(linkOf(alias), '');
    await context.driver.delete(linkOf(stored));
    await context.driver.delete(blobDataPath(stored));
    expect(kinds(await verify(true))).toEqual(['torn-link removed']);
  });

  it('finds links that name another blob or manifest than their folder, and writes them anew', async () => {
    const other = await storeImage(context, name, 'v2', 'two');
    await write(linkOf(layer()), other.blobs[1] as Digest);
    await write(revisionLinkPath(name, image.digest), `${other.digest}\n`);
    const { findings } = await verify();
    expect(findings.filter(({ kind }) => kind === 'torn-link')).toMatchObject([
      { digest: layer(), path: linkOf(layer()), detail: expect.stringContaining('another') },
      { digest: image.digest, path: revisionLinkPath(name, image.digest) },
    ]);
    expect(kinds(await verify(true))).toEqual(['torn-link rewritten', 'torn-link rewritten']);
    expect(await read(linkOf(layer()))).toBe(layer());
    expect(await read(revisionLinkPath(name, image.digest))).toBe(image.digest);
    expect(kinds(await verify())).toEqual([]);
  });

  it('removes a link that names another blob and whose own is not there', async () => {
    const digest = `sha256:${'ab'.repeat(32)}` as Digest;
    await write(linkOf(digest), layer());
    expect(kinds(await verify(true))).toEqual(['torn-link removed']);
    expect(await context.driver.stat(linkOf(digest))).toBeUndefined();
  });

  it('removes an empty link without data', async () => {
    const digest = `sha256:${'ab'.repeat(32)}` as Digest;
    await write(linkOf(digest), '');
    expect(kinds(await verify(true))).toEqual(['torn-link removed']);
    expect(await context.driver.stat(linkOf(digest))).toBeUndefined();
  });

  it('removes a link without data, but leaves manifests and tags that dangle', async () => {
    await context.driver.delete(blobDataPath(layer()));
    await context.driver.delete(blobDataPath(image.digest));
    expect(kinds(await verify(true))).toEqual([
      'dangling-link removed',
      'dangling-revision',
      'dangling-tag',
    ]);
    expect(await read(revisionLinkPath(name, image.digest))).toBe(image.digest);
    expect(await read(tagLinkPath(name, 'v1' as Tag))).toBe(image.digest);
    await storeImage(context, name, 'v1', 'one');
    expect(kinds(await verify())).toEqual([]);
  });

  it('tells what a manifest misses', async () => {
    await context.driver.delete(linkOf(layer()));
    const { findings } = await verify();
    expect(findings).toMatchObject([{ kind: 'missing-reference', digest: image.digest }]);
    expect(findings[0]?.detail).toContain(layer());
  });

  it('tells tags without a link, torn ones, and files that are no tags', async () => {
    await write(tagLinkPath(name, 'torn' as Tag), 'sha2');
    await mkdir(join(folder.path, tagsPath(name), 'empty'), { recursive: true });
    await write(`${tagsPath(name)}/README.txt`, 'hello');
    expect(kinds(await verify())).toEqual(['dangling-tag', 'dangling-tag', 'stray-file']);
    expect(await read(`${tagsPath(name)}/README.txt`)).toBe('hello');
  });

  describe('of tags without a link', () => {
    const tags = (): string => join(folder.path, tagsPath(name));
    const index = (): string => `index/sha256/${image.digest.slice('sha256:'.length)}`;
    const left = async (): Promise<string[]> => (await readdir(tags())).sort();

    it('removes those that hold nothing, as pushes that failed leave them', async () => {
      for (const rest of ['bare', 'no-link/current', `no-current/${index()}`, 'both/current']) {
        await mkdir(join(tags(), rest), { recursive: true });
      }
      await mkdir(join(tags(), 'both', index()), { recursive: true });
      // What a killed writer leaves is no content.
      const temp = 'link.01234567-89ab-cdef-0123-456789abcdef.tmp';
      await write(`${tagsPath(name)}/both/current/${temp}`, 'sha256:');
      expect(kinds(await verify())).toEqual(Array(4).fill('dangling-tag'));
      expect(kinds(await verify(true))).toEqual(Array(4).fill('dangling-tag removed'));
      expect(await left()).toEqual(['v1']);
      expect(await readdir(join(tags(), '..'))).toEqual(['revisions', 'tags']);
      expect(kinds(await verify())).toEqual([]);
    });

    it('leaves those that hold a torn link, the link of an earlier digest, or a file of somebody', async () => {
      await write(tagLinkPath(name, 'torn' as Tag), '');
      await write(`${tagsPath(name)}/once/${index()}/link`, image.digest);
      await write(`${tagsPath(name)}/noted/README`, 'mine');
      expect(kinds(await verify(true))).toEqual(Array(3).fill('dangling-tag'));
      expect(await left()).toEqual(['noted', 'once', 'torn', 'v1']);
    });

    it('gives back a link that a push brings at the same moment', async () => {
      await mkdir(join(tags(), 'racing/current'), { recursive: true });
      const path = tagLinkPath(name, 'racing' as Tag);
      const racing = aContext(
        driverWith(context.driver, {
          async apply(steps) {
            await write(path, image.digest);
            await context.driver.apply(steps);
          },
        }),
      );
      const options = { repair: true, bytesPerSecond: undefined, uploadAgeMs: weekMs };
      const { findings, repaired } = await verifyStorage(racing, options, () => {});
      expect({ findings, repaired }).toEqual({ findings: 1, repaired: 0 });
      expect(await read(path)).toBe(image.digest);
      expect(await left()).toEqual(['racing', 'v1']);
      expect(await readdir(join(tags(), '..'))).toEqual(['revisions', 'tags']);
      expect(kinds(await verify())).toEqual([]);
    });
  });

  it('tells upload sessions that nobody finished, and leaves young ones alone', async () => {
    await putStartedAt(context.driver, name, 'old', Date.now() - 2 * weekMs);
    await putStartedAt(context.driver, name, 'young', Date.now());
    await write(`${uploadPath(name, 'stub')}/hashstates/sha256/0`, 'x');
    await write(`${uploadPath(name, 'new-stub')}/hashstates/sha256/0`, 'x');
    const longAgo = new Date(Date.now() - 2 * 3_600_000);
    await utimes(join(folder.path, uploadPath(name, 'stub')), longAgo, longAgo);
    await utimes(join(folder.path, uploadPath(name, 'stub'), 'hashstates'), longAgo, longAgo);
    expect(kinds(await verify(true))).toEqual(['orphan-upload removed', 'orphan-upload removed']);
    const left = await context.driver.list(`/docker/registry/v2/repositories/${name}/_uploads`);
    expect(left?.map((entry) => entry.name)).toEqual(['new-stub', 'young']);
  });

  it('tells and removes temp files of writers that died', async () => {
    const temp = `${linkOf(layer())}.01234567-89ab-cdef-0123-456789abcdef.tmp`;
    await write(temp, 'half');
    expect(kinds(await verify())).toEqual([]);
    const longAgo = new Date(Date.now() - 2 * 3_600_000);
    await utimes(join(folder.path, temp), longAgo, longAgo);
    expect(kinds(await verify())).toEqual(['leftover-temp']);
    expect(kinds(await verify(true))).toEqual(['leftover-temp removed']);
    expect(kinds(await verify())).toEqual([]);
  });
});
