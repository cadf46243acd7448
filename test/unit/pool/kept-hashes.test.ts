/** Hashes that workers keep from one chunk of an upload to the next. Workers run built code. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WorkerPool } from '../../../src/pool/worker-pool.ts';
import type { AppendOutcome } from '../../../src/storage/append-upload.ts';
import type { BodySource } from '../../../src/storage/body-store.ts';
import type { StorageDriver } from '../../../src/storage/driver.ts';
import { createFilesystemDriver } from '../../../src/storage/drivers/filesystem/driver.ts';
import { aBody } from '../../support/bodies.ts';
import { noise, sha256 } from '../../support/bytes.ts';
import { type TempFolder, tempFolder } from '../../support/temp-folder.ts';

const entry = new URL('../../../dist/src/worker/entry.js', import.meta.url);
const chunkBytes = 300_007;

let folder: TempFolder;
let driver: StorageDriver;
let pool: WorkerPool;

beforeAll(async () => {
  folder = await tempFolder();
  const options = { rootdirectory: folder.path, maxthreads: 100 };
  driver = createFilesystemDriver(options);
  pool = new WorkerPool(
    { count: 3, queue: 100, inflightbytes: 64 * 1024 * 1024, smallbody: 0 },
    { name: 'filesystem', options },
    entry,
  );
});
afterAll(async () => {
  await pool.close();
  await folder.remove();
});

async function append(path: string, offset: number, body: BodySource): Promise<AppendOutcome> {
  if (offset === 0) {
    await driver.put(path, '');
  }
  return pool.append({ path, offset, hash: { kind: 'kept', by: 'large' } }, body);
}

describe('the hash of an upload in chunks', () => {
  it('goes on with each chunk, whatever other uploads the workers have meanwhile', async () => {
    const upload = async (n: number): Promise<void> => {
      const content = noise(6 * chunkBytes, n);
      for (let at = 0; at < content.length; at += chunkBytes) {
        const end = at + chunkBytes;
        const outcome = await append(`/uploads/${n}/data`, at, aBody(content.subarray(at, end)));
        expect(outcome.sizeBytes).toBe(end);
        expect(outcome.digests.sha256).toBe(sha256(content.subarray(0, end)));
      }
    };
    await Promise.all([1, 2, 3, 4, 5, 6, 7].map(upload));
  });

  it('goes on from what is stored of a chunk that was cut short', async () => {
    const content = noise(2 * chunkBytes);
    const cut = aBody(content, async (at) => {
      if (at > chunkBytes) {
        throw new Error('the client is gone');
      }
    });
    const first = await append('/uploads/cut/data', 0, cut);
    expect(first.failure).toBeDefined();
    const held = first.sizeBytes;
    expect(held).toBeGreaterThan(0);
    expect(first.digests.sha256).toBe(sha256(content.subarray(0, held)));
    const second = await append('/uploads/cut/data', held, aBody(content.subarray(held)));
    expect(second.digests.sha256).toBe(sha256(content));
  });

  it('is lost, not wrong, when a chunk was stored elsewhere in between', async () => {
    const content = noise(3 * chunkBytes);
    const chunk = (n: number): BodySource =>
      aBody(content.subarray(n * chunkBytes, (n + 1) * chunkBytes));
    const path = '/uploads/elsewhere/data';
    await append(path, 0, chunk(0));
    const writer = await driver.openWriter(path, { append: true });
    await writer.write(content.subarray(chunkBytes, 2 * chunkBytes));
    await writer.close();
    const outcome = await append(path, 2 * chunkBytes, chunk(2));
    expect(outcome).toMatchObject({ sizeBytes: content.length, digests: {} });
  });
});
