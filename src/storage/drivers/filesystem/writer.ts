/**
 * Writes an upload in place, at the end of its file. Writing back starts early, while the body still arrives, so that
 * the last sync has little left to do (705 -> 900 MiB/s over four streams, DESIGN.md section 3).
 *
 *   |<---- durable ---->|<- being synced ->|<- not yet ->|
 *   0                                                    sizeBytes
 *
 * After a failed sync the kernel may have dropped the pages, so the file is cut back to what was durable before: a
 * session goes on from bytes that are really there. Where uploads are synced at their end alone (`syncsAtClose` false)
 * nobody knows what was, so then the upload goes (unsynced-uploads.ts).
 *
 * Other processes may write to the same upload, or make a blob of it, although its client should ask for one thing at a
 * time: one that gave up waiting asks another instance. So each write appends, whatever is there, and then looks whether
 * it was alone; what came too late is taken back (late-bytes.ts).
 */

import { dirname } from 'node:path';
import type { FileWriter } from '../../driver.ts';
import { allDone, type Directories } from './directories.ts';
import {
  closeFile,
  closeUnsynced,
  closeWritten,
  openFile,
  openFlags,
  openNow,
  removeFile,
  statNow,
  statOpened,
  syncData,
  truncateTo,
  writeAllAt,
  writeAllHere,
  writeAllNow,
} from './file-calls.ts';
import { errnoOf, fileError, toDriverError, uploadConflict } from './file-error.ts';
import { cutOwnTail, takeBackFromBlob } from './late-bytes.ts';
import { dropUpload } from './unsynced-uploads.ts';

const earlySyncBytes = 8 * 1024 * 1024;
/** After so long since it last looked, a writer looks whether the upload is still there before it writes. */
const lookAgainMs = 5;

/**
 * Of this thread. One stream alone is fastest when the page cache takes a piece in on another thread while it is hashed
 * here (a tenth in time); where there are several, the cores have work anyway, and handing pieces over costs some 8 %
 * more processor time.
 */
let openWriters = 0;

type State = 'open' | 'closed' | 'committed' | 'cancelled';

export interface WriterTarget {
  readonly file: string;
  /** The driver's name of it, for errors. */
  readonly path: string;
  /** False: `close` leaves that to the end of the upload. Writing back starts early all the same. */
  readonly syncsAtClose: boolean;
}

/** Opens `target` for writing; errno errors come through untranslated. Appending does not make directories. */
export async function openFileWriter(
  target: WriterTarget,
  directories: Directories,
  append: boolean,
): Promise<FileWriter> {
  if (!append) {
    const fd = directories.within(dirname(target.file), () =>
      openNow(target.file, openFlags.createOrTruncate),
    );
    return new FilesystemWriter(target, directories, fd, 0);
  }
  const fd = await openFile(target.file, openFlags.createOrAppend);
  try {
    return new FilesystemWriter(target, directories, fd, (await statOpened(fd)).size);
  } catch (error) {
    closeFile(fd);
    throw error;
  }
}

interface Companion {
  readonly file: string;
  readonly content: string;
}

function writeCompanion({ file, content }: Companion): number {
  const fd = openNow(file, openFlags.createOrTruncate);
  try {
    writeAllNow(fd, Buffer.from(content), 0);
    return fd;
  } catch (error) {
    closeFile(fd);
    throw error;
  }
}

async function syncAndClose(fd: number): Promise<void> {
  try {
    await syncData(fd);
  } catch (error) {
    await closeUnsynced(fd);
    throw error;
  }
  closeFile(fd);
}

class FilesystemWriter implements FileWriter {
  readonly #target: WriterTarget;
  readonly #directories: Directories;
  readonly #fd: number;
  /** Empty at the start, so perhaps made by us: its directory must be synced too. */
  readonly #isNew: boolean;
  #state: State = 'open';
  #sizeBytes: number;
  #durableBytes: number;
  #isFdClosed = false;
  /** What a failed write was to store: some of it may lie behind `sizeBytes`. */
  #tornTail: Uint8Array | undefined;
  /** Others wrote too, or ended the upload: what lies in the file is no longer this writer's to cut. */
  #isShared = false;
  #lookedAtMs = performance.now();
  #writing: Promise<void> | undefined;
  #earlySync: Promise<void> | undefined;
  #syncFailure: { readonly error: unknown } | undefined;
  /** A file to store beside the upload's own when it is closed. */
  #companion: Companion | undefined;
  readonly closeWith?: (name: string, content: string) => Promise<void>;

  constructor(target: WriterTarget, directories: Directories, fd: number, sizeBytes: number) {
    this.#target = target;
    this.#directories = directories;
    this.#fd = fd;
    this.#isNew = sizeBytes === 0;
    this.#sizeBytes = sizeBytes;
    this.#durableBytes = sizeBytes;
    openWriters += 1;
    if (target.syncsAtClose) {
      this.closeWith = (name, content): Promise<void> => {
        this.#companion = { file: `${dirname(target.file)}/${name}`, content };
        return this.#finish('closed');
      };
    }
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#assertOpen();
    if (this.#writing !== undefined) {
      throw new TypeError('overlapping writes to one upload');
    }
    this.#throwSyncFailure();
    if (performance.now() - this.#lookedAtMs > lookAgainMs) {
      this.#look();
    }
    this.#writing = this.#append(bytes);
    try {
      await this.#writing;
    } catch (error) {
      throw toDriverError(error, this.#target.path);
    } finally {
      this.#writing = undefined;
    }
    this.#sizeBytes += bytes.length;
    if (
      this.#earlySync === undefined &&
      this.#sizeBytes - this.#durableBytes >= earlySyncBytes &&
      this.#state === 'open'
    ) {
      this.#startEarlySync();
    }
  }

  close(): Promise<void> {
    return this.#finish('closed');
  }

  commit(): Promise<void> {
    return this.#finish('committed');
  }

  async cancel(): Promise<void> {
    if (this.#state !== 'open') {
      return;
    }
    this.#leave('cancelled');
    await this.#settle();
    await closeUnsynced(this.#fd);
    try {
      await removeFile(this.#target.file);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') {
        throw toDriverError(error, this.#target.path);
      }
    }
  }

  async #finish(state: 'closed' | 'committed'): Promise<void> {
    this.#assertOpen();
    this.#leave(state);
    try {
      await this.#settle();
      this.#throwSyncFailure();
      if (state === 'committed' || this.#target.syncsAtClose) {
        await this.#syncRest();
      } else {
        await this.#closeUnsynced();
        return;
      }
    } catch (error) {
      await this.#giveUp();
      throw toDriverError(error, this.#target.path);
    }
    closeFile(this.#fd);
  }

  async #closeUnsynced(): Promise<void> {
    await this.#cutTornTail();
    this.#isFdClosed = true;
    await closeWritten(this.#fd);
  }

  /** Leaves nothing of which it is not known that it is there. */
  async #giveUp(): Promise<void> {
    if (this.#companion !== undefined) {
      await removeFile(this.#companion.file).catch(() => {
        // Not written, or the disk is failing. Nobody was told of it, and it goes with the session.
      });
    }
    if (this.#target.syncsAtClose) {
      await this.#cutToDurable().catch(() => {
        // The disk is failing; the digest check before any commit still stands between the file and a blob.
      });
    } else {
      await dropUpload(this.#target.file);
    }
    if (!this.#isFdClosed) {
      await closeUnsynced(this.#fd);
    }
  }

  async #syncRest(): Promise<void> {
    const isCut = await this.#cutTornTail();
    if (this.#isNew || this.#companion !== undefined) {
      const companion = this.#companion && writeCompanion(this.#companion);
      await allDone([
        syncData(this.#fd),
        this.#directories.sync([dirname(this.#target.file)]),
        ...(companion === undefined ? [] : [syncAndClose(companion)]),
      ]);
    } else if (isCut || this.#sizeBytes > this.#durableBytes) {
      await syncData(this.#fd);
    }
    this.#durableBytes = this.#sizeBytes;
  }

  async #append(bytes: Uint8Array): Promise<void> {
    try {
      await (openWriters > 1
        ? writeAllHere(this.#fd, bytes, this.#sizeBytes)
        : writeAllAt(this.#fd, bytes, this.#sizeBytes));
    } catch (error) {
      this.#tornTail = Buffer.from(bytes);
      throw error;
    }
    await this.#assertAlone(bytes);
  }

  /** Size of what is at the upload's path. @throws PathNotFoundError when another process has ended it */
  #look(): number {
    try {
      const facts = statNow(this.#target.file);
      this.#lookedAtMs = performance.now();
      if (facts === undefined) {
        this.#isShared = true;
        throw fileError('ENOENT', 'write');
      }
      return facts.size;
    } catch (error) {
      throw toDriverError(error, this.#target.path);
    }
  }

  /**
   * For bytes that were just written. A file that looks shorter than it is (network file systems) says nothing.
   *
   * @throws PathNotFoundError, `DRIVER_UPLOAD_CONFLICT`
   */
  async #assertAlone(bytes: Uint8Array): Promise<void> {
    let size: number;
    try {
      size = this.#look();
    } catch (error) {
      const held = (await statOpened(this.#fd)).size;
      await takeBackFromBlob(this.#fd, [this.#sizeBytes, held - bytes.length]);
      throw error;
    }
    if (size > this.#sizeBytes + bytes.length) {
      this.#isShared = true;
      await cutOwnTail(this.#fd, bytes, this.#sizeBytes, size);
      throw uploadConflict(this.#target.path);
    }
  }

  /** True: something was cut. */
  async #cutTornTail(): Promise<boolean> {
    const torn = this.#tornTail;
    if (torn === undefined) {
      return false;
    }
    this.#tornTail = undefined;
    const { size } = await statOpened(this.#fd);
    await (this.#isGone()
      ? takeBackFromBlob(this.#fd, [this.#sizeBytes])
      : cutOwnTail(this.#fd, torn, this.#sizeBytes, size));
    return true;
  }

  async #cutToDurable(): Promise<void> {
    await this.#cutTornTail();
    const { size } = await statOpened(this.#fd);
    if (!this.#isShared && !this.#isGone() && size === this.#sizeBytes) {
      await truncateTo(this.#fd, this.#durableBytes);
    }
  }

  #isGone(): boolean {
    try {
      return statNow(this.#target.file) === undefined;
    } catch {
      // The disk is failing: then nobody has moved it either.
      return false;
    }
  }

  #leave(state: Exclude<State, 'open'>): void {
    this.#state = state;
    openWriters -= 1;
  }

  #startEarlySync(): void {
    const upTo = this.#sizeBytes;
    this.#earlySync = syncData(this.#fd)
      .then(
        () => {
          this.#durableBytes = upTo;
        },
        (error: unknown) => {
          this.#syncFailure ??= { error };
        },
      )
      .finally(() => {
        this.#earlySync = undefined;
      });
  }

  /** Waits until no call uses the file handle, so that it may be closed. */
  async #settle(): Promise<void> {
    await this.#writing?.catch(() => {
      // Told to the caller of write().
    });
    await this.#earlySync;
  }

  #throwSyncFailure(): void {
    if (this.#syncFailure !== undefined) {
      throw toDriverError(this.#syncFailure.error, this.#target.path);
    }
  }

  #assertOpen(): void {
    if (this.#state !== 'open') {
      throw new TypeError(`already ${this.#state}`);
    }
  }
}
