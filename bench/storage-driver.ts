/**
 * What does a call of the filesystem driver cost in CPU, by size of libuv's thread pool?
 *
 *   npx tsc -p test/tsconfig.json --noEmit false --outDir dist/bench-run
 *   node dist/bench-run/bench/storage-driver.js [FOLDER]
 *
 * CPU counts all threads, user and system; 16 calls are in flight. FOLDER (default: the system's temp folder) picks the
 * file system: /dev/shm shows the calls alone, a disk adds its syncs. Each pool size runs in a process of its own.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StorageDriver } from '../src/storage/driver.ts';
import { createFilesystemDriver } from '../src/storage/drivers/filesystem/driver.ts';
import { checked } from '../src/storage/wrap/checked.ts';
import { timed } from '../src/storage/wrap/timed.ts';

const inFlight = 16;
const poolSizes = [2, 4, 8, 16, 32];
const blob = Buffer.alloc(64 * 1024, 7);

/** `prepare` runs once, `call` for each number. */
interface Case {
  readonly name: string;
  readonly calls: number;
  prepare?(driver: StorageDriver): Promise<unknown>;
  call(driver: StorageDriver, n: number): Promise<unknown>;
}

const cases: readonly Case[] = [
  {
    name: 'get a link written just now',
    calls: 4000,
    prepare: (driver) => driver.put('/tags/link', 'sha256:'.padEnd(71, 'a')),
    call: (driver) => driver.get('/tags/link'),
  },
  {
    name: 'get a link kept in memory',
    calls: 10_000,
    // Content is kept once the file is older than the coarsest clock of a file system.
    prepare: () => new Promise((resolve) => setTimeout(resolve, 2700)),
    call: (driver) => driver.get('/tags/link'),
  },
  { name: 'stat', calls: 10_000, call: (driver) => driver.stat('/tags/link') },
  { name: 'stat of nothing', calls: 10_000, call: (driver) => driver.stat('/tags/none') },
  {
    name: 'read 64 KiB, size known',
    calls: 4000,
    prepare: (driver) => driver.put('/blob', blob),
    call: (driver) => drain(driver, { endOffset: blob.length }),
  },
  { name: 'read 64 KiB, size unknown', calls: 4000, call: (driver) => drain(driver, {}) },
  {
    name: 'put a link in a known folder',
    calls: 2000,
    call: (driver, n) => driver.put(`/tags/${n}`, 'sha256:'),
  },
  {
    name: 'put a link in a new folder',
    calls: 2000,
    call: (driver, n) => driver.put(`/layers/${n}/link`, 'sha256:'),
  },
  {
    name: 'small blob: data and link in one apply',
    calls: 2000,
    call: (driver, n) =>
      driver.apply([
        { kind: 'put', path: `/blobs/${n % 256}/${n}/data`, content: blob },
        { kind: 'put', path: `/repo/${n}/link`, content: 'sha256:' },
      ]),
  },
  {
    name: 'upload: writer, apply, delete of its folder',
    calls: 1000,
    call: upload,
  },
];

async function drain(driver: StorageDriver, options: { endOffset?: number }): Promise<void> {
  const source = await driver.open('/blob', options);
  while ((await source.read()) !== undefined) {
    // Only the cost of reading counts.
  }
}

async function upload(driver: StorageDriver, n: number): Promise<void> {
  const writer = await driver.openWriter(`/uploads/${n}/data`, { append: false });
  await writer.write(blob);
  await writer.commit();
  await driver.apply([
    {
      kind: 'move',
      from: `/uploads/${n}/data`,
      to: `/up/${n % 256}/${n}/data`,
      keepExisting: true,
    },
    { kind: 'put', path: `/up-repo/${n}/link`, content: 'sha256:' },
  ]);
  await driver.delete(`/uploads/${n}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function measure(driver: StorageDriver, { name, calls, prepare, call }: Case): Promise<void> {
  await prepare?.(driver);
  let next = 0;
  const cpuBefore = process.cpuUsage();
  const startedAtMs = performance.now();
  const lane = async (): Promise<void> => {
    while (next < calls) {
      next += 1;
      await call(driver, next);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  const wallUs = ((performance.now() - startedAtMs) * 1000) / calls;
  const cpu = process.cpuUsage(cpuBefore);
  const cpuUs = (cpu.user + cpu.system) / calls;
  print(
    `  ${name.padEnd(46)}${cpuUs.toFixed(0).padStart(6)} µs CPU${wallUs.toFixed(0).padStart(8)} µs`,
  );
}

const [, script = '', folder = tmpdir(), mode] = process.argv;
if (mode === 'run') {
  const root = mkdtempSync(join(folder, 'longshore-bench-'));
  const driver = checked(
    timed(createFilesystemDriver({ rootdirectory: root, maxthreads: 100 }), () => {}),
  );
  for (const one of cases) {
    await measure(driver, one);
  }
  rmSync(root, { recursive: true });
} else {
  print(`${cpus().length} x ${cpus()[0]?.model}, node ${process.version}, ${folder}`);
  for (const size of poolSizes) {
    print(`thread pool of ${size}`);
    spawnSync(process.execPath, [script, folder, 'run'], {
      stdio: 'inherit',
      env: { ...process.env, UV_THREADPOOL_SIZE: String(size) },
    });
  }
}
