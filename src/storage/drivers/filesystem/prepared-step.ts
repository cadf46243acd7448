/** A step of `apply` on its way (apply.ts), and the temp files of puts. */

import { randomUUID } from 'node:crypto';
import type { WriteStep } from '../../driver.ts';
import { allDone, type Directories } from './directories.ts';
import {
  closeFile,
  closeUnsynced,
  openFlags,
  openNow,
  removeFile,
  syncData,
  writeAllNow,
} from './file-calls.ts';
import { toDriverError } from './file-error.ts';

/** What `apply` needs of the driver around it. */
export interface ApplyParts {
  readonly directories: Directories;
  /** Whether what an upload's folder holds is durable, so that the whole folder may become a blob's. */
  readonly takesFolders: boolean;
  /** Driver path to file name. */
  toFile(path: string): string;
}

export type PutStep = WriteStep & { readonly kind: 'put' };
export type MoveStep = WriteStep & { readonly kind: 'move' };
export type RecycleStep = WriteStep & { readonly kind: 'recycle' };

export interface Prepared {
  readonly step: PutStep | MoveStep;
  readonly path: string;
  readonly target: string;
  readonly folder: string;
  /** Where the temp file of a put goes: into `folder`, or one of an earlier step if that is to be made last. */
  readonly tempFolder: string;
  /** No earlier step of the call has this target. */
  readonly isFirstThere: boolean;
  /** Of a move: where its file is. */
  source: string;
  /** The folder that a move may take along, as it is, instead of its file alone. */
  readonly takes: string | undefined;
  /** It took that folder. */
  hasFolder: boolean;
  isPlaced: boolean;
  /** The temp file of a put, until it was renamed. */
  temp: string | undefined;
  /** The temp file, open until it is synced. */
  fd: number | undefined;
  /** The target's folder was made for this step, so nothing is at the target: one stat less for each new blob. */
  isNewFolder: boolean;
}

const tempName: RegExp = /\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\.tmp$/;

/** `PATH.<uuid>.tmp`, as Distribution names its temp files too. */
export function tempBeside(target: string): string {
  return `${target}.${randomUUID()}.tmp`;
}

function tempOf({ folder, target, tempFolder }: Prepared): string {
  return tempBeside(tempFolder + target.slice(folder.length));
}

export function isTempName(name: string): boolean {
  return name.endsWith('.tmp') && tempName.test(name);
}

export function isDurable(step: PutStep | MoveStep): boolean {
  return step.kind === 'move' || step.durable !== false;
}

export function writeContent(fd: number, content: Uint8Array | string): void {
  writeAllNow(fd, typeof content === 'string' ? Buffer.from(content) : content, 0);
}

/** Writes the temp file of a put; it is to be synced if `fd` is left open. */
export function writeTemp(directories: Directories, one: Prepared, step: PutStep): string {
  const temp = tempOf(one);
  const fd = directories.within(one.tempFolder, () => openNow(temp, openFlags.createNew));
  one.temp = temp;
  one.fd = fd;
  writeContent(fd, step.content);
  if (!isDurable(step) || directories.isInMemory(one.tempFolder)) {
    one.fd = undefined;
    closeFile(fd);
  }
  return temp;
}

/** Syncs what `writeTemp` left open, side by side; what failed stays open for `dropTemps`. */
export async function syncTemps(all: readonly Prepared[]): Promise<void> {
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

/** Nothing is being synced any more. */
export async function dropTemps(all: readonly Prepared[]): Promise<void> {
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
