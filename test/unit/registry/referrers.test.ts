/** Referrers where the index may not or cannot be written: found among all manifests. */

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Digest, parseDigest } from '../../../src/oci/digest.ts';
import { deleteManifest, putManifest } from '../../../src/registry/manifests.ts';
import { listReferrers } from '../../../src/registry/referrers.ts';
import { DriverCode, DriverError, type StorageDriver } from '../../../src/storage/driver.ts';
import { createFilesystemDriver } from '../../../src/storage/drivers/filesystem/driver.ts';
import { referrersCompletePath, revisionLinkPath } from '../../../src/storage/layout.ts';
import { anImage, digestOf, ociManifest } from '../../support/api-client.ts';
import { aContext, driverWith, type TestContext } from '../../support/registry-context.ts';
import { repository, storeImage } from '../../support/stored-images.ts';
import { type TempFolder, tempFolder } from '../../support/temp-folder.ts';

const name = repository('team/app');
const minuteMs = 60_000;

let folder: TempFolder;
/** The registry that pushes. */
let writer: TestContext;
let image: Digest;

beforeEach(async () => {
  folder = await tempFolder();
  writer = aContext(createFilesystemDriver({ rootdirectory: folder.path, maxthreads: 100 }));
  image = (await storeImage(writer, name, 'v1', 'one')).digest;
});
afterEach(() => folder.remove());

/** Pushes a referrer of the image and gives the digest it was pushed by. */
async function refer(label: string, algorithm = 'sha256'): Promise<Digest> {
  const subject = { mediaType: ociManifest, digest: image, size: 1 };
  const { blobs } = await storeImage(writer, name, undefined, 'config of referrers');
  const config = { mediaType: 'x/config', digest: blobs[0], size: 1 };
  const text = JSON.stringify(anImage({ config, subject, artifactType: `x/${label}` }));
  const digest = parseDigest(digestOf(text, algorithm));
  await putManifest(writer, name, {
    reference: { kind: 'digest', digest },
    bytes: Buffer.from(text),
    contentType: ociManifest,
    tags: [],
  });
  return digest;
}

async function listed(context: TestContext): Promise<string[]> {
  const { descriptors } = await listReferrers(context, name, image, {});
  return descriptors.map(({ digest }) => digest);
}

const refusal = (): Promise<never> =>
  Promise.reject(new DriverError('filesystem', DriverCode.failed, 'read-only file system'));

/** Counts what is read, and refuses all that would write. */
function readingDriver(): { driver: StorageDriver; manifests: number; links: number } {
  const counts = {
    manifests: 0,
    links: 0,
    driver: driverWith(writer.driver, {
      get(path) {
        counts.manifests += path.endsWith('/data') ? 1 : 0;
        counts.links += path.endsWith('/link') ? 1 : 0;
        return writer.driver.get(path);
      },
      put: refusal,
      apply: refusal,
      move: refusal,
      delete: refusal,
    }),
  };
  return counts;
}

function readOnlyContext(driver: StorageDriver): TestContext {
  const { options } = writer;
  return aContext(driver, { options: { ...options, isReadOnly: true } });
}

describe('referrers in read-only mode', () => {
  it('are those of the index once it is complete, whoever built it', async () => {
    const digest = await refer('one');
    const reader = readOnlyContext(readingDriver().driver);
    expect(await listed(reader)).toEqual([digest]);
    expect(await listed(writer)).toEqual([digest]);
    expect(await writer.driver.stat(referrersCompletePath(name))).toBeDefined();
    const counted = readingDriver();
    expect(await listed(readOnlyContext(counted.driver))).toEqual([digest]);
    expect(counted).toMatchObject({ manifests: 0, links: 1 });
  });

  it('are listed by the digests they were pushed by, once each', async () => {
    const digests = [await refer('one'), await refer('two', 'sha512'), await refer('three')];
    const reader = readOnlyContext(readingDriver().driver);
    expect(await listed(reader)).toEqual(digests.sort());
    expect(reader.lines).toEqual([]);
  });

  it('come and go as another registry pushes and deletes them', async () => {
    const reader = readOnlyContext(readingDriver().driver);
    expect(await listed(reader)).toEqual([]);
    const digest = await refer('one');
    expect(await listed(reader)).toEqual([digest]);
    await deleteManifest(writer, name, digest);
    expect(await listed(reader)).toEqual([]);
    await refer('one');
    expect(await listed(reader)).toEqual([digest]);
  });

  it('of a manifest that is mended later are found then', async () => {
    const digest = await refer('one');
    const link = join(folder.path, revisionLinkPath(name, digest));
    await writeFile(link, '');
    const reader = readOnlyContext(readingDriver().driver);
    expect(await listed(reader)).toEqual([]);
    await writeFile(link, digest);
    expect(await listed(reader)).toEqual([digest]);
  });

  it('cost one look at each manifest, however many ask', async () => {
    const digests = [await refer('one'), await refer('two')].sort();
    for (let n = 0; n < 20; n += 1) {
      await storeImage(writer, name, `other${n}`, `other ${n}`);
    }
    const counted = readingDriver();
    const reader = readOnlyContext(counted.driver);
    const answers = await Promise.all(Array.from({ length: 10 }, () => listed(reader)));
    expect(answers).toEqual(Array(10).fill(digests));
    // 22 images, one of them with the blobs of the referrers, and the two.
    expect(counted.manifests).toBe(24);
    counted.links = 0;
    expect(await listed(reader)).toEqual(digests);
    expect(counted.manifests).toBe(24);
    // Those of the referrers, and the fallback tag's.
    expect(counted.links).toBeLessThan(8);
  });

  it('that were pushed before the question are in the answer, though a scan was under way', async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let isHeld = true;
    const reader = readOnlyContext(
      driverWith(writer.driver, {
        async list(path, options) {
          const entries = await writer.driver.list(path, options);
          if (isHeld && path.endsWith('/revisions/sha256')) {
            isHeld = false;
            await held;
          }
          return entries;
        },
      }),
    );
    const first = listed(reader);
    while (isHeld) {
      await new Promise(setImmediate);
    }
    const digest = await refer('one');
    const others = [listed(reader), listed(reader)];
    await new Promise(setImmediate);
    release();
    expect(await first).toEqual([]);
    expect(await Promise.all(others)).toEqual([[digest], [digest]]);
  });

  it('are a failure when storage cannot be read, and found when it can again', async () => {
    const digest = await refer('one');
    let fails = true;
    const reader = readOnlyContext(
      driverWith(writer.driver, {
        list: (path, options) => (fails ? refusal() : writer.driver.list(path, options)),
      }),
    );
    const failed = await Promise.allSettled([listed(reader), listed(reader)]);
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    fails = false;
    expect(await listed(reader)).toEqual([digest]);
  });
});

describe('referrers on storage that cannot be written', () => {
  it('are found all the same, the log tells once in five minutes, and the index is built when it can be', async () => {
    const digest = await refer('one');
    const other = repository('team/other');
    const link = join(folder.path, revisionLinkPath(other, digest));
    await mkdir(dirname(link), { recursive: true });
    await writeFile(link, digest);
    let nowMs = Date.now();
    let isWritable = false;
    let tries = 0;
    const tried = <T>(write: () => Promise<T>): Promise<T> => {
      tries += 1;
      return isWritable ? write() : refusal();
    };
    const reader = aContext(
      driverWith(writer.driver, {
        put: (path, content) => tried(() => writer.driver.put(path, content)),
        apply: (steps) => tried(() => writer.driver.apply(steps)),
      }),
      { now: () => nowMs },
    );
    for (let n = 0; n < 5; n += 1) {
      expect(await Promise.all([listed(reader), listed(reader)])).toEqual([[digest], [digest]]);
      const { descriptors } = await listReferrers(reader, other, image, {});
      expect(descriptors.map((descriptor) => descriptor.digest)).toEqual([digest]);
    }
    expect(tries).toBe(2);
    expect(reader.lines).toMatchObject([{ level: 'warn', fields: { name } }]);

    nowMs += 6 * minuteMs;
    expect(await listed(reader)).toEqual([digest]);
    expect(tries).toBe(3);
    expect(reader.lines).toHaveLength(2);

    nowMs += 6 * minuteMs;
    isWritable = true;
    expect(await listed(reader)).toEqual([digest]);
    expect(await writer.driver.stat(referrersCompletePath(name))).toBeDefined();
    expect(reader.lines).toHaveLength(2);
  });
});
