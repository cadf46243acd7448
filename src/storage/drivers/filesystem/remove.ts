/**
 * Removal of files and subtrees. Written out rather than fs.rm, which costs three times the calls for the small folders
 * that a registry removes (an upload's folder, a tag's).
 */

import { allDone } from './directories.ts';
import { readDirectory, removeDirectory, removeFile, statFile } from './file-calls.ts';
import { errnoOf } from './file-error.ts';

const filesAtOnce = 16;
/** Someone may write into a folder while it is being removed; after so many rounds that is reported. */
const maxRounds = 5;

/** Removes a file, or a folder with all below it. @throws errno errors; ENOENT when nothing is there */
export async function removeTree(file: string): Promise<void> {
  try {
    await removeFile(file);
  } catch (error) {
    // Linux says EISDIR for a directory, POSIX says EPERM.
    const isDirectory =
      errnoOf(error) === 'EISDIR' ||
      (errnoOf(error) === 'EPERM' && (await statFile(file)).isDirectory());
    if (!isDirectory) {
      throw error;
    }
    await removeFolder(file);
  }
}

async function removeFolder(folder: string): Promise<void> {
  for (let round = 1; ; round += 1) {
    await removeChildren(folder);
    try {
      await removeDirectory(folder);
      return;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') {
        return;
      }
      if (errnoOf(error) !== 'ENOTEMPTY' || round >= maxRounds) {
        throw error;
      }
    }
  }
}

async function removeChildren(folder: string): Promise<void> {
  const children = await unlessGone(readDirectory(folder));
  const files: string[] = [];
  for (const child of children ?? []) {
    if (child.isDirectory()) {
      await removeFolder(`${folder}/${child.name}`);
    } else {
      files.push(`${folder}/${child.name}`);
    }
  }
  for (let at = 0; at < files.length; at += filesAtOnce) {
    await allDone(files.slice(at, at + filesAtOnce).map((file) => unlessGone(removeFile(file))));
  }
}

async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}
