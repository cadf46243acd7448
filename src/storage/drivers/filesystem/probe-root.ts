/**
 * Looks at the root directory once at start, so that a wrong path or wrong owner is said then, in words, and not at
 * the first push. Makes nothing: the first write does, as in Distribution.
 */

import { access, constants, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { CodedError, errorText } from '../../../errors.ts';
import type { Logger } from '../../../observe/logger.ts';
import { errnoOf } from './file-error.ts';

const key = 'storage.filesystem.rootdirectory';

/**
 * A folder that can be read but not written is a warning alone: it serves pulls.
 *
 * @throws CodedError with one line for the operator
 */
export async function probeRoot(rootDirectory: string, logger: Logger): Promise<void> {
  const root = resolve(rootDirectory);
  if (await isFolder(root, root)) {
    await accessible(root, constants.R_OK | constants.X_OK, `cannot read ${root}`);
    const refusal = await refusalOf(root, constants.W_OK);
    if (refusal !== undefined) {
      logger.warn(`${key}: cannot write in ${root}, pushes will fail: ${refusal}`);
    }
    return;
  }
  // What is missing is made by the first write, inside the nearest folder that is there.
  let parent = dirname(root);
  while (!(await isFolder(parent, root))) {
    parent = dirname(parent);
  }
  await accessible(parent, constants.W_OK | constants.X_OK, `cannot create ${root}`);
}

/** False when nothing is there. */
async function isFolder(path: string, root: string): Promise<boolean> {
  let facts: { isDirectory(): boolean };
  try {
    facts = await stat(path);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') {
      return false;
    }
    throw unusable(`cannot read ${root}: ${errorText(error)}`, error);
  }
  if (!facts.isDirectory()) {
    throw unusable(`${path} is not a folder`);
  }
  return true;
}

async function accessible(path: string, mode: number, otherwise: string): Promise<void> {
  const refusal = await refusalOf(path, mode);
  if (refusal !== undefined) {
    throw unusable(`${otherwise}: ${refusal}`);
  }
}

async function refusalOf(path: string, mode: number): Promise<string | undefined> {
  try {
    await access(path, mode);
    return undefined;
  } catch (error) {
    return errorText(error);
  }
}

function unusable(reason: string, cause?: unknown): CodedError {
  return new CodedError('ROOT_UNUSABLE', `${key}: ${reason}`, { cause });
}
