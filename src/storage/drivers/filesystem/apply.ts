/**
 * Puts and moves in two shared rounds of syncs instead of a row of them (DESIGN.md section 3):
 *
 *   round one, side by side:  temp files written and synced, directories made
 *   in order:                 renames
 *   round two, side by side:  the directories that were renamed into
 *
 * An upload whose folder holds nothing that must stay goes as it is, folder and all, and leaves what else is in it to
 * the folder's successor (`recycle`).
 */

import { basename, dirname } from 'node:path';
import type { WriteStep } from '../../driver.ts';
import type { Directories } from './directories.ts';
import { closeFile, openFlags, openNow, renameNow } from './file-calls.ts';
import { errnoOf, toDriverError } from './file-error.ts';
import { passOn, placeAll } from './placing.ts';
import {
  type ApplyParts,
  dropTemps,
  isDurable,
  type Prepared,
  type RecycleStep,
  syncTemps,
  tempBeside,
  writeContent,
  writeTemp,
} from './prepared-step.ts';

/** Applies `steps` as the driver contract says; translates errors; removes its temp files when it fails. */
export async function applySteps(parts: ApplyParts, steps: readonly WriteStep[]): Promise<void> {
  const { directories } = parts;
  const recycling = steps.find((step) => step.kind === 'recycle');
  const all: Prepared[] = [];
  try {
    for (const step of steps) {
      if (step.kind !== 'recycle') {
        const one = toPrepared(parts, step, all, recycling);
        all.push(one);
        prepare(directories, one);
      }
    }
    await syncTemps(all);
    await placeAll(parts, all);
    const durable = all.filter(({ step }) => isDurable(step));
    await directories.sync(
      durable.map(({ folder, hasFolder }) => (hasFolder ? dirname(folder) : folder)),
    );
  } catch (error) {
    await dropTemps(all);
    for (const { folder } of all) {
      directories.removeNew(folder);
    }
    giveBack(directories, all, recycling);
    throw toDriverError(error, all[0]?.path ?? '/');
  }
  if (recycling !== undefined) {
    recycle(parts, all, recycling);
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

function toPrepared(
  parts: ApplyParts,
  step: Prepared['step'],
  earlier: readonly Prepared[],
  recycling: RecycleStep | undefined,
): Prepared {
  const path = step.kind === 'put' ? step.path : step.to;
  const target = parts.toFile(path);
  const mayTake =
    parts.takesFolders &&
    step.kind === 'move' &&
    step.keepExisting !== true &&
    recycling !== undefined &&
    step.from === recycling.from + step.to.slice(step.to.lastIndexOf('/')) &&
    earlier.every(({ takes }) => takes === undefined);
  return {
    step,
    path,
    target,
    folder: dirname(target),
    tempFolder: tempFolderOf(parts.directories, step, dirname(target), earlier),
    isFirstThere: earlier.every((other) => other.path !== path),
    source: step.kind === 'move' ? parts.toFile(step.from) : '',
    takes: mayTake ? parts.toFile(recycling.from) : undefined,
    hasFolder: false,
    isPlaced: false,
    temp: undefined,
    fd: undefined,
    isNewFolder: false,
  };
}

/** The folder of the step before it lies on the same mount: both are of one repository. */
function tempFolderOf(
  directories: Directories,
  step: Prepared['step'],
  folder: string,
  earlier: readonly Prepared[],
): string {
  const before = earlier.at(-1);
  const isLast = step.kind === 'put' && step.showsFolder === true && !directories.isThere(folder);
  return isLast && before?.step.kind === 'put' ? before.tempFolder : folder;
}

/** Makes the folder, and writes the temp file of a put. */
function prepare(directories: Directories, one: Prepared): void {
  try {
    if (one.step.kind === 'put') {
      writeTemp(directories, one, one.step);
    } else if (one.takes === undefined) {
      one.isNewFolder = directories.make(one.folder);
    } else {
      directories.make(dirname(one.folder));
    }
  } catch (error) {
    throw toDriverError(error, one.path);
  }
}

function recycle(
  { directories, toFile }: ApplyParts,
  all: readonly Prepared[],
  { from, to, holds }: RecycleStep,
): void {
  const taker = all.find((one) => one.hasFolder);
  if (taker !== undefined) {
    passOn(directories, taker.folder, toFile(to), holds);
    return;
  }
  try {
    directories.rename(toFile(from), toFile(to));
  } catch {
    // Whoever wants the folder looks for it under its new name first.
  }
}

/** After a failure the upload is as it would be without its folder taken: there, though its data may have gone. */
function giveBack(
  directories: Directories,
  all: readonly Prepared[],
  recycling: RecycleStep | undefined,
): void {
  const taker = all.find((one) => one.hasFolder);
  if (taker?.takes !== undefined && recycling !== undefined) {
    const waiting = all.filter((one) => !one.isPlaced && dirname(one.source) === taker.folder);
    passOn(directories, taker.folder, taker.takes, [
      ...recycling.holds,
      ...waiting.map((one) => basename(one.source)),
    ]);
  }
}
