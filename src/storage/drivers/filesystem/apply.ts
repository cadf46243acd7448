/**
 * Puts and moves in two shared rounds of syncs instead of a row of them (DESIGN.md section 3):
 *
 *   round one, side by side:  temp files written and synced, directories made
 *   in order:                 renames
 *   round two, side by side:  the directories that were renamed into
 */

import { randomUUID } from 'node:crypto';
import { dirname } from 'node:path';
import type { WriteStep } from '../../driver.ts';
import { allDone, type Directories } from './directories.ts';
import {
  closeFile,
  closeUnsynced,
  copyToNew,
  openFile,
  openFlags,
  openNow,
  removeFile,
  renameNow,
  statNow,
  syncData,
  writeAllNow,
} from './file-calls.ts';
import { errnoOf, toDriverError } from './file-error.ts';

/** What `apply` needs of the driver around it. */
export interface ApplyParts {
  readonly directories: Directories;
  /** Driver path to file name. */
  toFile(path: string): string;
}

type PutStep = WriteStep & { readonly kind: 'put' };
type MoveStep = WriteStep & { readonly kind: 'move' };
/** Steps that concern files. */
export type FileStep = PutStep | MoveStep;

/** A step on its way. */
interface Prepared {
  readonly step: FileStep;
  readonly path: string;
  readonly target: string;
  readonly folder: string;
  /** No earlier step of the call has this target. */
  readonly isFirstThere: boolean;
  /** The temp file of a put, until it was renamed. */
  temp: string | undefined;
  /** The temp file, open until it is synced. */
  fd: number | undefined;
  /** The target's folder was made for this step, so nothing is at the target: one stat less for each new blob. */
  isNewFolder: boolean;
}

const tempName: RegExp = /\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\.tmp$/;
/** A folder may be removed while a step goes into it, also several times over. */
const maxTries = 10;

/** `PATH.<uuid>.tmp`, as Distribution names its temp files too. */
export function tempBeside(target: string): string {
  return `${target}.${randomUUID()}.tmp`;
}

export function isTempName(name: string): boolean {
  return name.endsWith('.tmp') && tempName.test(name);
}

/** Applies `steps` as the driver contract says; translates errors; removes its temp files when it fails. */
export async function applySteps(parts: ApplyParts, steps: readonly FileStep[]): Promise<void> {
  const { directories } = parts;
  const all: Prepared[] = [];
  try {
    for (const step of steps) {
      const one = toPrepared(parts, step, all);
      all.push(one);
      prepare(directories, one);
    }
    await syncTemps(all);
    for (const one of all) {
      if (!placeNow(parts, one)) {
        await placeAnew(parts, one);
      }
    }
    const folders = all.flatMap((one) => (isDurable(one.step) ? [one.folder] : []));
    await directories.sync(folders);
  } catch (error) {
    await dropTemps(all);
    throw toDriverError(error, all[0]?.path ?? '/');
  }
}

/**
 * Puts a file that may be lost again: nothing is synced, the next durable write below its directory takes the
 * directory's entry along. A new file is written in place, since nobody can be reading it yet; a crash leaves it torn,
 * which its readers must bear anyway.
 */
export function putHint(
  directories: Directories,
  target: string,
  content: Uint8Array | string,
): void {
  const fd = directories.within(dirname(target), () => {
    try {
      return openNow(target, openFlags.createNew);
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') {
        return undefined;
      }
      throw error;
    }
  });
  if (fd === undefined) {
    const temp = tempBeside(target);
    writeAndClose(openNow(temp, openFlags.createNew), content);
    renameNow(temp, target);
  } else {
    writeAndClose(fd, content);
  }
}

function writeAndClose(fd: number, content: Uint8Array | string): void {
  try {
    writeContent(fd, content);
  } finally {
    closeFile(fd);
  }
}

function writeContent(fd: number, content: Uint8Array | string): void {
  writeAllNow(fd, typeof content === 'string' ? Buffer.from(content) : content, 0);
}

function isDurable(step: FileStep): boolean {
  return step.kind === 'move' || step.durable !== false;
}

function toPrepared(parts: ApplyParts, step: FileStep, earlier: readonly Prepared[]): Prepared {
  const path = step.kind === 'put' ? step.path : step.to;
  const target = parts.toFile(path);
  return {
    step,
    path,
    target,
    folder: dirname(target),
    isFirstThere: earlier.every((other) => other.path !== path),
    temp: undefined,
    fd: undefined,
    isNewFolder: false,
  };
}

/** Makes the folder, and writes the temp file of a put, which is to be synced if `fd` is left open. */
function prepare(directories: Directories, one: Prepared): void {
  try {
    if (one.step.kind === 'put') {
      writeTemp(directories, one, one.step);
    } else {
      one.isNewFolder = directories.make(one.folder);
    }
  } catch (error) {
    throw toDriverError(error, one.path);
  }
}

function writeTemp(directories: Directories, one: Prepared, step: PutStep): string {
  const temp = tempBeside(one.target);
  const fd = directories.within(one.folder, () => openNow(temp, openFlags.createNew));
  one.temp = temp;
  one.fd = fd;
  writeContent(fd, step.content);
  if (!isDurable(step) || directories.isInMemory(one.folder)) {
    one.fd = undefined;
    closeFile(fd);
  }
  return temp;
}

/** Syncs what `writeTemp` left open, side by side; what failed stays open for dropTemps. */
async function syncTemps(all: readonly Prepared[]): Promise<void> {
  await allDone(all.flatMap((one) => (one.fd === undefined ? [] : [syncTemp(one, one.fd)])));
}

async function syncTemp(one: Prepared, fd: number): Promise<void> {
  try {
    await syncData(fd);
  } catch (error) {
    throw toDriverError(error, one.path);
  }
  one.fd = undefined;
  closeFile(fd);
}

/** Makes a step visible. False: not in one call; nothing has changed. */
function placeNow(parts: ApplyParts, one: Prepared): boolean {
  const { step, target, temp } = one;
  try {
    if (step.kind === 'move') {
      if (!isKept(step, one)) {
        renameNow(parts.toFile(step.from), target);
      }
    } else if (temp !== undefined) {
      renameNow(temp, target);
      one.temp = undefined;
    }
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'EXDEV') {
      return false;
    }
    throw toDriverError(error, one.path);
  }
}

function isKept(step: MoveStep, { target, isNewFolder, isFirstThere }: Prepared): boolean {
  const isSurelyFree = isNewFolder && isFirstThere;
  return step.keepExisting === true && !isSurelyFree && statNow(target)?.isFile() === true;
}

/** The folder was removed since it was made, perhaps with the temp file in it; or it is on another mount. */
async function placeAnew(parts: ApplyParts, one: Prepared): Promise<void> {
  const { directories } = parts;
  for (let tries = 1; ; tries += 1) {
    directories.forget(one.folder);
    try {
      if (one.step.kind === 'move') {
        directories.make(one.folder);
        await moveAnew(parts, one.step, one.target);
      } else {
        one.temp = undefined;
        const temp = writeTemp(directories, one, one.step);
        await syncTemps([one]);
        renameNow(temp, one.target);
        one.temp = undefined;
      }
      return;
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || tries >= maxTries) {
        throw toDriverError(error, one.path);
      }
    }
  }
}

async function moveAnew(parts: ApplyParts, step: MoveStep, target: string): Promise<void> {
  const source = parts.toFile(step.from);
  try {
    renameNow(source, target);
  } catch (error) {
    // ENOENT means either end: tell a missing source apart, or making folders would be tried in vain.
    if (errnoOf(error) === 'ENOENT' && statNow(source) === undefined) {
      throw toDriverError(error, step.from);
    }
    if (errnoOf(error) !== 'EXDEV') {
      throw error;
    }
    await moveAcrossMounts(source, target);
    await parts.directories.sync([dirname(source)]);
  }
}

/** Repositories and blobs may lie on different mounts, where rename fails (distribution#1138). */
async function moveAcrossMounts(source: string, target: string): Promise<void> {
  const temp = tempBeside(target);
  try {
    await copyToNew(source, temp);
    const fd = await openFile(temp, openFlags.write);
    try {
      await syncData(fd);
    } finally {
      closeFile(fd);
    }
    renameNow(temp, target);
  } catch (error) {
    await removeFile(temp).catch(() => {
      // The first failure is the one to tell.
    });
    throw error;
  }
  await removeFile(source);
}

/** Nothing is being synced any more. */
async function dropTemps(all: readonly Prepared[]): Promise<void> {
  for (const { fd, temp } of all) {
    if (fd !== undefined) {
      await closeUnsynced(fd);
    }
    if (temp !== undefined) {
      await removeFile(temp).catch(() => {
        // Already gone, or the disk is failing: a left-over temp file is hidden and swept later.
      });
    }
  }
}
