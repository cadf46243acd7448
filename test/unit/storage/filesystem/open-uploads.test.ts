/** Uploads kept open between chunks, on real files: what is written through them, and what no longer may be. */

import fs from 'node:fs';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Glances } from '../../../../src/storage/drivers/filesystem/glances.ts';
import { OpenUploads } from '../../../../src/storage/drivers/filesystem/open-uploads.ts';
import { noise, sha256 } from '../../../support/bytes.ts';
import { type TempFolder, tempFolder } from '../../../support/temp-folder.ts';

let folder: TempFolder;
let uploads: OpenUploads;
const path = '/one/data';
const first = noise(1000, 1);
const second = noise(3000, 2);

beforeEach(async () => {
  folder = await tempFolder();
  uploads = new OpenUploads(folder.path, new Glances(folder.path));
  begin(path);
});
afterEach(async () => {
  vi.useRealTimers();
  uploads.close();
  await folder.remove();
});

function begin(at: string): void {
  fs.mkdirSync(folder.path + at.slice(0, -'/data'.length), { recursive: true });
  fs.writeFileSync(folder.path + at, first);
}

function openFiles(): number {
  return fs
    .readdirSync('/proc/self/fd')
    .map((fd) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return '';
      }
    })
    .filter((target) => target.startsWith(folder.path)).length;
}

it('appends chunk after chunk to a file that stays open', async () => {
  expect(await uploads.append(path, 1000, second)).toBe(true);
  expect(await uploads.append(path, 4000, first)).toBe(true);
  expect(fs.readFileSync(folder.path + path).equals(Buffer.concat([first, second, first]))).toBe(
    true,
  );
  expect(openFiles()).toBe(1);
});

it('opens it for writes that are durable when they return', async () => {
  await uploads.append(path, 1000, second);
  const fd = fs
    .readdirSync('/proc/self/fd')
    .find((one) => fs.existsSync(`/proc/self/fd/${one}`) && isData(one));
  const flags = /flags:\s+(\d+)/.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
  expect(Number.parseInt(flags ?? '', 8) & fs.constants.O_DSYNC).toBe(fs.constants.O_DSYNC);
});

function isData(fd: string): boolean {
  return fs.readlinkSync(`/proc/self/fd/${fd}`) === folder.path + path;
}

it.each([
  ['nothing to write', 1000, Buffer.alloc(0)],
  ['fewer bytes than claimed', 1001, second],
  ['more bytes than claimed', 999, second],
])('leaves to others: %s', async (_, offset, bytes) => {
  expect(await uploads.append(path, offset, bytes)).toBe(false);
  expect(fs.readFileSync(folder.path + path).equals(first)).toBe(true);
  expect(openFiles()).toBe(0);
});

it('leaves to others what is not there', async () => {
  expect(await uploads.append('/one/other', 1000, second)).toBe(false);
  expect(await uploads.append('/two/data', 1000, second)).toBe(false);
});

const endings: readonly (readonly [string, () => void])[] = [
  ['moved to where it is a blob', (): void => fs.renameSync(folder.path + path, blob())],
  ['removed', (): void => fs.rmSync(folder.path + path)],
  [
    'another file of the same size',
    (): void => {
      fs.renameSync(folder.path + path, blob());
      fs.writeFileSync(folder.path + path, noise(4000, 3));
    },
  ],
  ['shorter', (): void => fs.truncateSync(folder.path + path, 3999)],
  ['longer', (): void => fs.appendFileSync(folder.path + path, 'x')],
];

function blob(): string {
  return `${folder.path}/blob`;
}

function contentOf(file: string): Buffer | undefined {
  return fs.existsSync(file) ? fs.readFileSync(file) : undefined;
}

it.each(endings)('writes no byte more when the file is %s', async (_, end) => {
  await uploads.append(path, 1000, second);
  end();
  const files = [blob(), folder.path + path];
  const before = files.map(contentOf);
  expect(await uploads.append(path, 4000, first)).toBe(false);
  expect(files.map(contentOf)).toEqual(before);
  expect(openFiles()).toBe(0);
});

/** The file becomes the blob of what it holds. */
function commit(): string {
  const hex = sha256(fs.readFileSync(folder.path + path));
  const place = `${folder.path}/blobs/sha256/${hex.slice(0, 2)}/${hex}`;
  fs.mkdirSync(place, { recursive: true });
  fs.renameSync(folder.path + path, `${place}/data`);
  return `${place}/data`;
}

it.each([
  ['without it', (): void => {}],
  ['with the same chunk, sent again to another process', (): void => append(first)],
  ['with another chunk', (): void => append(second)],
  ['with a longer one', (): void => append(Buffer.concat([first, second]))],
])('takes back what it wrote when the file became a blob meanwhile, %s', async (_, change) => {
  await uploads.append(path, 1000, second);
  const appending = uploads.append(path, 4000, first);
  // It has looked, and waits for the disk.
  change();
  const content = fs.readFileSync(folder.path + path);
  const place = commit();
  await expect(appending).rejects.toMatchObject({ code: 'DRIVER_PATH_NOT_FOUND' });
  expect(fs.readFileSync(place).equals(content)).toBe(true);
  expect(openFiles()).toBe(0);
});

it('takes back what it wrote behind bytes of another process, which stay', async () => {
  await uploads.append(path, 1000, second);
  const appending = uploads.append(path, 4000, first);
  append(first);
  await expect(appending).rejects.toMatchObject({ code: 'DRIVER_UPLOAD_CONFLICT' });
  const stored = fs.readFileSync(folder.path + path);
  expect(stored.equals(Buffer.concat([first, second, first]))).toBe(true);
  expect(openFiles()).toBe(0);
});

function append(bytes: Buffer): void {
  fs.appendFileSync(folder.path + path, bytes);
}

it('closes the file that is forgotten, by its own path or by that of its folder', async () => {
  for (const forgotten of [path, '/one']) {
    const { size } = fs.statSync(folder.path + path);
    await uploads.append(path, size, second);
    uploads.forget('/on');
    expect(openFiles()).toBe(1);
    uploads.forget(forgotten);
    expect(openFiles()).toBe(0);
  }
});

it('closes a file that waits long for its next chunk, and opens it again for that', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  await uploads.append(path, 1000, second);
  vi.advanceTimersByTime(4_000);
  expect(openFiles()).toBe(1);
  vi.advanceTimersByTime(10_000);
  expect(openFiles()).toBe(0);
  expect(await uploads.append(path, 4000, second)).toBe(true);
});

it('keeps a bounded number open', async () => {
  for (let n = 0; n < 300; n += 1) {
    begin(`/many${n}/data`);
    expect(await uploads.append(`/many${n}/data`, 1000, second)).toBe(true);
  }
  expect(openFiles()).toBe(256);
  expect(await uploads.append('/many0/data', 4000, first)).toBe(true);
});

it('closes all at the end', async () => {
  await uploads.append(path, 1000, second);
  uploads.close();
  expect(openFiles()).toBe(0);
});

it('writes at once where no sync is waited for, and on another thread while that is slow', async () => {
  const unsynced = new OpenUploads(folder.path, new Glances(folder.path), false);
  let nowMs = 1000;
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs);
  const writeSync = fs.writeSync as (...args: unknown[]) => number;
  const atOnce = vi.spyOn(fs, 'writeSync').mockImplementation((...args: unknown[]) => {
    nowMs += 50;
    return writeSync(...args);
  });
  const byWhom: string[] = [];
  let content = first;
  const chunk = async (): Promise<void> => {
    const calls = atOnce.mock.calls.length;
    expect(await unsynced.append(path, content.length, second)).toBe(true);
    content = Buffer.concat([content, second]);
    byWhom.push(atOnce.mock.calls.length > calls ? 'at once' : 'elsewhere');
  };
  try {
    for (let n = 0; n < 5; n += 1) {
      await chunk();
    }
    nowMs += 100 * 50;
    await chunk();
  } finally {
    vi.restoreAllMocks();
    unsynced.close();
  }
  expect(byWhom).toEqual(['at once', 'at once', 'at once', 'elsewhere', 'elsewhere', 'at once']);
  expect(fs.readFileSync(folder.path + path).equals(content)).toBe(true);
});
