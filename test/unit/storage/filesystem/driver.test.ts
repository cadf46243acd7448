/** What the filesystem driver does beyond the shared suite: real files, their modes and places, other processes. */

import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { readAll } from '../../../../src/bytes.ts';
import { ClientGoneError } from '../../../../src/errors.ts';
import type { StorageDriver, WriteStep } from '../../../../src/storage/driver.ts';
import { createFilesystemDriver } from '../../../../src/storage/drivers/filesystem/driver.ts';
import { noise, sha256 } from '../../../support/bytes.ts';
import { openHandlesBelow } from '../../../support/open-handles.ts';
import { type TempFolder, tempFolder } from '../../../support/temp-folder.ts';

const aTemp = 'link.01234567-89ab-4cde-8f01-23456789abcd.tmp';

let folder: TempFolder;
let root: string;

beforeAll(async () => {
  folder = await tempFolder();
  root = `${folder.path}/registry`;
});

afterEach(() => fs.rmSync(root, { recursive: true, force: true }));
afterAll(() => folder.remove());

function aDriver(): StorageDriver {
  return createFilesystemDriver({ rootdirectory: root, maxthreads: 100 });
}

it('makes its root directory on the first write, not before', async () => {
  const driver = aDriver();
  expect(await driver.list('/')).toEqual([]);
  expect(await driver.stat('/')).toMatchObject({ isDirectory: true });
  expect(fs.existsSync(root)).toBe(false);
  await driver.put('/a/b', 'x');
  expect(fs.readFileSync(`${root}/a/b`, 'utf8')).toBe('x');
});

it('works below a root with a trailing slash', async () => {
  const driver = createFilesystemDriver({ rootdirectory: `${root}//`, maxthreads: 100 });
  await driver.put('/a/b', 'x');
  expect(await folder.files()).toEqual(['/registry/a/b']);
});

it('makes files 0666 and folders 0777 less umask', async () => {
  // Read, not set: a umask is the whole process's.
  const umask = process.umask();
  const driver = aDriver();
  await driver.put('/a/put', 'x');
  await (await driver.openWriter('/a/written', { append: false })).commit();
  const mode = (path: string): number => fs.statSync(root + path).mode & 0o777;
  expect([mode('/a/put'), mode('/a/written'), mode('/a')]).toEqual([
    0o666 & ~umask,
    0o666 & ~umask,
    0o777 & ~umask,
  ]);
});

it('shows an upload that is still being written, as plain bytes in place', async () => {
  const driver = aDriver();
  const writer = await driver.openWriter('/up/data', { append: false });
  await writer.write(Buffer.from('half'));
  expect(driver.abilities.readsUncommitted).toBe(true);
  expect(fs.readFileSync(`${root}/up/data`, 'utf8')).toBe('half');
  await writer.close();
});

it('goes on with an upload whose file another process began, or has not made yet', async () => {
  const driver = aDriver();
  fs.mkdirSync(`${root}/up`, { recursive: true });
  fs.writeFileSync(`${root}/up/data`, 'other ');
  for (const [path, expected] of [
    ['/up/data', 'other ours'],
    ['/up/new', 'ours'],
  ] as const) {
    const writer = await driver.openWriter(path, { append: true });
    await writer.write(Buffer.from('ours'));
    await writer.close();
    expect(fs.readFileSync(root + path, 'utf8')).toBe(expected);
  }
});

/** Moves an upload to where it is a blob, and gives its file. */
function commitElsewhere(path: string): string {
  const hex = sha256(fs.readFileSync(root + path));
  const place = `${root}/blobs/sha256/${hex.slice(0, 2)}/${hex}`;
  fs.mkdirSync(place, { recursive: true });
  fs.renameSync(root + path, `${place}/data`);
  return `${place}/data`;
}

it('writes nothing to a blob that another process made of the upload', async () => {
  const driver = aDriver();
  await driver.put('/up/data', 'whole');
  const writer = await driver.openWriter('/up/data', { append: true });
  const blob = commitElsewhere('/up/data');
  await delay(20);
  await expect(writer.write(Buffer.from('late'))).rejects.toMatchObject({
    code: 'DRIVER_PATH_NOT_FOUND',
  });
  await writer.close().catch(() => {});
  expect(fs.readFileSync(blob, 'utf8')).toBe('whole');
});

it.each([
  ['nothing else', ''],
  ['the same bytes', 'late'],
  ['other bytes', 'other bytes'],
])('takes back from a blob what it wrote too late, where others wrote %s', async (_, others) => {
  const driver = aDriver();
  await driver.put('/up/data', 'whole');
  const writer = await driver.openWriter('/up/data', { append: true });
  // It has just looked: no time for a second look.
  fs.appendFileSync(`${root}/up/data`, others);
  const blob = commitElsewhere('/up/data');
  await expect(writer.write(Buffer.from('late'))).rejects.toMatchObject({
    code: 'DRIVER_PATH_NOT_FOUND',
  });
  await writer.close().catch(() => {});
  expect(fs.readFileSync(blob, 'utf8')).toBe(`whole${others}`);
});

it('leaves to another writer of the same upload what that has stored', async () => {
  const driver = aDriver();
  await driver.put('/up/data', 'begun ');
  const [one, other] = await Promise.all(
    [1, 2].map(() => driver.openWriter('/up/data', { append: true })),
  );
  await one?.write(Buffer.from('one'));
  await expect(other?.write(Buffer.from('other'))).rejects.toMatchObject({
    code: 'DRIVER_UPLOAD_CONFLICT',
  });
  await other?.close().catch(() => {});
  await one?.close();
  expect(fs.readFileSync(`${root}/up/data`, 'utf8')).toBe('begun one');
});

it('notices another writer in the middle of its own bytes', async () => {
  const driver = aDriver();
  await driver.put('/up/data', '');
  const writer = await driver.openWriter('/up/data', { append: true });
  await writer.write(Buffer.from('one '));
  fs.appendFileSync(`${root}/up/data`, 'x');
  await expect(writer.write(Buffer.from('two'))).rejects.toMatchObject({
    code: 'DRIVER_UPLOAD_CONFLICT',
  });
  await writer.close().catch(() => {});
  expect(fs.readFileSync(`${root}/up/data`, 'utf8')).toBe('one x');
});

const tagged: readonly WriteStep[] = [
  { kind: 'put', path: '/blobs/ab/data', content: 'manifest' },
  { kind: 'put', path: '/repo/revisions/ab/link', content: 'ab' },
  {
    kind: 'put',
    path: '/repo/tags/one/index/ab/link',
    content: 'ab',
    durable: false,
    showsFolder: true,
  },
  { kind: 'put', path: '/repo/tags/one/current/link', content: 'ab', showsFolder: true },
];

it('makes a folder that shows in listings after all that takes its time', async () => {
  const driver = aDriver();
  // Renames come when all is written and synced.
  const seen: boolean[] = [];
  const rename = fs.renameSync;
  const spy = vi.spyOn(fs, 'renameSync').mockImplementation((from, to) => {
    seen.push(fs.existsSync(`${root}/repo/tags`));
    rename(from, to);
  });
  try {
    await driver.apply(tagged);
  } finally {
    spy.mockRestore();
  }
  expect(seen.slice(0, 2)).toEqual([false, false]);
  expect((await folder.files()).sort()).toEqual(
    tagged.map((step) => `/registry${(step as { path: string }).path}`).sort(),
  );
});

it('leaves none of its new folders when it fails, and those of others', async () => {
  const driver = aDriver();
  await driver.put('/repo/tags/two/current/link', 'ab');
  const tooLong = 'x'.repeat(300);
  const failing: WriteStep = { kind: 'put', path: `/repo/tags/${tooLong}/link`, content: '' };
  await expect(driver.apply([...tagged, failing])).rejects.toMatchObject({
    code: 'DRIVER_INVALID_PATH',
  });
  expect(fs.readdirSync(root)).toEqual(['repo']);
  expect(fs.readdirSync(`${root}/repo`)).toEqual(['tags']);
  expect(fs.readdirSync(`${root}/repo/tags`)).toEqual(['two']);
  await driver.apply(tagged);
  expect(fs.readFileSync(`${root}/repo/tags/one/current/link`, 'utf8')).toBe('ab');
});

it('sees at once what other processes put, however often it has read before', async () => {
  const driver = aDriver();
  const other = aDriver();
  for (let n = 0; n < 50; n += 1) {
    await other.put('/tags/link', `sha256:${n % 10}`);
    expect((await driver.get('/tags/link')).toString()).toBe(`sha256:${n % 10}`);
  }
  await other.delete('/tags/link');
  await expect(driver.get('/tags/link')).rejects.toMatchObject({ code: 'DRIVER_PATH_NOT_FOUND' });
});

it('writes again where another process has removed the folders', async () => {
  const driver = aDriver();
  const writer = await driver.openWriter('/u/data', { append: false });
  await writer.write(Buffer.from('x'));
  await writer.commit();
  for (const round of ['1', '2']) {
    await driver.put('/a/b/c/link', round);
    fs.rmSync(`${root}/a`, { recursive: true });
    await driver.apply([{ kind: 'put', path: '/a/b/c/link', content: round }]);
    expect(fs.readFileSync(`${root}/a/b/c/link`, 'utf8')).toBe(round);
  }
  fs.rmSync(`${root}/a`, { recursive: true });
  await driver.move('/u/data', '/a/b/c/moved');
  expect(fs.readFileSync(`${root}/a/b/c/moved`, 'utf8')).toBe('x');
});

it('leaves temp files out of listings, but shows other strangers', async () => {
  const driver = aDriver();
  await driver.put('/a/link', 'x');
  for (const name of [aTemp, 'other.tmp', 'stray']) {
    fs.writeFileSync(`${root}/a/${name}`, '');
  }
  fs.mkdirSync(`${root}/a/tag.${aTemp}`);
  const names = (await driver.list('/a'))?.map((entry) => entry.name);
  expect(names).toEqual(['link', 'other.tmp', 'stray', `tag.${aTemp}`]);
});

it('takes a symbolic link to a folder for a folder, and a dangling one for a file', async () => {
  const driver = aDriver();
  await driver.put('/disk2/repo/link', 'x');
  fs.mkdirSync(`${root}/repositories`);
  fs.symlinkSync(`${root}/disk2/repo`, `${root}/repositories/linked`);
  fs.symlinkSync(`${root}/nowhere`, `${root}/repositories/dangling`);
  expect(await driver.list('/repositories')).toEqual([
    { name: 'dangling', isDirectory: false },
    { name: 'linked', isDirectory: true },
  ]);
  expect((await driver.get('/repositories/linked/link')).toString()).toBe('x');
});

it('removes a symbolic link, not what it points to', async () => {
  const driver = aDriver();
  await driver.put('/disk2/repo/link', 'x');
  fs.mkdirSync(`${root}/repositories`);
  fs.symlinkSync(`${root}/disk2/repo`, `${root}/repositories/linked`);
  await driver.delete('/repositories');
  expect(await folder.files()).toEqual(['/registry/disk2/repo/link']);
});

it('sweeps temp files that a crash left, when they are old enough', async () => {
  const driver = aDriver();
  await driver.put('/a/b/link', 'x');
  const [old, young] = [`${root}/a/b/${aTemp}`, `${root}/a/young-${aTemp}`];
  fs.writeFileSync(old, 'torn');
  fs.writeFileSync(young, 'torn');
  const hourAgoMs = Date.now() - 3_600_000;
  fs.utimesSync(old, hourAgoMs / 1000 - 10, hourAgoMs / 1000 - 10);
  expect(await driver.purgeUploads?.('/', hourAgoMs)).toBe(1);
  expect(fs.existsSync(old)).toBe(false);
  expect(fs.existsSync(young)).toBe(true);
  expect(await driver.purgeUploads?.('/none', hourAgoMs)).toBe(0);
});

it('refuses names that are too long for the file system as invalid', async () => {
  const driver = aDriver();
  const path = `/a/${'n'.repeat(256)}`;
  const refused = { code: 'DRIVER_INVALID_PATH' };
  await driver.put('/a/b', 'x');
  await expect(driver.put(path, 'x')).rejects.toMatchObject(refused);
  await expect(driver.get(path)).rejects.toMatchObject(refused);
  await expect(driver.openWriter(path, { append: false })).rejects.toMatchObject(refused);
});

it('does not put a file where a folder is', async () => {
  const driver = aDriver();
  await driver.put('/a/b/c', 'x');
  await expect(driver.put('/a/b', 'x')).rejects.toMatchObject({ code: 'DRIVER_FAILED' });
  expect(await folder.files()).toEqual(['/registry/a/b/c']);
});

it('leaks no descriptors over 10,000 aborted reads, aborted at every stage', async () => {
  const driver = aDriver();
  await driver.put('/blob', noise(700_000));
  const reason = new ClientGoneError();
  for (let batch = 0; batch < 200; batch += 1) {
    await Promise.all(
      Array.from({ length: 50 }, async (_, n) => {
        const abort = new AbortController();
        if (n % 5 === 0) {
          queueMicrotask(() => abort.abort(reason));
        }
        const opening = driver.open('/blob', { signal: abort.signal });
        const source = await opening.catch(() => undefined);
        if (source === undefined) {
          return;
        }
        const reading = n % 5 === 1 ? undefined : source.read();
        if (n % 5 === 2) {
          await reading;
        }
        abort.abort(reason);
        const results = await Promise.allSettled([reading, source.read()]);
        expect(results[1]).toMatchObject({ status: 'rejected' });
      }),
    );
  }
  expect(openHandlesBelow(root)).toBe(0);
});

it('reads in pieces of at most 512 KiB from one buffer', async () => {
  const driver = aDriver();
  await driver.put('/blob', noise(3 * 1024 * 1024));
  const source = await driver.open('/blob');
  const buffers = new Set<ArrayBufferLike>();
  let pieces = 0;
  for (let piece = await source.read(); piece !== undefined; piece = await source.read()) {
    expect(piece.length).toBeLessThanOrEqual(512 * 1024);
    buffers.add(piece.buffer);
    pieces += 1;
  }
  expect(pieces).toBeGreaterThanOrEqual(6);
  expect(buffers.size).toBe(1);
});

it('gives the bytes that are there when the file is shorter than the end asked for', async () => {
  const driver = aDriver();
  await driver.put('/blob', 'short');
  const source = await driver.open('/blob', { endOffset: 1_000_000 });
  expect((await readAll(source, 100)).toString()).toBe('short');
  expect(openHandlesBelow(root)).toBe(0);
});

it('moves between real mounts', async (context) => {
  const shm = '/dev/shm';
  if (!fs.existsSync(shm) || fs.statSync(shm).dev === fs.statSync(folder.path).dev) {
    context.skip('no second file system');
  }
  const elsewhere = fs.mkdtempSync(`${shm}/longshore-test-`);
  try {
    fs.mkdirSync(root, { recursive: true });
    fs.symlinkSync(elsewhere, `${root}/blobs`);
    const driver = aDriver();
    const content = noise(3_000_000);
    await driver.put('/up/data', content);
    await driver.move('/up/data', '/blobs/ab/data');
    expect(fs.readFileSync(`${elsewhere}/ab/data`).equals(content)).toBe(true);
    expect(fs.readdirSync(`${elsewhere}/ab`)).toEqual(['data']);
    expect(await driver.stat('/up/data')).toBeUndefined();
  } finally {
    fs.rmSync(elsewhere, { recursive: true });
  }
});

it('leaves files that other tools read as they are', async () => {
  const driver = aDriver();
  const content = noise(1_000_000);
  await driver.put('/blob', content);
  const { stdout } = await promisify(execFile)('sha256sum', [`${root}/blob`]);
  const { createHash } = await import('node:crypto');
  expect(stdout.split(' ')[0]).toBe(createHash('sha256').update(content).digest('hex'));
});

/** An upload with its bytes in it, and what its end is made of. */
async function anUpload(driver: StorageDriver, id: string, bytes = 'bytes'): Promise<WriteStep[]> {
  await driver.put(`/up/${id}/startedat`, 'now', { durable: false });
  const writer = await driver.openWriter(`/up/${id}/data`, { append: true });
  await writer.write(Buffer.from(bytes));
  await writer.close();
  return [
    { kind: 'move', from: `/up/${id}/data`, to: `/blobs/${bytes}/data` },
    { kind: 'put', path: `/repo/${id}/link`, content: bytes },
    { kind: 'recycle', from: `/up/${id}`, to: `/up/after-${id}`, holds: ['startedat'] },
  ];
}

/** As `anUpload`, with its link beside its data since it was closed. */
async function anUploadWithLink(driver: StorageDriver, id: string): Promise<WriteStep[]> {
  await driver.put(`/up/${id}/startedat`, 'now', { durable: false });
  const writer = await driver.openWriter(`/up/${id}/data`, { append: true });
  await writer.write(Buffer.from('bytes'));
  await writer.closeWith?.('link', 'bytes');
  return [
    { kind: 'move', from: `/up/${id}/data`, to: '/blobs/bytes/data' },
    { kind: 'move', from: `/up/${id}/link`, to: `/repo/${id}/link` },
    { kind: 'recycle', from: `/up/${id}`, to: `/up/after-${id}`, holds: ['startedat'] },
  ];
}

it.each([
  ['each', (path: string) => fs.statSync(root + path).ino],
  ['commit', undefined],
] as const)('ends an upload with chunksync %s, its folder used again', async (chunksync, inode) => {
  const driver = createFilesystemDriver({ rootdirectory: root, maxthreads: 100, chunksync });
  const steps = await anUpload(driver, 'a');
  const before = inode?.('/up/a');
  await driver.apply(steps);
  expect((await folder.files()).sort()).toEqual([
    '/registry/blobs/bytes/data',
    '/registry/repo/a/link',
    '/registry/up/after-a/startedat',
  ]);
  // The folder itself became the blob's, where its entries are durable.
  expect(inode?.('/blobs/bytes')).toBe(before);
  expect(fs.existsSync(`${root}/up/a`)).toBe(false);
});

it.each([
  ['a blob', (at: string): void => fs.writeFileSync(`${at}/data`, 'short')],
  ['nothing', (): void => {}],
  ['something else', (at: string): void => fs.writeFileSync(`${at}/other`, '')],
])('ends an upload whose blob has a folder with %s in it', async (_, fill) => {
  const driver = aDriver();
  const steps = await anUpload(driver, 'a');
  fs.mkdirSync(`${root}/blobs/bytes`, { recursive: true });
  fill(`${root}/blobs/bytes`);
  await driver.apply(steps);
  expect(fs.readFileSync(`${root}/blobs/bytes/data`, 'utf8')).toBe('bytes');
  expect(fs.readdirSync(`${root}/up`)).toEqual(['after-a']);
  expect(fs.readdirSync(`${root}/up/after-a`)).toEqual(['startedat']);
});

it('ends uploads of the same bytes side by side', async () => {
  const driver = aDriver();
  const all = await Promise.all(['a', 'b', 'c', 'd'].map((id) => anUpload(driver, id)));
  await Promise.all(all.map((steps) => driver.apply(steps)));
  expect(fs.readFileSync(`${root}/blobs/bytes/data`, 'utf8')).toBe('bytes');
  expect(fs.readdirSync(`${root}/blobs/bytes`)).toEqual(['data']);
  expect(fs.readdirSync(`${root}/up`).sort()).toEqual(
    ['a', 'b', 'c', 'd'].map((id) => `after-${id}`),
  );
});

it('leaves the upload, without its data, when a later step fails', async () => {
  const driver = aDriver();
  const steps = await anUpload(driver, 'a');
  fs.mkdirSync(`${root}/repo/a/link/is-a-folder`, { recursive: true });
  await expect(driver.apply(steps)).rejects.toMatchObject({ code: 'DRIVER_FAILED' });
  expect(fs.readdirSync(`${root}/up/a`)).toEqual(['startedat']);
  expect(fs.readdirSync(`${root}/blobs/bytes`)).toEqual(['data']);
  expect(fs.readdirSync(`${root}/repo/a`)).toEqual(['link']);
});

it('leaves nothing beside the blob when the folder cannot be used again', async () => {
  const driver = aDriver();
  const steps = await anUpload(driver, 'a');
  fs.writeFileSync(`${root}/up/after-a`, 'in the way');
  await driver.apply(steps);
  expect(fs.readdirSync(`${root}/blobs/bytes`)).toEqual(['data']);
  expect(fs.readdirSync(`${root}/up`)).toEqual(['after-a']);
});

it.each([
  ['', (): void => {}],
  [
    ', its blob there already',
    () => fs.mkdirSync(`${root}/blobs/bytes/other`, { recursive: true }),
  ],
])('ends an upload whose link lies beside its data%s', async (_, prepare) => {
  const driver = aDriver();
  const steps = await anUploadWithLink(driver, 'a');
  prepare();
  await driver.apply(steps);
  expect(fs.readFileSync(`${root}/blobs/bytes/data`, 'utf8')).toBe('bytes');
  expect(fs.existsSync(`${root}/blobs/bytes/link`)).toBe(false);
  expect(fs.readFileSync(`${root}/repo/a/link`, 'utf8')).toBe('bytes');
  expect(fs.readdirSync(`${root}/up`)).toEqual(['after-a']);
  expect(fs.readdirSync(`${root}/up/after-a`)).toEqual(['startedat']);
});

it('leaves the upload, with its link, when that cannot be put in its place', async () => {
  const driver = aDriver();
  const steps = await anUploadWithLink(driver, 'a');
  fs.mkdirSync(`${root}/repo/a/link/is-a-folder`, { recursive: true });
  await expect(driver.apply(steps)).rejects.toMatchObject({ code: 'DRIVER_FAILED' });
  expect(fs.readdirSync(`${root}/up/a`).sort()).toEqual(['link', 'startedat']);
  expect(fs.readdirSync(`${root}/blobs/bytes`)).toEqual(['data']);
});

it('replaces what lies beside an upload by the file it is closed with', async () => {
  const driver = aDriver();
  await anUploadWithLink(driver, 'a');
  const writer = await driver.openWriter('/up/a/data', { append: true });
  await writer.write(Buffer.from(' more'));
  await writer.closeWith?.('link', 'x');
  expect(fs.readFileSync(`${root}/up/a/data`, 'utf8')).toBe('bytes more');
  expect(fs.readFileSync(`${root}/up/a/link`, 'utf8')).toBe('x');
});

it('cannot close uploads with a file where they are synced at their end alone', async () => {
  const driver = createFilesystemDriver({
    rootdirectory: root,
    maxthreads: 100,
    chunksync: 'commit',
  });
  const writer = await driver.openWriter('/up/a/data', { append: false });
  expect(writer.closeWith).toBeUndefined();
  await writer.close();
});

it('ends an upload whose folder lost what it should hold', async () => {
  const driver = aDriver();
  const steps = await anUpload(driver, 'a');
  fs.rmSync(`${root}/up/a/startedat`);
  await driver.apply(steps);
  expect(fs.readdirSync(`${root}/blobs/bytes`)).toEqual(['data']);
  expect(fs.existsSync(`${root}/up/a`)).toBe(false);
});

it('does not end an upload that is not there', async () => {
  const driver = aDriver();
  const steps = await anUpload(driver, 'a');
  fs.rmSync(`${root}/up/a`, { recursive: true });
  await expect(driver.apply(steps)).rejects.toMatchObject({ code: 'DRIVER_PATH_NOT_FOUND' });
  expect(fs.existsSync(`${root}/repo/a/link`)).toBe(false);
});
