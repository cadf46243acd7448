/**
 * The filesystem driver when the disk fails it, at each step of each operation: the error is clear, nothing is torn or
 * left over, and the next attempt succeeds.
 */

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { noise } from '../support/bytes.ts';
import { buildDriver, DriverProcess, type Handle } from '../support/driver-process.ts';
import { buildIoFault, type Fault, type IoFault, ioFaultMissing } from '../support/io-fault.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';

const missing = await ioFaultMissing();
const megabyte = 1024 * 1024;

const full = { code: 'DRIVER_FULL', retryable: false };
const failed = { code: 'DRIVER_FAILED', retryable: false };
const unavailable = { code: 'DRIVER_UNAVAILABLE', retryable: true };

describe.skipIf(missing !== undefined)(`filesystem faults ${missing ?? ''}`, () => {
  let tools: TempFolder;
  let data: TempFolder;
  let fault: IoFault;
  let driver: DriverProcess;

  beforeAll(async () => {
    tools = await tempFolder();
    data = await tempFolder();
    fault = await buildIoFault(tools.path);
    driver = await DriverProcess.start(await buildDriver(tools.path), data.path, fault.env);
  });

  afterEach(async () => {
    fault.clear();
    for (const { name } of await driver.call<{ name: string }[]>('list', ['/'])) {
      await driver.call('delete', [`/${name}`]);
    }
    expect(await data.files()).toEqual([]);
  });

  afterAll(async () => {
    await driver?.stop();
    await tools?.remove();
    await data?.remove();
  });

  const put = (path: string, content: string | Buffer): Promise<void> =>
    driver.call('put', [path, content]);
  const textAt = async (path: string): Promise<string> =>
    Buffer.from(await driver.call<Uint8Array>('get', [path])).toString();
  const openWriter = (path: string, append = false): Promise<Handle> =>
    driver.call('openWriter', [path, { append }]);
  const uploadSize = (path: string): Promise<number | undefined> =>
    driver.call('uploadSizeBytes', [path]);

  describe('put', () => {
    const steps: [Fault, object][] = [
      [{ call: 'open', path: '.tmp', what: 'ENOSPC' }, full],
      [{ call: 'open', path: '.tmp', what: 'EMFILE' }, unavailable],
      [{ call: 'open', path: '.tmp', what: 'EROFS' }, failed],
      [{ call: 'write', path: '.tmp', what: 'ENOSPC' }, full],
      [{ call: 'write', path: '.tmp', what: 'EDQUOT' }, full],
      [{ call: 'write', path: '.tmp', what: 'EIO' }, failed],
      [{ call: 'fdatasync', path: '.tmp', what: 'EIO' }, failed],
      [{ call: 'fdatasync', path: '.tmp', what: 'ENOSPC' }, full],
      [{ call: 'rename', path: '/link', what: 'EIO' }, failed],
      [{ call: 'rename', path: '/link', what: 'ENOSPC' }, full],
    ];

    it.each(steps)('%j keeps the old content and leaves no temp file', async (step, error) => {
      await put('/a/link', 'old');
      const descriptors = await driver.call('countDescriptors');
      fault.set(step);
      await expect(put('/a/link', 'new')).rejects.toMatchObject(error);
      expect(await textAt('/a/link')).toBe('old');
      expect(await data.files()).toEqual(['/a/link']);
      expect(await driver.call('countDescriptors')).toBe(descriptors);
      fault.clear();
      await put('/a/link', 'new');
      expect(await textAt('/a/link')).toBe('new');
    });

    it('names path and reason, not the root directory', async () => {
      fault.set({ call: 'write', path: '.tmp', what: 'ENOSPC' });
      const error = await put('/a/link', 'x').catch((thrown: Error) => thrown);
      expect((error as Error).message).toBe(
        'filesystem: write /a/link: no space left on device (ENOSPC)',
      );
    });

    it.each([
      ['ENOSPC', full],
      ['EIO', failed],
      ['EACCES', failed],
    ])('fails when a folder cannot be made: %s', async (what, error) => {
      fault.set({ call: 'mkdir', path: '/a/b', what });
      await expect(put('/a/b/link', 'x')).rejects.toMatchObject(error);
      fault.clear();
      await put('/a/b/link', 'x');
      expect(await textAt('/a/b/link')).toBe('x');
    });

    it('is not acknowledged before its folder is synced', async () => {
      await put('/a/link', 'old');
      fault.set({ call: 'fsync', path: '/a', what: 'EIO' });
      await expect(put('/a/link', 'new')).rejects.toMatchObject(failed);
      fault.clear();
      await put('/a/link', 'newer');
      expect(await textAt('/a/link')).toBe('newer');
      expect(await data.files()).toEqual(['/a/link']);
    });

    it('syncs a new folder later when that failed at first', async () => {
      await put('/a/other', 'x');
      // The folder's own entry lies in its parent.
      fault.set({ call: 'fsync', path: `${data.path}/a`, count: 2, what: 'EIO' });
      await expect(put('/a/new/link', 'x')).rejects.toMatchObject(failed);
      // Folder and parent are still owed a sync: this put must ask for both, and fails as long as one fails.
      fault.set({ call: 'fsync', path: `${data.path}/a`, skip: 1, count: 1, what: 'EIO' });
      await expect(put('/a/new/link', 'x')).rejects.toMatchObject(failed);
      fault.clear();
      await put('/a/new/link', 'x');
    });

    it('goes on where a file system cannot sync folders', async () => {
      fault.set({ call: 'fsync', path: '/a', what: 'EINVAL' });
      await put('/a/link', 'x');
      expect(await textAt('/a/link')).toBe('x');
    });

    it('writes on after short writes', async () => {
      const content = noise(100_003);
      fault.set({ call: 'write', path: '.tmp', what: 'SHORT' });
      await put('/a/file', content);
      const got = Buffer.from(await driver.call<Uint8Array>('get', ['/a/file']));
      expect(got.equals(content)).toBe(true);
    });
  });

  describe('apply', () => {
    const steps = [
      { kind: 'put', path: '/a/one', content: '1' },
      { kind: 'move', from: '/up/data', to: '/blobs/x/data', keepExisting: true },
      { kind: 'put', path: '/b/three', content: '3' },
    ];

    it('leaves a prefix of its steps and no temp files, and succeeds when tried again', async () => {
      await put('/up/data', 'data');
      fault.set({ call: 'rename', path: '/blobs/x/data', what: 'EIO' });
      await expect(driver.call('apply', [steps])).rejects.toMatchObject(failed);
      expect(await data.files()).toEqual(['/a/one', '/up/data']);
      fault.clear();
      await driver.call('apply', [steps]);
      expect(await data.files()).toEqual(['/a/one', '/b/three', '/blobs/x/data']);
    });

    it('shows nothing when a first-round sync fails', async () => {
      await put('/up/data', 'data');
      fault.set({ call: 'fdatasync', path: '/b/three', what: 'ENOSPC' });
      await expect(driver.call('apply', [steps])).rejects.toMatchObject(full);
      expect(await data.files()).toEqual(['/up/data']);
    });
  });

  describe('move between mounts', () => {
    it('copies, and removes the source', async () => {
      await put('/a/from', 'across');
      fault.set({ call: 'rename', path: '/b/to', count: 1, what: 'EXDEV' });
      await driver.call('move', ['/a/from', '/b/to']);
      expect(await data.files()).toEqual(['/b/to']);
      expect(await textAt('/b/to')).toBe('across');
    });

    it('keeps the source and shows no half of the copy when that fails', async () => {
      await put('/a/from', 'across');
      fault.set({ call: 'rename', path: '/b/to', what: 'EXDEV' });
      await expect(driver.call('move', ['/a/from', '/b/to'])).rejects.toMatchObject(failed);
      expect(await data.files()).toEqual(['/a/from']);
    });
  });

  describe('upload', () => {
    it('goes on from the accepted bytes after a full disk, without the torn piece', async () => {
      const content = noise(300_000);
      let writer = await openWriter('/up/data');
      await driver.call('write', [content.subarray(0, 100_000)], writer);
      // Half of the piece is written, then the disk is full.
      fault.set({ call: 'write', path: '/up/data', what: 'SHORT', count: 1 });
      await driver.call('write', [content.subarray(100_000, 200_000)], writer);
      fault.set({ call: 'write', path: '/up/data', what: 'ENOSPC' });
      await expect(driver.call('write', [content.subarray(200_000)], writer)).rejects.toMatchObject(
        full,
      );
      expect(await driver.call('sizeBytes', [], writer)).toBe(200_000);
      fault.clear();
      await driver.call('close', [], writer);
      expect(await uploadSize('/up/data')).toBe(200_000);
      writer = await openWriter('/up/data', true);
      await driver.call('write', [content.subarray(200_000)], writer);
      await driver.call('commit', [], writer);
      const got = Buffer.from(await driver.call<Uint8Array>('get', ['/up/data']));
      expect(got.equals(content)).toBe(true);
    });

    it.each(['close', 'commit'])(
      '%s is refused when the sync fails; the session keeps what was durable',
      async (end) => {
        let writer = await openWriter('/up/data');
        await driver.call('write', [noise(5000)], writer);
        await driver.call('close', [], writer);
        const descriptors = await driver.call('countDescriptors');
        writer = await openWriter('/up/data', true);
        await driver.call('write', [noise(700)], writer);
        fault.set({ call: 'fdatasync', path: '/up/data', what: 'EIO' });
        await expect(driver.call(end, [], writer)).rejects.toMatchObject(failed);
        expect(await driver.call('countDescriptors')).toBe(descriptors);
        expect(await uploadSize('/up/data')).toBe(5000);
        fault.clear();
        writer = await openWriter('/up/data', true);
        await driver.call('write', [noise(1)], writer);
        await driver.call('commit', [], writer);
        expect(await uploadSize('/up/data')).toBe(5001);
      },
    );

    it('tells of an early sync that failed', async () => {
      const writer = await openWriter('/up/data');
      fault.set({ call: 'fdatasync', path: '/up/data', count: 1, what: 'EIO' });
      const writing = async (): Promise<void> => {
        for (let n = 0; n < 12; n += 1) {
          await driver.call('write', [noise(megabyte)], writer);
        }
        await driver.call('close', [], writer);
      };
      await expect(writing()).rejects.toMatchObject(failed);
      await driver.call('close', [], writer).catch(() => {
        // Refused again, or closed by then: either way the file is cut back.
      });
      expect(await uploadSize('/up/data')).toBe(0);
    });

    it('is not durable before its folder is synced', async () => {
      const writer = await openWriter('/up/data');
      fault.set({ call: 'fsync', path: '/up', what: 'EIO' });
      await expect(driver.call('commit', [], writer)).rejects.toMatchObject(failed);
    });

    it('cannot begin when the folder cannot be made or the file not be opened', async () => {
      fault.set({ call: 'mkdir', path: '/up', what: 'ENOSPC' });
      await expect(openWriter('/up/data')).rejects.toMatchObject(full);
      fault.set({ call: 'open', path: '/up/data', what: 'ENFILE' });
      await expect(openWriter('/up/data')).rejects.toMatchObject(unavailable);
    });
  });

  describe('read and delete', () => {
    it('tells of a read that failed in the middle, and closes the file', async () => {
      await put('/a/file', noise(megabyte));
      const descriptors = await driver.call('countDescriptors');
      const reader = await driver.call<Handle>('open', ['/a/file']);
      await driver.call('read', [], reader);
      fault.set({ call: 'read', path: '/a/file', what: 'EIO' });
      await expect(driver.call('read', [], reader)).rejects.toMatchObject(failed);
      fault.clear();
      await expect(driver.call('read', [], reader)).rejects.toMatchObject(failed);
      expect(await driver.call('countDescriptors')).toBe(descriptors);
    });

    it('keeps a file that cannot be removed', async () => {
      await put('/a/file', 'x');
      fault.set({ call: 'unlink', path: '/a/file', what: 'EIO' });
      await expect(driver.call('delete', ['/a/file'])).rejects.toMatchObject(failed);
      expect(await textAt('/a/file')).toBe('x');
    });
  });
});
