/** What is synced and what is not, by the file system a root directory lies on. /dev/shm is in memory on every Linux. */

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { createFilesystemDriver } from '../../../../src/storage/drivers/filesystem/driver.ts';
import { MemoryDevices } from '../../../../src/storage/drivers/filesystem/memory-devices.ts';

const ext4 = 0xef53;
const folders: string[] = [];

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  syncBuiltinESMExports();
  for (const folder of folders.splice(0)) {
    fs.rmSync(folder, { recursive: true, force: true });
  }
});

function folderIn(parent: string): string {
  const folder = fs.mkdtempSync(join(parent, 'longshore-test-'));
  folders.push(folder);
  return folder;
}

/** Whatever the file system is, statfs tells that it is a disk's. */
function pretendDisk(): void {
  const real = fs.statfsSync;
  vi.spyOn(fs, 'statfsSync').mockImplementation(((path: string) =>
    Object.assign(real(path), { type: ext4 })) as typeof fs.statfsSync);
  syncBuiltinESMExports();
}

const devOf = (path: string): number => fs.statSync(path).dev;

async function countSyncs(root: string): Promise<number> {
  const calls = [vi.spyOn(fs, 'fsync'), vi.spyOn(fs, 'fdatasync')];
  const driver = createFilesystemDriver({ rootdirectory: root, maxthreads: 25 });
  await driver.put('/a/link', 'sha256:aa');
  const writer = await driver.openWriter('/b/data', { append: false });
  await writer.write(Buffer.alloc(1000));
  await writer.close();
  expect((await driver.get('/a/link')).toString()).toBe('sha256:aa');
  expect((await driver.stat('/b/data'))?.sizeBytes).toBe(1000);
  await driver.close();
  return calls.reduce((sum, call) => sum + call.mock.calls.length, 0);
}

it('syncs on a disk', async () => {
  pretendDisk();
  const root = folderIn(tmpdir());
  expect(await countSyncs(root)).toBeGreaterThan(4);
});

it('syncs nothing in memory', async () => {
  expect(await countSyncs(folderIn('/dev/shm'))).toBe(0);
});

it('knows a root that is not made yet', () => {
  const devices = new MemoryDevices();
  devices.add('/dev/shm/not/made/yet');
  expect(devices.isEmpty).toBe(false);
  expect(devices.has(devOf('/dev/shm'))).toBe(true);
  expect(devices.has(devOf('/proc'))).toBe(false);
});

it('knows nothing of other file systems', () => {
  pretendDisk();
  const devices = new MemoryDevices();
  devices.add('/dev/shm');
  devices.add('/nowhere');
  expect(devices.isEmpty).toBe(true);
});

it('no longer believes in a device a second after its root turned out to be elsewhere', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const devices = new MemoryDevices();
  devices.add('/dev/shm');
  const dev = devOf('/dev/shm');
  pretendDisk();
  expect(devices.has(dev)).toBe(true);
  vi.advanceTimersByTime(1_001);
  expect(devices.has(dev)).toBe(false);
  expect(devices.isEmpty).toBe(true);
});
