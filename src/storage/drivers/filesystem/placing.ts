/** The renames of `apply` (apply.ts): what makes its steps visible, one after the other. */

import { basename, dirname } from 'node:path';
import type { Directories } from './directories.ts';
import {
  closeFile,
  copyToNew,
  openFile,
  openFlags,
  removeFile,
  removeNow,
  renameNow,
  statNow,
  syncData,
} from './file-calls.ts';
import { errnoOf, toDriverError } from './file-error.ts';
import {
  type ApplyParts,
  type MoveStep,
  type Prepared,
  syncTemps,
  tempBeside,
  writeTemp,
} from './prepared-step.ts';

/** A folder may be removed while a step goes into it, also several times over. */
const maxTries = 10;

/** Makes the steps visible, one after the other. */
export async function placeAll(
  { directories }: ApplyParts,
  all: readonly Prepared[],
): Promise<void> {
  for (const one of all) {
    if (!placeNow(directories, one)) {
      await placeAnew(directories, one);
    }
    one.isPlaced = true;
    if (one.hasFolder) {
      for (const other of all) {
        if (!other.isPlaced && dirname(other.source) === one.takes) {
          other.source = `${one.folder}/${basename(other.source)}`;
        }
      }
    }
  }
}

/** False: not in one call; nothing has changed. */
function placeNow(directories: Directories, one: Prepared): boolean {
  const { source, step, target, temp } = one;
  try {
    if (step.kind === 'move') {
      if (!tookFolder(directories, one) && !isKept(step, one)) {
        renameNow(source, target);
      }
    } else if (temp !== undefined) {
      if (one.tempFolder === one.folder) {
        renameNow(temp, target);
      } else {
        directories.within(one.folder, () => renameNow(temp, target));
      }
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

/**
 * Renames the whole folder of an upload to the target's: that the file lies in it is durable already, so the folder
 * itself needs no sync, one of the seven that a small blob takes.
 */
function tookFolder(directories: Directories, one: Prepared): boolean {
  if (one.takes === undefined) {
    return false;
  }
  try {
    directories.rename(one.takes, one.folder);
    one.hasFolder = true;
    return true;
  } catch {
    // Mostly there is such a folder already, with a blob in it or without. The file alone may go all the same.
    one.isNewFolder = directories.make(one.folder);
    return false;
  }
}

function isKept(step: MoveStep, { target, isNewFolder, isFirstThere }: Prepared): boolean {
  const isSurelyFree = isNewFolder && isFirstThere;
  return step.keepExisting === true && !isSurelyFree && statNow(target)?.isFile() === true;
}

/** The folder was removed since it was made, perhaps with the temp file in it; or it is on another mount. */
async function placeAnew(directories: Directories, one: Prepared): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    directories.forget(one.folder);
    try {
      if (one.step.kind === 'move') {
        directories.make(one.folder);
        await moveAnew(directories, one, one.step.from);
      } else {
        one.temp = undefined;
        const temp = writeTemp(directories, one, one.step);
        await syncTemps([one]);
        directories.within(one.folder, () => renameNow(temp, one.target));
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

async function moveAnew(
  directories: Directories,
  { source, target }: Prepared,
  from: string,
): Promise<void> {
  try {
    renameNow(source, target);
  } catch (error) {
    // ENOENT means either end: tell a missing source apart, or making folders would be tried in vain.
    if (errnoOf(error) === 'ENOENT' && statNow(source) === undefined) {
      throw toDriverError(error, from);
    }
    if (errnoOf(error) !== 'EXDEV') {
      throw error;
    }
    await moveAcrossMounts(source, target);
    await directories.sync([dirname(source)]);
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

/**
 * Moves files that came along with a taken folder to a folder of their own. Nobody needs them: a failure is passed
 * over, and what a crash leaves beside a blob goes with it one day, unread until then.
 */
export function passOn(
  directories: Directories,
  from: string,
  to: string,
  names: readonly string[],
): void {
  for (const name of names) {
    try {
      directories.within(to, () => renameNow(`${from}/${name}`, `${to}/${name}`));
    } catch {
      removeIfThere(`${from}/${name}`);
    }
  }
}

function removeIfThere(file: string): void {
  try {
    removeNow(file);
  } catch {
    // Gone, or the disk is failing.
  }
}
