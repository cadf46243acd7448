/** Workers that die under an upload: it fails clearly and can go on, others are not touched, the pool fills up again. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { workerState } from '../../src/compose.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { WorkerPool } from '../../src/pool/worker-pool.ts';
import type { AppendOutcome } from '../../src/storage/append-upload.ts';
import type { BodySource } from '../../src/storage/body-store.ts';
import type { StorageDriver } from '../../src/storage/driver.ts';
import { createFilesystemDriver } from '../../src/storage/drivers/filesystem/driver.ts';
import type { HashPlan } from '../../src/storage/upload-hash.ts';
import { aBody } from '../support/bodies.ts';
import { noise, sha256 } from '../support/bytes.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';

const bytes = noise(640 * 1024);
const entry = new URL('./dying-entry.mjs', import.meta.url);

let folder: TempFolder;
let driver: StorageDriver;

beforeAll(async () => {
  folder = await tempFolder();
  driver = createFilesystemDriver({ rootdirectory: folder.path, maxthreads: 100 });
});
afterAll(() => folder.remove());

function newPool(count: number): WorkerPool {
  return new WorkerPool(
    { count, queue: 100, inflightbytes: 64 * 1024 * 1024, smallbody: 0 },
    { name: 'filesystem', options: { rootdirectory: folder.path, maxthreads: 100 } },
    entry,
  );
}

async function append(
  pool: WorkerPool,
  path: string,
  body: BodySource,
  offset = 0,
  hash: HashPlan = { kind: 'native', algorithms: ['sha256'] },
): Promise<AppendOutcome> {
  if (offset === 0) {
    await driver.put(path, '');
  }
  return pool.append({ path, offset, hash }, body);
}

describe.each(['throw', 'exit', 'memory'])('a worker that dies: %s', (way) => {
  it('fails its upload as unavailable, and the next worker goes on from what is stored', async () => {
    const pool = newPool(1);
    const path = `/uploads/die-${way}/data`;
    try {
      await expect(append(pool, path, aBody(bytes))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      const held = (await driver.uploadSizeBytes(path)) ?? 0;
      expect(held).toBeLessThanOrEqual(bytes.length);
      // Under a name that no worker dies of.
      const resumed = `/uploads/resumed-${way}/data`;
      await driver.move(path, resumed);
      const outcome = await append(pool, resumed, aBody(bytes.subarray(held)), held);
      expect(outcome.sizeBytes).toBe(bytes.length);
      expect((await pool.digestFile(resumed, ['sha256'])).digests.sha256).toBe(sha256(bytes));
      expect(pool.state).toMatchObject({
        died: 1,
        threads: 1,
        running: 0,
        queued: 0,
        inFlightBytes: 0,
      });
    } finally {
      await pool.close();
    }
  });

  it('takes the hashes of chunks along: what comes next is stored, without a digest', async () => {
    const pool = newPool(1);
    const path = `/uploads/chunks-${way}/data`;
    const kept = { kind: 'kept', by: 'large' } as const;
    try {
      expect((await append(pool, path, aBody(bytes), 0, kept)).digests.sha256).toBe(sha256(bytes));
      await expect(append(pool, `/uploads/die-${way}-3/data`, aBody(bytes))).rejects.toThrow();
      const next = await append(pool, path, aBody(bytes), bytes.length, kept);
      expect(next).toMatchObject({ sizeBytes: 2 * bytes.length, digests: {} });
    } finally {
      await pool.close();
    }
  });

  it('leaves uploads on other workers alone', async () => {
    const pool = newPool(2);
    let open = (): void => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    try {
      // Held open on the one worker while the other dies; piscina gives the second job to the idle one.
      const other = append(
        pool,
        `/uploads/beside-${way}/data`,
        aBody(bytes, () => opened),
      );
      await expect(append(pool, `/uploads/die-${way}-2/data`, aBody(bytes))).rejects.toMatchObject({
        code: 'UNAVAILABLE',
      });
      open();
      expect((await other).digests.sha256).toBe(sha256(bytes));
      expect(pool.state.died).toBe(1);
    } finally {
      await pool.close();
    }
  });
});

it('is counted on the page of metrics', async () => {
  const pool = newPool(1);
  const metrics = createMetrics();
  metrics.watch({ workers: () => workerState(pool, 100, undefined) });
  try {
    expect(await metrics.text()).toContain('longshore_worker_deaths_total{thread="upload"} 0');
    await expect(append(pool, '/uploads/die-exit-metric/data', aBody(bytes))).rejects.toThrow();
    expect(await metrics.text()).toContain('longshore_worker_deaths_total{thread="upload"} 1');
  } finally {
    await pool.close();
  }
});

it('goes on with many uploads although workers keep dying', async () => {
  const pool = newPool(2);
  try {
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, (_, n) =>
        append(pool, `/uploads/many-${n % 10 === 0 ? 'die-exit' : 'fine'}-${n}/data`, aBody(bytes)),
      ),
    );
    for (const result of results) {
      if (result.status === 'rejected') {
        expect(result.reason).toMatchObject({ code: 'UNAVAILABLE' });
      } else {
        expect(result.value.digests.sha256).toBe(sha256(bytes));
      }
    }
    expect(pool.state.died).toBeGreaterThan(0);
    expect((await append(pool, '/uploads/after/data', aBody(bytes))).sizeBytes).toBe(bytes.length);
    expect(pool.state).toMatchObject({ threads: 2, running: 0, inFlightBytes: 0 });
  } finally {
    await pool.close();
  }
});

it('does not count workers that were stopped on purpose', async () => {
  const pool = newPool(2);
  await append(pool, '/uploads/fine/data', aBody(bytes));
  await pool.close();
  expect(pool.state.died).toBe(0);
});
