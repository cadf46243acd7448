/** Folders of finished sessions that become the next ones. */

import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RepositoryName } from '../../../src/oci/reference.ts';
import { SessionShelf } from '../../../src/registry/session-shelf.ts';
import { type UploadSession, UploadSessions } from '../../../src/registry/upload-session.ts';
import { createFilesystemDriver } from '../../../src/storage/drivers/filesystem/driver.ts';
import { createMemoryDriver } from '../../../src/storage/drivers/memory/driver.ts';
import { aBody } from '../../support/bodies.ts';
import { noise, sha256 } from '../../support/bytes.ts';
import { aContext, driverWith, type TestContext } from '../../support/registry-context.ts';
import { type TempFolder, tempFolder } from '../../support/temp-folder.ts';

const name = 'team/app' as RepositoryName;

let folder: TempFolder;
let context: TestContext;
let sessions: UploadSessions;
let nowMs: number;
let seed = 0;

beforeEach(async () => {
  folder = await tempFolder();
  nowMs = Date.parse('2026-01-02T03:04:05Z');
  const raw = createFilesystemDriver({ rootdirectory: folder.path, maxthreads: 100 });
  context = aContext(raw, { now: () => nowMs });
  sessions = new UploadSessions(context);
});
afterEach(async () => {
  await sessions.settle();
  await folder.remove();
});

const uploads = (): string =>
  join(folder.path, 'docker/registry/v2/repositories', name, '_uploads');
const idsLying = async (): Promise<string[]> => (await readdir(uploads())).sort();
const begun = (id: string): Promise<string> => readFile(join(uploads(), id, 'startedat'), 'latin1');

/** A whole small blob in a PATCH, then the closing PUT, as docker pushes. Resolves when its folder has found its place. */
async function push(session?: UploadSession): Promise<UploadSession> {
  const started = session ?? (await sessions.start(name));
  seed += 1;
  const content = noise(1000, seed);
  const { startedAtMs } = started;
  await sessions.append(name, started.id, { offset: 0, startedAtMs }, aBody(content));
  const claim = { offset: content.length, startedAtMs };
  const digest = `sha256:${sha256(content)}`;
  await sessions.commit(name, started.id, claim, aBody(Buffer.alloc(0)), digest as never);
  return started;
}

/** Pushes until the next session is one that lies ready. */
async function fill(): Promise<void> {
  for (let count = 0; count < 4; count += 1) {
    await push();
  }
  expect((await idsLying()).length).toBe(4);
}

describe('the folder of a finished session', () => {
  it('is the next session but three, under an id of its own, and holds nothing else', async () => {
    const first = await push();
    const [lying] = await idsLying();
    expect(lying).not.toBe(first.id);
    expect(await readdir(join(uploads(), lying ?? ''))).toEqual(['startedat']);
    for (let count = 0; count < 3; count += 1) {
      expect((await push()).id).not.toBe(lying);
    }
    const ready = await idsLying();
    const next = await sessions.start(name);
    expect(next.id).toBe(lying);
    expect(await idsLying()).toEqual(ready);
    await push(next);
    expect(await idsLying()).not.toContain(lying);
  });

  it('is not looked for by a repository of another name', async () => {
    await fill();
    const ready = await idsLying();
    const other = await sessions.start('team/other' as RepositoryName);
    expect(ready).not.toContain(other.id);
  });

  it('takes no storage call to begin but a look whether it is there', async () => {
    await fill();
    const calls: string[] = [];
    const { driver } = context;
    const spied = new Proxy(driver, {
      get(target, key) {
        const value = Reflect.get(target, key, target) as unknown;
        return typeof value === 'function'
          ? (...args: unknown[]) => {
              calls.push(String(key));
              return (value as (...all: unknown[]) => unknown).apply(target, args);
            }
          : value;
      },
    });
    const spying = new UploadSessions({ ...context, driver: spied });
    for (let count = 0; count < 4; count += 1) {
      const { id, startedAtMs } = await spying.start(name);
      const content = noise(100, 7000 + count);
      await spying.append(name, id, { offset: 0, startedAtMs }, aBody(content));
      const digest = `sha256:${sha256(content)}` as never;
      const claim = { offset: 100, startedAtMs };
      await spying.commit(name, id, claim, aBody(Buffer.alloc(0)), digest);
    }
    calls.length = 0;
    await spying.start(name);
    expect(calls).toEqual(['stat']);
    await spying.settle();
  });

  it('is passed over when somebody has removed it', async () => {
    await fill();
    for (const id of await idsLying()) {
      await rm(join(uploads(), id), { recursive: true });
    }
    const session = await push();
    expect(await idsLying()).not.toContain(session.id);
  });

  it('begins anew when it has lain for more than a minute', async () => {
    await fill();
    nowMs += 61_000;
    const { id, startedAtMs } = await sessions.start(name);
    expect(startedAtMs).toBe(nowMs);
    expect(await begun(id)).toBe('2026-01-02T03:05:06Z');
    expect((await sessions.status(name, id)).startedAtMs).toBe(nowMs);
  });

  it('is removed where a hash state was saved in it meanwhile', async () => {
    const { id, startedAtMs } = await sessions.start(name);
    const content = noise(100, 5);
    const chunk = { offset: 0, startedAtMs, range: { start: 0, end: 99 } };
    await sessions.append(name, id, chunk, aBody(content));
    expect(await readdir(join(uploads(), id))).toContain('hashstates');
    const digest = `sha256:${sha256(content)}` as never;
    const claim = { offset: 100, startedAtMs };
    await sessions.commit(name, id, claim, aBody(Buffer.alloc(0)), digest);
    await sessions.settle();
    expect(await idsLying()).toEqual([]);
  });

  it('is removed where a state was saved while the upload rested', async () => {
    const options = { rootdirectory: folder.path, maxthreads: 100, chunksync: 'commit' } as const;
    const resting = new UploadSessions(aContext(createFilesystemDriver(options)));
    const { id, startedAtMs } = await resting.start(name);
    const content = noise(100, 6);
    const chunk = { offset: 0, startedAtMs, range: { start: 0, end: 99 } };
    await resting.append(name, id, chunk, aBody(content));
    expect(await readdir(join(uploads(), id))).not.toContain('hashstates');
    await vi.waitUntil(
      async () => (await readdir(join(uploads(), id))).includes('hashstates'),
      10_000,
    );
    const digest = `sha256:${sha256(content)}` as never;
    const claim = { offset: 100, startedAtMs };
    await resting.commit(name, id, claim, aBody(Buffer.alloc(0)), digest);
    await vi.waitUntil(async () => (await idsLying()).length === 0, 5_000);
    await resting.settle();
  });

  it('is removed where the data stays in it, since the blob was there', async () => {
    const content = noise(500, 4);
    const digest = `sha256:${sha256(content)}` as never;
    for (const left of [1, 1]) {
      const { id, startedAtMs } = await sessions.start(name);
      await sessions.append(name, id, { offset: 0, startedAtMs }, aBody(content));
      const claim = { offset: 500, startedAtMs };
      await sessions.commit(name, id, claim, aBody(Buffer.alloc(0)), digest);
      await vi.waitUntil(async () => (await idsLying()).length === left, 5_000);
    }
  });

  it('is still a session when the commit failed', async () => {
    const { id, startedAtMs } = await sessions.start(name);
    const content = noise(500, 3);
    await sessions.append(name, id, { offset: 0, startedAtMs }, aBody(content));
    const claim = { offset: 500, startedAtMs };
    const digest = `sha256:${sha256(content)}`;
    // A file where the blob's folder is to be.
    const blobs = join(folder.path, 'docker/registry/v2/blobs/sha256', digest.slice(7, 9));
    await mkdir(blobs, { recursive: true });
    await writeFile(join(blobs, digest.slice(7)), '');
    const commit = () => sessions.commit(name, id, claim, aBody(Buffer.alloc(0)), digest as never);
    await expect(commit()).rejects.toThrow();
    await rm(join(blobs, digest.slice(7)));
    await expect(commit()).resolves.toMatchObject({ sizeBytes: 500 });
  });

  it('is gone at the end', async () => {
    await fill();
    await sessions.settle();
    expect(await idsLying()).toEqual([]);
  });
});

it('removes the folders of the repository unused for longest when there are too many', async () => {
  const removed: string[] = [];
  const memory = createMemoryDriver();
  const shelf = new SessionShelf(
    driverWith(memory, {
      abilities: { ...memory.abilities, renamesFolders: true },
      delete: async (path) => void removed.push(path),
    }),
    () => 0,
  );
  const repository = (n: number): RepositoryName => `r${n}` as RepositoryName;
  for (let n = 0; n < 2048; n += 1) {
    await shelf.keep(repository(n % 512), { id: `${n}`, startedAtMs: 0 });
  }
  expect(removed).toEqual([]);
  await shelf.keep(repository(0), { id: 'more', startedAtMs: 0 });
  expect(removed.map((path) => path.split('/').at(-1))).toEqual(['1', '513', '1025', '1537']);
});

it('keeps no more than its share for one repository, and nothing where folders cannot be renamed', async () => {
  const memory = createMemoryDriver();
  expect(new SessionShelf(memory, () => 0).step(name, 'a', 'b')).toBeUndefined();
  const able = { ...memory.abilities, renamesFolders: true };
  const shelf = new SessionShelf(driverWith(memory, { abilities: able }), () => 0);
  for (let n = 0; n < 64; n += 1) {
    expect(shelf.step(name, 'a', 'b')).toMatchObject({ kind: 'recycle' });
    await shelf.keep(name, { id: `${n}`, startedAtMs: 0 });
  }
  expect(shelf.step(name, 'a', 'b')).toBeUndefined();
});
