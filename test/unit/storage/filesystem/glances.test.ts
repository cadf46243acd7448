/** What may be told from a glance and what must be asked of the driver, on real files. */

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import type { FileMark } from '../../../../src/storage/driver.ts';
import { Glances } from '../../../../src/storage/drivers/filesystem/glances.ts';
import { collect, oldBytes } from '../../../support/old-heap.ts';
import { type TempFolder, tempFolder } from '../../../support/temp-folder.ts';

let folder: TempFolder;
let file: string;
let glances: Glances;

beforeAll(async () => {
  folder = await tempFolder();
});

beforeEach(() => {
  file = `${folder.path}/link`;
  fs.writeFileSync(file, 'sha256:aa');
  glances = new Glances(folder.path);
});

afterEach(() => vi.restoreAllMocks());
afterAll(() => folder.remove());

function mark(): FileMark {
  const { ctimeMs, dev, ino, mtimeMs, size } = fs.statSync(file);
  return { dev, ino, ctimeMs, mtimeMs, sizeBytes: size };
}

function keep(content = 'sha256:aa', at: FileMark = mark()): void {
  glances.keep('/link', Buffer.from(content), at);
}

it('tells nothing of a file that the driver was not asked about', () => {
  expect([glances.content('/link'), glances.look('/link')]).toEqual([undefined, undefined]);
});

it('tells the content of a file that has not changed', () => {
  keep();
  expect(glances.content('/link')?.toString()).toBe('sha256:aa');
  expect(glances.content('/link')?.toString()).toBe('sha256:aa');
});

it.each([
  ['written in place', (): void => fs.writeFileSync(file, 'sha256:bb')],
  [
    'replaced by rename, with the times of the old one',
    (): void => {
      const { atime, mtime } = fs.statSync(file);
      fs.writeFileSync(`${file}.new`, 'sha256:bb');
      fs.utimesSync(`${file}.new`, atime, mtime);
      fs.renameSync(`${file}.new`, file);
    },
  ],
  ['removed', (): void => fs.rmSync(file)],
  [
    'replaced by a folder',
    (): void => {
      fs.rmSync(file);
      fs.mkdirSync(file);
    },
  ],
])('asks the driver about a file that was %s', async (_, change) => {
  keep();
  // Times tick in steps: the same size and inode within one of them would be the same mark.
  await vi.waitUntil(() => Date.now() - mark().ctimeMs > 20, { interval: 5 });
  change();
  try {
    expect(glances.content('/link')).toBeUndefined();
    expect(glances.content('/link')).toBeUndefined();
  } finally {
    fs.rmSync(file, { recursive: true, force: true });
  }
});

it('tells facts as they are now, and nothing of what is no file any more', async () => {
  glances.saw('/link');
  expect(glances.look('/link')?.facts).toMatchObject({ isDirectory: false, sizeBytes: 9 });
  fs.appendFileSync(file, 'more');
  await nextTurn();
  expect(glances.look('/link')?.facts).toMatchObject({ sizeBytes: 13 });
  fs.rmSync(file);
  await nextTurn();
  expect(glances.look('/link')).toEqual({ facts: undefined });
});

it('tells what is missing in a folder that was written to, and one level below', () => {
  expect([glances.look('/other'), glances.isMissing('/other')]).toEqual([undefined, false]);
  glances.wrote('/link/below');
  expect(glances.isMissing('/other')).toBe(true);
  expect(glances.isMissing('/folder/other')).toBe(true);
  expect(glances.isMissing('/a/b/other')).toBe(false);
  expect(glances.isMissing('/link')).toBe(false);
  expect(glances.look('/other')).toEqual({ facts: undefined });
});

it('asks the driver about what is no file', () => {
  fs.mkdirSync(`${folder.path}/folder`);
  glances.saw('/folder');
  expect(glances.look('/folder')).toBeUndefined();
  fs.rmdirSync(`${folder.path}/folder`);
});

it('looks once for requests that came in together, unless something was written meanwhile', async () => {
  const stats = vi.spyOn(fs, 'statSync');
  syncBuiltinESMExports();
  keep();
  stats.mockClear();
  const lookAgain = (): void => expect(glances.content('/link')).toBeDefined();
  lookAgain();
  lookAgain();
  expect(stats).toHaveBeenCalledTimes(1);
  glances.changed();
  lookAgain();
  expect(stats).toHaveBeenCalledTimes(2);
  await nextTurn();
  lookAgain();
  expect(stats).toHaveBeenCalledTimes(3);
  vi.restoreAllMocks();
  syncBuiltinESMExports();
});

it('keeps nothing from another device', () => {
  keep('sha256:aa', { ...mark(), dev: -1 });
  expect(glances.content('/link')).toBeUndefined();
});

it('tells nothing on file systems that may keep a stat waiting', () => {
  const elsewhere = new Glances('/proc');
  elsewhere.saw('/version');
  expect(elsewhere.look('/version')).toBeUndefined();
});

it('begins once there is a root', () => {
  const root = `${folder.path}/later`;
  const early = new Glances(root);
  early.saw('/link');
  expect(early.look('/link')).toBeUndefined();
  fs.mkdirSync(root);
  early.saw('/link');
  expect(early.look('/link')).toEqual({ facts: undefined });
});

it('tells of a folder as it is now', async () => {
  fs.mkdirSync(`${folder.path}/listed`);
  const before = glances.folder('/listed');
  expect(before?.isDirectory()).toBe(true);
  fs.mkdirSync(`${folder.path}/listed/new`);
  await nextTurn();
  expect(glances.folder('/listed')?.nlink).toBe((before?.nlink ?? 0) + 1);
  expect(glances.folder('/link')).toBeUndefined();
});

/** Glances of one turn of the loop share their stats. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

/** Lets each glance take so long, by a clock of ours. */
function glancesTake(ms: number): { advance(by: number): void } {
  let nowMs = 1000;
  vi.spyOn(performance, 'now').mockImplementation(() => {
    nowMs += ms;
    return nowMs;
  });
  return {
    advance: (by) => {
      nowMs += by;
    },
  };
}

function look(): boolean {
  glances.changed();
  return glances.content('/link') !== undefined;
}

it('rests when glances are slow again and again, and goes on afterwards', () => {
  keep();
  const clock = glancesTake(5);
  expect([1, 2, 3, 4, 5].map(look)).toEqual([true, true, true, false, false]);
  clock.advance(1000);
  expect(look()).toBe(true);
});

it('does not rest for a slow glance now and then', () => {
  keep();
  for (let round = 0; round < 20; round += 1) {
    glancesTake(5);
    expect(look()).toBe(true);
    glancesTake(0.01);
    for (let quick = 0; quick < 60; quick += 1) {
      expect(look()).toBe(true);
    }
  }
});

it('leaves the looks of a turn to the next small collection', async () => {
  const files = Array.from({ length: 20 }, (_, at) => `/link-${at}`);
  for (const path of files) {
    fs.writeFileSync(`${folder.path}${path}`, 'sha256:aa');
    glances.saw(path);
  }
  const turns = async (count: number): Promise<void> => {
    for (let turn = 0; turn < count; turn += 1) {
      for (const path of files) {
        expect(glances.look(path)?.facts?.sizeBytes).toBe(9);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await turns(50);
  // In the middle of a turn: what is kept for it is old from now on.
  glances.look('/link-0');
  collect();
  const before = oldBytes();
  await turns(2_000);
  // With a map that is cleared each turn it is 10 MB and more.
  expect(oldBytes() - before).toBeLessThan(3e6);
});
