/**
 * The contract of a storage driver: bytes at paths, nothing of blobs or manifests.
 * Implemented by drivers/*, wrapped by wrap/*, used by the other files of this room.
 */

import type { ByteSource } from '../bytes.ts';
import { CodedError } from '../errors.ts';

/** Facts about a file or a directory. Directories on object stores are inferred and have no time (0). */
export interface FileFacts {
  readonly isDirectory: boolean;
  /** 0 for directories. */
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
}

/** See drivers/filesystem/open-uploads.ts. */
export interface OpenUploads {
  /**
   * Appends `bytes` to the upload at `path`, durable on return.
   * @returns false, with nothing written, when that takes `openWriter`
   * @throws driver errors, with the upload as it was
   */
  append(path: string, offset: number, bytes: Uint8Array): Promise<boolean>;
  /** What is at `path`, or in the folder there, takes no more bytes. */
  forget(path: string): void;
}

/** See drivers/filesystem/glances.ts. A path that it knows nothing of is the driver's to answer. */
export interface Glances {
  content(path: string): Buffer | undefined;
  look(path: string): { readonly facts: FileFacts | undefined } | undefined;
  isMissing(path: string): boolean;
  keep(path: string, content: Buffer, mark: FileMark): void;
  saw(path: string): void;
  wrote(path: string): void;
  changed(): void;
  readonly listNow: ListNow;
}

/**
 * The whole list of a directory, if it can be told here and now: it was listed before and has not changed since.
 * `undefined`: ask `list`. Holds no name that a path could not have.
 *
 * @param sinceMs  By `performance.now()`: the list is as it was then or later, so that requests which run side by side
 *                 can share a look; when left out, as it is now. What was asked before a change may be told what was
 *                 before it, what was asked afterwards may not.
 */
export type ListNow = (path: string, sinceMs?: number) => readonly ListEntry[] | undefined;

/** Tells a file's content from what it may be changed to later. Structured-clone-safe. */
export interface FileMark {
  readonly dev: number;
  readonly ino: number;
  readonly ctimeMs: number;
  readonly mtimeMs: number;
  readonly sizeBytes: number;
}

export interface ListEntry {
  /** One path component, not the full path. */
  readonly name: string;
  readonly isDirectory: boolean;
}

export interface ListOptions {
  /** Only names that sort (in byte order) after this one. */
  readonly after?: string;
  /** At most so many entries; fewer means the end was reached. */
  readonly limit?: number;
}

/** One step of `apply`. */
export type WriteStep =
  | {
      readonly kind: 'put';
      readonly path: string;
      readonly content: Uint8Array | string;
      /** False: a power cut may undo it, as with `put`; it is still seen whole or not at all. */
      readonly durable?: boolean;
      /** The folder alone shows in listings (a tag): it is made as late as can be, for a crash leaves it. */
      readonly showsFolder?: boolean;
    }
  /** Replaces `to`. With `keepExisting`, an existing `to` stays and `from` is left alone. */
  | {
      readonly kind: 'move';
      readonly from: string;
      readonly to: string;
      readonly keepExisting?: boolean;
    }
  /**
   * Makes what is left of a folder, once all else is durable, a folder of another name that is free. Itself not durable
   * until the next durable write below it, and not done at all where it fails. Only where `abilities.renamesFolders`,
   * one in a call.
   */
  | {
      readonly kind: 'recycle';
      readonly from: string;
      readonly to: string;
      /** Names of all files that are left in it. */
      readonly holds: readonly string[];
    };

export interface DriverAbilities {
  /** Worker threads may make their own instance from (name, parameters) and see the same files. */
  readonly sharedAcrossThreads: boolean;
  /** Smallest part a chunked upload may send but for its last (`OCI-Chunk-Min-Length`); 0 when there is none. */
  readonly minChunkBytes: number;
  /** A reader may see a file that is still being written (filesystem: the upload's own data file). */
  readonly readsUncommitted: boolean;
  /** `redirectUrl` may give an URL. */
  readonly redirects: boolean;
  /** Renaming a folder is one cheap step. */
  readonly renamesFolders: boolean;
}

export interface PurgeOptions {
  readonly dryRun?: boolean;
}

/**
 * A kind of storage.
 *
 * Paths: `/` then components of `[A-Za-z0-9._-]+` joined by `/`, none of them `.` or `..` (wrap/checked.ts refuses
 * others before a driver is called). Every method may be called concurrently. Drivers do not retry unless their
 * service demands it; each error says whether it is `retryable`.
 */
export interface StorageDriver {
  /** `filesystem`, `inmemory`, `s3aws`, … as Distribution prints it in errors, logs and metrics. */
  readonly name: string;
  readonly abilities: DriverAbilities;

  /** The whole of a small file. @throws PathNotFoundError */
  get(path: string): Promise<Buffer>;

  /** What can be told of files used a moment ago without a wait. Only on the main thread, over local disks. */
  readonly glances?: Glances;

  /** Short ways to append to uploads. Only where glances are. */
  readonly openUploads?: OpenUploads;

  /**
   * As `get`, with a mark by which the reader can tell that the file has not changed since; none when it changed so
   * lately that a second change might look the same. Only where files have such marks.
   */
  getMarked?(path: string): Promise<{ readonly content: Buffer; readonly mark?: FileMark }>;

  /**
   * Creates or replaces a whole file and its parents: readers see the old or the new content, never a mix; durable on
   * return. With `durable: false` a power cut may undo it until the next durable write below the same directory: for
   * what nobody was promised yet (an upload session without bytes).
   */
  put(path: string, content: Uint8Array | string, options?: Durability): Promise<void>;

  /**
   * Applies steps so that each becomes visible only after those before it; all are durable on return.
   * Not atomic: a failure or crash leaves a prefix (a driver may lose order across a power cut, see DESIGN 3).
   * Puts and moves of one call should share their syncs.
   */
  apply(steps: readonly WriteStep[]): Promise<void>;

  /**
   * A stream from `offset` (default 0) to the end, or to `endOffset` (exclusive).
   * At or past the end: an empty stream. Aborting frees the handle at once.
   * @throws PathNotFoundError
   */
  open(
    path: string,
    options?: { offset?: number; endOffset?: number; signal?: AbortSignal },
  ): Promise<ByteSource>;

  /** Facts, or `undefined` when nothing is there. The signal ends the call where a call can be taken back. */
  stat(path: string, options?: { signal?: AbortSignal }): Promise<FileFacts | undefined>;

  /** Direct children in byte order of their names, or `undefined` when there is no such directory. `/` always exists. */
  list(path: string, options?: ListOptions): Promise<readonly ListEntry[] | undefined>;

  /** Only above the wrapper that makes use of `glances` (listNowOf). */
  readonly listNow?: ListNow;

  /** Moves one file over `to`, creating parents. @throws PathNotFoundError for the source */
  move(from: string, to: string): Promise<void>;

  /**
   * Removes a file or a whole subtree; never siblings that share a prefix. With `durable: false` a power cut may bring
   * it back: for what is only tidied up.
   *
   * @throws PathNotFoundError when nothing is there
   */
  delete(path: string, options?: Durability): Promise<void>;

  /**
   * Starts (`append` false: what was there is dropped) or continues an upload at `path`.
   * @throws PathNotFoundError append to nothing (filesystem: to a missing directory)
   */
  openWriter(path: string, options: { append: boolean }): Promise<FileWriter>;

  /**
   * Starts a file that takes the place of `path` when it is committed; until then, and after `cancel` or `close`,
   * nothing of it can be seen and nothing has changed. Never continued, and several at one path do not disturb each
   * other. Only where that needs no copy at the end.
   */
  openReplacement?(path: string): Promise<FileWriter>;

  /** Bytes of an unfinished upload at `path`, or `undefined` when none was begun. Equals `stat` where uploads are plain files. */
  uploadSizeBytes(path: string): Promise<number | undefined>;

  /** An URL from which the client may fetch `path` itself, or `undefined` for "serve it yourself". */
  redirectUrl(path: string, request: RedirectRequest): Promise<string | undefined>;

  /**
   * Makes durable what the upload at `path` holds, whichever process wrote it. Only where a writer's `close` and
   * `openUploads` do not: such an upload must be synced before it is moved, and before anything is saved that tells of
   * its bytes. When the sync fails the upload is gone, with all beside it in its folder.
   *
   * @throws PathNotFoundError
   */
  syncUpload?(path: string): Promise<void>;

  /**
   * Removes leftovers of writers below `prefix` that no listing shows (S3 multipart uploads, temp files) older than the
   * time; with `dryRun` only counts them.
   */
  purgeUploads?(prefix: string, olderThanMs: number, options?: PurgeOptions): Promise<number>;

  /** Frees connections. Safe to call twice. */
  close(): Promise<void>;
}

/** Whether a change must outlive a power cut once its call returns; true unless said otherwise. */
export interface Durability {
  readonly durable?: boolean;
}

export interface RedirectRequest {
  readonly method: 'GET' | 'HEAD';
  /** Client address as X-Forwarded-For tells it (cloudfront filters by it). */
  readonly clientAddress: string;
}

/**
 * An upload being written by one writer. States: open -> closed | committed | cancelled; after that every call but
 * `cancel` throws TypeError.
 *
 *   open --write*--> open --close--> closed     (durable unless there is `syncUpload`; another process may append)
 *                         --commit-> committed  (durable, complete: may be moved, read)
 *                         --cancel-> cancelled  (bytes dropped)
 */
export interface FileWriter {
  /** Bytes accepted so far, earlier appends and buffered ones included. */
  readonly sizeBytes: number;
  /**
   * Resolves when `bytes` may be reused. At most one call in flight.
   * @throws PathNotFoundError, `DRIVER_UPLOAD_CONFLICT` when another process ended the upload, or wrote to it, meanwhile
   *   (plain files; elsewhere the end tells): `bytes` are not in it
   */
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
  /**
   * As `close`, with a small file of this name beside the upload's own, whatever was there; both durable. Absent where
   * uploads are no plain files, or are not synced when they are closed.
   */
  closeWith?(name: string, content: string): Promise<void>;
  commit(): Promise<void>;
  /**
   * Commit and move in one, where that is cheaper than `commit` and then `move` (object stores: no copy for what was
   * still in memory). Replaces what is at `path`. Absent where a move costs nothing.
   */
  commitTo?(path: string): Promise<void>;
  cancel(): Promise<void>;
}

/** Makes a driver from its own options section (already checked against the driver's schema). */
export type DriverFactory<Options> = (options: Options) => StorageDriver | Promise<StorageDriver>;

/** Something a driver could not do. `code` starts with `DRIVER_`; `retryable` says whether the same call may succeed later. */
export class DriverError extends CodedError {
  readonly driver: string;
  readonly retryable: boolean;

  constructor(
    driver: string,
    code: `DRIVER_${string}`,
    message: string,
    options: { retryable?: boolean; detail?: unknown; cause?: unknown } = {},
  ) {
    super(code, `${driver}: ${message}`, options);
    this.name = 'DriverError';
    this.driver = driver;
    this.retryable = options.retryable ?? false;
  }
}

export const DriverCode = {
  notFound: 'DRIVER_PATH_NOT_FOUND',
  invalidPath: 'DRIVER_INVALID_PATH',
  invalidOffset: 'DRIVER_INVALID_OFFSET',
  unsupported: 'DRIVER_UNSUPPORTED',
  /** Another process wrote to the same upload at the same time. */
  conflict: 'DRIVER_UPLOAD_CONFLICT',
  /** The service or disk does not answer, or asks to slow down. Retryable. Becomes 503. */
  unavailable: 'DRIVER_UNAVAILABLE',
  /** Disk or quota full. Becomes 507. */
  full: 'DRIVER_FULL',
  /** Anything else. Becomes 500. */
  failed: 'DRIVER_FAILED',
} as const;

export class PathNotFoundError extends DriverError {
  constructor(driver: string, path: string, cause?: unknown) {
    super(driver, DriverCode.notFound, `Path not found: ${path}`, {
      detail: { path },
      cause,
    });
  }
}

/** Of a driver, or of its glances. */
export function listNowOf({ glances, listNow }: StorageDriver): ListNow | undefined {
  return listNow ?? glances?.listNow;
}

/** `apply` for drivers that have nothing to share between steps. */
export async function applyInOrder(
  driver: Pick<StorageDriver, 'put' | 'move' | 'stat'>,
  steps: readonly WriteStep[],
): Promise<void> {
  for (const step of steps) {
    if (step.kind === 'put') {
      await driver.put(step.path, step.content);
    } else if (step.kind === 'recycle') {
      throw new TypeError('folders cannot be renamed here');
    } else if (!(step.keepExisting && (await driver.stat(step.to))?.isDirectory === false)) {
      await driver.move(step.from, step.to);
    }
  }
}
