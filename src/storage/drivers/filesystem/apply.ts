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
  removeFile,
  renameFile,
  statFile,
  syncData,
  writeAllAt,
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

/** A step with its first round done. */
interface Prepared {
  readonly step: FileStep;
  readonly path: string;
  readonly target: string;
  /** No earlier step of the call has this target. */
  readonly isFirstThere: boolean;
  /** The temp file of a put, until it was renamed. */
  temp?: string | undefined;
  /** The target's folder was made for this step, so nothing is at the target: one stat less for each new blob. */
  isNewFolder?: boolean;
}

const tempName: RegExp = /\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\.tmp$/;

/** `PATH.<uuid>.tmp`, as Distribution names its temp files too. */
export function tempBeside(target: string): string {
  return `${target}.${randomUUID()}.tmp`;
}

export function isTempName(name: string): boolean {
  return name.endsWith('.tmp') && tempName.test(name);
}

/** Applies `steps` as the driver contract says; translates errors; removes its temp files when it fails. */
export async function applySteps(parts: ApplyParts, steps: readonly FileStep[]): Promise<void> {
  const prepared: Prepared[] = [];
  for (const step of steps) {
    const path = step.kind === 'put' ? step.path : step.to;
    const isFirstThere = prepared.every((earlier) => earlier.path !== path);
    prepared.push({ step, path, target: parts.toFile(path), isFirstThere });
  }
  try {
    await allDone(prepared.map((one) => prepare(parts, one)));
    for (const one of prepared) {
      await makeVisible(parts, one);
    }
    const durable = prepared.filter(({ step }) => isDurable(step));
    await parts.directories.sync(new Set(durable.map((one) => dirname(one.target))));
  } catch (error) {
    await allDone(prepared.map((one) => dropTemp(one)));
    throw toDriverError(error, prepared[0]?.path ?? '/');
  }
}

/**
 * Puts a file that may be lost again: nothing is synced, the next durable write below its directory takes the
 * directory's entry along. A new file is written in place, since nobody can be reading it yet; a crash leaves it torn,
 * which its readers must bear anyway.
 */
export async function putHint(
  directories: Directories,
  target: string,
  content: Uint8Array | string,
): Promise<void> {
  const fd = await directories.within(dirname(target), () =>
    openFile(target, openFlags.createNew).catch((error: unknown) => {
      if (errnoOf(error) === 'EEXIST') {
        return undefined;
      }
      throw error;
    }),
  );
  if (fd === undefined) {
    const temp = tempBeside(target);
    const tempFd = await openFile(temp, openFlags.createNew);
    await writeAndClose(tempFd, content);
    await renameFile(temp, target);
    return;
  }
  await writeAndClose(fd, content);
}

async function writeAndClose(fd: number, content: Uint8Array | string): Promise<void> {
  try {
    await writeAllAt(fd, typeof content === 'string' ? Buffer.from(content) : content, 0);
  } finally {
    closeFile(fd);
  }
}

function isDurable(step: FileStep): boolean {
  return step.kind === 'move' || step.durable !== false;
}

async function prepare(parts: ApplyParts, one: Prepared): Promise<void> {
  try {
    if (one.step.kind === 'put') {
      one.temp = await writeTemp(parts.directories, one.target, one.step);
    } else {
      one.isNewFolder = await parts.directories.make(dirname(one.target));
    }
  } catch (error) {
    throw toDriverError(error, one.path);
  }
}

async function makeVisible(parts: ApplyParts, one: Prepared): Promise<void> {
  try {
    if (one.step.kind === 'put') {
      await renameTemp(parts.directories, one, one.step);
    } else {
      await moveFile(parts, one.step, one);
    }
  } catch (error) {
    throw toDriverError(error, one.path);
  }
}

async function writeTemp(directories: Directories, target: string, step: PutStep): Promise<string> {
  const temp = tempBeside(target);
  const fd = await directories.within(dirname(target), () => openFile(temp, openFlags.createNew));
  try {
    const { content } = step;
    await writeAllAt(fd, typeof content === 'string' ? Buffer.from(content) : content, 0);
    if (isDurable(step)) {
      await syncData(fd);
    }
  } catch (error) {
    await closeUnsynced(fd);
    await removeFile(temp).catch(() => {
      // The write's own failure says more than a failure to clean up after it.
    });
    throw error;
  }
  closeFile(fd);
  return temp;
}

async function renameTemp(directories: Directories, one: Prepared, step: PutStep): Promise<void> {
  await directories.within(dirname(one.target), async () => {
    // ENOENT: a delete of the folder took the temp file with it. Then once more, in a new folder.
    one.temp ??= await writeTemp(directories, one.target, step);
    const { temp } = one;
    one.temp = undefined;
    try {
      await renameFile(temp, one.target);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') {
        one.temp = temp;
      }
      throw error;
    }
  });
}

async function moveFile(
  parts: ApplyParts,
  step: MoveStep,
  { target, isNewFolder, isFirstThere }: Prepared,
): Promise<void> {
  const isSurelyFree = isNewFolder && isFirstThere;
  if (step.keepExisting && !isSurelyFree && (await isFile(target))) {
    return;
  }
  const source = parts.toFile(step.from);
  try {
    await parts.directories.within(dirname(target), async () => {
      try {
        await renameFile(source, target);
      } catch (error) {
        // ENOENT means either end: tell a missing source apart, or making folders would be tried in vain.
        if (errnoOf(error) === 'ENOENT' && !(await exists(source))) {
          throw toDriverError(error, step.from);
        }
        throw error;
      }
    });
  } catch (error) {
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
    await renameFile(temp, target);
  } catch (error) {
    await removeFile(temp).catch(() => {
      // As above: the first failure is the one to tell.
    });
    throw error;
  }
  await removeFile(source);
}

async function dropTemp(one: Prepared): Promise<void> {
  if (one.temp !== undefined) {
    await removeFile(one.temp).catch(() => {
      // Already gone, or the disk is failing: a left-over temp file is hidden and swept later.
    });
  }
}

async function isFile(file: string): Promise<boolean> {
  try {
    return (await statFile(file)).isFile();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') {
      return false;
    }
    throw error;
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await statFile(file);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENOTDIR';
  }
}
