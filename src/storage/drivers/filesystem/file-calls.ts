/**
 * The calls of node:fs that the driver needs, as promises. Errors come through untranslated.
 *
 * On the main thread every call goes through libuv's thread pool, by the callback API: about 15 µs of CPU each, while
 * fs.promises and FileHandle cost twice that and more; all but small writes into memory, which wait for nothing. A worker
 * thread may wait for a disk, so there the short calls are made directly, at 2 to 5 µs each; only what waits for the disk
 * as a matter of course (syncs) or moves many bytes stays asynchronous, so that many of them run side by side.
 *
 * Those named `…Now` are direct on any thread and give back no promise, for commits (apply.ts): they run on the storage
 * thread, or in a command that has nothing else to do.
 */

import fs from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { errnoOf, fileError } from './file-error.ts';
import { MemoryDevices } from './memory-devices.ts';

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

/** Runs a short call here and now; a worker's thread is free to wait for it. */
function direct<T>(work: () => T): Promise<T> {
  try {
    return Promise.resolve(work());
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Writes of up to so many bytes are copied into the page cache at once, faster than they are handed to another thread. */
const directWriteBytes = 256 * 1024;

const { constants } = fs;

export const openFlags: Readonly<
  Record<'read' | 'createNew' | 'createOrTruncate' | 'createOrAppend' | 'write', number>
> = {
  read: constants.O_RDONLY,
  createNew: constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL,
  createOrTruncate: constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC,
  /** Whatever position a write names, its bytes go to the end. */
  createOrAppend: constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND,
  write: constants.O_WRONLY,
};

const fileMode = 0o666;
const directoryMode = 0o777;

export function openNow(file: string, flags: number): number {
  return fs.openSync(file, flags, fileMode);
}

export function openFile(file: string, flags: number): Promise<number> {
  if (!isMainThread) {
    return direct(() => openNow(file, flags));
  }
  return call<number>((done) => fs.open(file, flags, fileMode, done));
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

/** Closes a file that was written and not synced: NFS writes the rest out now, and says what became of it. */
export function closeWritten(fd: number): Promise<void> {
  return call<void>((done) => fs.close(fd, done as fs.NoParamCallback));
}

/**
 * Opens a directory that was used an instant ago, for syncing it. Without a thread-pool hop, as `closeFile`: the kernel
 * has it in memory, so this takes 3 µs and waits for no disk, and a commit syncs several.
 */
export function openDirectory(directory: string): number {
  return fs.openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
}

/** Where an open file is now, however it was renamed since; `undefined` when it was removed, or nobody can tell. */
export function pathOfOpen(fd: number): string | undefined {
  try {
    const file = fs.readlinkSync(`/proc/self/fd/${fd}`);
    const { dev, ino } = fs.fstatSync(fd);
    const there = fs.statSync(file);
    return there.dev === dev && there.ino === ino ? file : undefined;
  } catch {
    return undefined;
  }
}

/** A file opened for writes at its end. */
export interface AppendedFile {
  readonly fd: number;
  readonly dev: number;
  readonly ino: number;
}

/**
 * Opens a file that was written a moment ago: as `openDirectory`, without a hop.
 *
 * @param syncs  What is written is durable when the write returns.
 */
export function openToAppend(file: string, syncs: boolean): AppendedFile {
  const flags = constants.O_WRONLY | constants.O_APPEND | (syncs ? constants.O_DSYNC : 0);
  const fd = fs.openSync(file, flags);
  try {
    const { dev, ino } = fs.fstatSync(fd);
    return { fd, dev, ino };
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

/** Bytes read, 0 at the end; may be fewer than asked. */
export function readAt(
  fd: number,
  buffer: Uint8Array,
  length: number,
  position: number,
): Promise<number> {
  if (!isMainThread) {
    return direct(() => fs.readSync(fd, buffer, 0, length, position));
  }
  return call<number>((done) => fs.read(fd, buffer, 0, length, position, done));
}

/**
 * Writes all of `bytes` at `position`, however short the single writes come out.
 *
 * @param dev  The file's device, if the caller knows it: saves asking for it.
 */
export async function writeAllAt(
  fd: number,
  bytes: Uint8Array,
  position: number,
  dev?: number,
): Promise<void> {
  if (bytes.length <= directWriteBytes && (!isMainThread || isInMemory(fd, dev))) {
    writeAllNow(fd, bytes, position);
    return;
  }
  let written = 0;
  while (written < bytes.length) {
    const from = written;
    written += wrote(
      await call<number>((done) =>
        fs.write(fd, bytes, from, bytes.length - from, position + from, done),
      ),
    );
  }
}

/** As `writeAllAt`; a worker does it itself, however many bytes they are. */
export function writeAllHere(fd: number, bytes: Uint8Array, position: number): Promise<void> {
  return isMainThread
    ? writeAllAt(fd, bytes, position)
    : direct(() => writeAllNow(fd, bytes, position));
}

/** As `writeAllAt`. */
export function writeAllNow(fd: number, bytes: Uint8Array, position: number): void {
  let written = 0;
  while (written < bytes.length) {
    written += wrote(fs.writeSync(fd, bytes, written, bytes.length - written, position + written));
  }
}

function wrote(count: number): number {
  if (count === 0) {
    throw fileError('EIO', 'write');
  }
  return count;
}

/** Of this thread's drivers. */
const memoryDevices = new MemoryDevices();

/** Tells of a root directory: what lies in memory is not synced. */
export function noteRoot(directory: string): void {
  memoryDevices.add(directory);
}

function isInMemory(fd: number, dev?: number): boolean {
  return !memoryDevices.isEmpty && memoryDevices.has(dev ?? fs.fstatSync(fd).dev);
}

/** The device of a directory that is there, if a sync in it does nothing. */
export function memoryDeviceOf(directory: string): number | undefined {
  if (memoryDevices.isEmpty) {
    return undefined;
  }
  try {
    const { dev } = fs.statSync(directory);
    return memoryDevices.has(dev) ? dev : undefined;
  } catch {
    // Whoever goes there meets the same fault.
    return undefined;
  }
}

/** Whether what `memoryDeviceOf` told some time ago still holds. */
export function isMemoryDevice(dev: number): boolean {
  return memoryDevices.has(dev);
}

export function syncData(fd: number): Promise<void> {
  if (isInMemory(fd)) {
    return Promise.resolve();
  }
  return call<void>((done) => fs.fdatasync(fd, done as fs.NoParamCallback));
}

export function syncAll(fd: number, done: (error: unknown) => void): void {
  if (isInMemory(fd)) {
    done(null);
  } else {
    fs.fsync(fd, done);
  }
}

export function truncateTo(fd: number, sizeBytes: number): Promise<void> {
  if (!isMainThread) {
    return direct(() => fs.ftruncateSync(fd, sizeBytes));
  }
  return call<void>((done) => fs.ftruncate(fd, sizeBytes, done as fs.NoParamCallback));
}

export function renameNow(from: string, to: string): void {
  fs.renameSync(from, to);
}

export function removeNow(file: string): void {
  fs.unlinkSync(file);
}

export function removeFile(file: string): Promise<void> {
  if (!isMainThread) {
    return direct(() => fs.unlinkSync(file));
  }
  return call<void>((done) => fs.unlink(file, done as fs.NoParamCallback));
}

export function copyToNew(from: string, to: string): Promise<void> {
  return call<void>((done) =>
    fs.copyFile(from, to, fs.constants.COPYFILE_EXCL, done as fs.NoParamCallback),
  );
}

export function makeDirectoryNow(directory: string): void {
  fs.mkdirSync(directory, directoryMode);
}

export function removeDirectoryNow(directory: string): void {
  fs.rmdirSync(directory);
}

export function removeDirectory(directory: string): Promise<void> {
  if (!isMainThread) {
    return direct(() => fs.rmdirSync(directory));
  }
  return call<void>((done) => fs.rmdir(directory, done as fs.NoParamCallback));
}

export function readDirectory(directory: string): Promise<fs.Dirent[]> {
  if (!isMainThread) {
    return direct(() => fs.readdirSync(directory, { withFileTypes: true }));
  }
  return call<fs.Dirent[]>((done) => fs.readdir(directory, { withFileTypes: true }, done));
}

export function statFile(file: string): Promise<fs.Stats> {
  if (!isMainThread) {
    return direct(() => fs.statSync(file));
  }
  return call<fs.Stats>((done) => fs.stat(file, done));
}

/** `undefined`: there is nothing, or nothing can be there since a parent is a file. */
export function statNow(file: string): fs.Stats | undefined {
  try {
    return fs.statSync(file, { throwIfNoEntry: false });
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR') {
      return undefined;
    }
    throw error;
  }
}

export function statOpened(fd: number): Promise<fs.Stats> {
  if (!isMainThread) {
    return direct(() => fs.fstatSync(fd));
  }
  return call<fs.Stats>((done) => fs.fstat(fd, done));
}
