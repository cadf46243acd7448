/**
 * The calls of node:fs that the driver needs, as promises. The callback API is used on purpose: one call costs about
 * 15 µs of CPU this way, while fs.promises and FileHandle cost twice that and more. Errors come through untranslated.
 */

import fs from 'node:fs';
import { fileError } from './file-error.ts';

type Done<T> = (error: NodeJS.ErrnoException | null, value: T) => void;

function call<T>(start: (done: Done<T>) => void): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    start((error, value) => {
      if (error) {
        reject(error);
      } else {
        resolve(value);
      }
    });
  });
}

const { constants } = fs;

export const openFlags: Readonly<
  Record<'read' | 'createNew' | 'createOrTruncate' | 'createOrKeep' | 'write', number>
> = {
  read: constants.O_RDONLY,
  createNew: constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL,
  createOrTruncate: constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC,
  createOrKeep: constants.O_WRONLY | constants.O_CREAT,
  write: constants.O_WRONLY,
};

export function openFile(file: string, flags: number): Promise<number> {
  return call<number>((done) => fs.open(file, flags, 0o666, done));
}

/**
 * Closes at once, without a thread-pool hop: nothing is left to flush (files are synced before, or were only read),
 * so it takes 2 µs and cannot queue behind the syncs of others.
 */
export function closeFile(fd: number): void {
  fs.closeSync(fd);
}

/**
 * Closes a file whose bytes were not synced, after a failure or to drop it. Takes a hop: NFS writes the rest out on
 * close, which may last. What close says no longer matters to anyone.
 */
export function closeUnsynced(fd: number): Promise<void> {
  return new Promise<void>((done) => fs.close(fd, () => done()));
}

/**
 * Opens a directory that was used an instant ago, for syncing it. Without a thread-pool hop, as `closeFile`: the kernel
 * has it in memory, so this takes 3 µs and waits for no disk, and a commit syncs several.
 */
export function openDirectory(directory: string): number {
  return fs.openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
}

/** Bytes read, 0 at the end; may be fewer than asked. */
export function readAt(
  fd: number,
  buffer: Uint8Array,
  length: number,
  position: number,
): Promise<number> {
  return call<number>((done) => fs.read(fd, buffer, 0, length, position, done));
}

/** Writes all of `bytes` at `position`, however short the single writes come out. */
export async function writeAllAt(fd: number, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const from = written;
    const count = await call<number>((done) =>
      fs.write(fd, bytes, from, bytes.length - from, position + from, done),
    );
    if (count === 0) {
      throw fileError('EIO', 'write');
    }
    written += count;
  }
}

export function syncData(fd: number): Promise<void> {
  return call<void>((done) => fs.fdatasync(fd, done as fs.NoParamCallback));
}

export function syncAll(fd: number): Promise<void> {
  return call<void>((done) => fs.fsync(fd, done as fs.NoParamCallback));
}

export function truncateTo(fd: number, sizeBytes: number): Promise<void> {
  return call<void>((done) => fs.ftruncate(fd, sizeBytes, done as fs.NoParamCallback));
}

export function renameFile(from: string, to: string): Promise<void> {
  return call<void>((done) => fs.rename(from, to, done as fs.NoParamCallback));
}

export function removeFile(file: string): Promise<void> {
  return call<void>((done) => fs.unlink(file, done as fs.NoParamCallback));
}

export function copyToNew(from: string, to: string): Promise<void> {
  return call<void>((done) =>
    fs.copyFile(from, to, fs.constants.COPYFILE_EXCL, done as fs.NoParamCallback),
  );
}

export function makeDirectory(directory: string): Promise<void> {
  return call<void>((done) => fs.mkdir(directory, 0o777, done as fs.NoParamCallback));
}

export function removeDirectory(directory: string): Promise<void> {
  return call<void>((done) => fs.rmdir(directory, done as fs.NoParamCallback));
}

export function readDirectory(directory: string): Promise<fs.Dirent[]> {
  return call<fs.Dirent[]>((done) => fs.readdir(directory, { withFileTypes: true }, done));
}

export function statFile(file: string): Promise<fs.Stats> {
  return call<fs.Stats>((done) => fs.stat(file, done));
}

export function statOpened(fd: number): Promise<fs.Stats> {
  return call<fs.Stats>((done) => fs.fstat(fd, done));
}
