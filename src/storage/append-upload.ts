/**
 * Writes a request's body to the end of an upload and hashes it on the way. The same function serves the main thread
 * (small bodies, drivers that threads cannot share) and the workers; it knows neither sockets nor sessions.
 */

import { setTimeout as delay } from 'node:timers/promises';
import type { ByteSource } from '../bytes.ts';
import { CodedError, hasCode } from '../errors.ts';
import type { SpentTimes } from '../observe/phases.ts';
import {
  algorithmOf,
  type Digest,
  type DigestAlgorithm,
  digestOf,
  encodedOf,
} from '../oci/digest.ts';
import type { FileWriter, StorageDriver } from './driver.ts';
import {
  createUploadHash,
  type Digests,
  type HashPlan,
  type LateDigests,
  nativeHash,
  type UploadHash,
} from './upload-hash.ts';

export interface AppendRequest {
  /** The upload's data file. */
  readonly path: string;
  /** Bytes that must already be there. */
  readonly offset: number;
  readonly hash: HashPlan;
  /**
   * Name of a file to store beside the upload's own, durable with it, whose content is the SHA-256 digest of all its
   * bytes: the link that its end will need, where the plan tells the digest and the driver can do it.
   */
  readonly linkName?: string;
}

export interface AppendOutcome {
  /** Bytes of the upload now, durable. */
  readonly sizeBytes: number;
  /** Digests of all those bytes, where the plan could know them. */
  readonly digests: Digests;
  /** In the place of `digests`, where these would cost something now. */
  readonly late?: LateDigests;
  /** SHA-256 state at `sizeBytes`, of a resumable plan. */
  readonly state?: Uint8Array;
  /** The file `linkName` was stored. */
  readonly hasLink?: boolean;
  readonly times: SpentTimes;
  /** Why the body ended early; what had arrived is kept. */
  readonly failure?: unknown;
}

/** A file to write in one go, whose digest is known beforehand. */
export interface PutRequest {
  readonly path: string;
  readonly digest: Digest;
}

export interface PutOutcome {
  readonly sizeBytes: number;
  /** False: the bytes were not those of the digest, and nothing has changed. */
  readonly isStored: boolean;
  readonly times: SpentTimes;
  /** Why the body ended early; then nothing was stored. */
  readonly failure?: unknown;
}

/** Thrown when the upload does not hold the bytes that the caller expected. `detail` is how many it holds. */
export function offsetMismatch(heldBytes: number): CodedError {
  return new CodedError('UPLOAD_OFFSET_MISMATCH', 'upload holds another number of bytes', {
    detail: heldBytes,
  });
}

/**
 * Appends `source` to the upload at `request.path`.
 *
 * A body that fails midway is not an error here: what arrived is kept and `failure` says why.
 *
 * @throws `UPLOAD_OFFSET_MISMATCH` with nothing written; driver errors when writing or syncing failed
 */
export async function appendUpload(
  driver: StorageDriver,
  request: AppendRequest,
  source: ByteSource,
): Promise<AppendOutcome> {
  const hash = await createUploadHash(request.hash, request);
  // Object stores keep nothing of a session without bytes, so there is nothing to append to.
  const append = request.offset > 0 || driver.abilities.readsUncommitted;
  const writer = await driver.openWriter(request.path, { append });
  let isOpen = true;
  try {
    if (writer.sizeBytes !== request.offset) {
      throw offsetMismatch(writer.sizeBytes);
    }
    const times = { hashMs: 0, storageMs: 0 };
    const failure = await pump(source, (bytes) => writeHashed(writer, hash, bytes, times));
    const closingAtMs = performance.now();
    const end = await closeHashed(writer, hash, request, failure === undefined);
    isOpen = false;
    times.storageMs += performance.now() - closingAtMs;
    return {
      sizeBytes: writer.sizeBytes,
      ...end,
      times,
      ...(failure === undefined ? {} : { failure }),
    };
  } finally {
    if (isOpen) {
      // The first error is the one to tell; a failing close of a failed writer adds nothing.
      await writer.close().catch(() => {});
    }
  }
}

/** Closes what a body was written to, with its link where that can be told; gives what the hash tells. */
async function closeHashed(
  writer: FileWriter,
  hash: UploadHash,
  { hash: { kind }, linkName }: AppendRequest,
  isWhole: boolean,
): Promise<Pick<AppendOutcome, 'digests' | 'state' | 'hasLink'>> {
  if (isWhole && kind === 'native' && linkName !== undefined && writer.closeWith !== undefined) {
    const { digests } = hash.finish();
    if (digests.sha256 !== undefined) {
      await writer.closeWith(linkName, digestOf('sha256', digests.sha256));
      return { digests, hasLink: true };
    }
  }
  await writer.close();
  // Not before: one that is kept for the next chunk tells of what is stored.
  return hash.finish();
}

/**
 * Writes `source` in the place of `request.path`, on drivers that have `openReplacement`: it is there if it is what the
 * digest says, else nothing has changed.
 *
 * @throws driver errors, with nothing changed
 */
export async function putWhole(
  driver: StorageDriver,
  request: PutRequest,
  source: ByteSource,
): Promise<PutOutcome> {
  if (driver.openReplacement === undefined) {
    throw new TypeError(`${driver.name} cannot write files unseen`);
  }
  const algorithm = algorithmOf(request.digest);
  const hash = nativeHash([algorithm]);
  const writer = await driver.openReplacement(request.path);
  let isCommitted = false;
  try {
    const times = { hashMs: 0, storageMs: 0 };
    const failure = await pump(source, (bytes) => writeHashed(writer, hash, bytes, times));
    const { digests } = hash.finish();
    const isRight = failure === undefined && digests[algorithm] === encodedOf(request.digest);
    if (isRight) {
      const committingAtMs = performance.now();
      await writer.commit();
      isCommitted = true;
      times.storageMs += performance.now() - committingAtMs;
    }
    return {
      sizeBytes: writer.sizeBytes,
      isStored: isRight,
      times,
      ...(failure === undefined ? {} : { failure }),
    };
  } finally {
    if (!isCommitted) {
      // The first error is the one to tell; purging finds what a failing cancel leaves.
      await writer.cancel().catch(() => {});
    }
  }
}

/** Writes a piece and hashes it meanwhile; adds what each took to `times`. */
async function writeHashed(
  writer: FileWriter,
  hash: UploadHash,
  bytes: Uint8Array,
  times: { hashMs: number; storageMs: number },
): Promise<void> {
  const startedAtMs = performance.now();
  // Started first, so that the disk works while the hash does.
  const written = writer.write(bytes);
  const hashingAtMs = performance.now();
  try {
    hash.update(bytes);
  } finally {
    const hashedAtMs = performance.now();
    await written;
    times.hashMs += hashedAtMs - hashingAtMs;
    times.storageMs += hashingAtMs - startedAtMs + (performance.now() - hashedAtMs);
  }
}

/** Moves every piece to `sink`. Gives back the source's failure; throws the sink's. */
async function pump(
  source: ByteSource,
  sink: (bytes: Uint8Array) => Promise<void>,
): Promise<unknown> {
  for (;;) {
    let piece: Uint8Array | undefined;
    try {
      piece = await source.read();
    } catch (error) {
      return error ?? new Error('body failed');
    }
    if (piece === undefined) {
      return undefined;
    }
    await sink(piece);
  }
}

/** Completes the upload at `from` and moves it to `to`; in one step where the driver can. */
export async function publishUpload(
  driver: StorageDriver,
  from: string,
  to: string,
): Promise<void> {
  const writer = await driver.openWriter(from, { append: true });
  try {
    if (to !== from && writer.commitTo !== undefined) {
      await writer.commitTo(to);
      return;
    }
    await writer.commit();
  } catch (error) {
    // Keeps what the service acknowledged, so that the session can go on; the first error is the one to tell.
    await writer.close().catch(() => {});
    throw error;
  }
  if (to !== from) {
    await driver.move(from, to);
  }
}

/**
 * Reads a stored file once and digests it, no faster than `bytesPerSecond` where that is given.
 *
 * @throws PathNotFoundError and other driver errors
 */
export async function digestFile(
  driver: StorageDriver,
  path: string,
  algorithms: readonly DigestAlgorithm[],
  bytesPerSecond?: number,
): Promise<{ sizeBytes: number; digests: Digests }> {
  const hash = nativeHash(algorithms);
  const source = await driver.open(path);
  const startedAtMs = performance.now();
  let sizeBytes = 0;
  const failure = await pump(source, async (bytes) => {
    sizeBytes += bytes.length;
    hash.update(bytes);
    if (bytesPerSecond !== undefined) {
      await delay(startedAtMs + (sizeBytes / bytesPerSecond) * 1000 - performance.now());
    }
  });
  if (failure !== undefined) {
    throw failure;
  }
  return { sizeBytes, ...hash.finish() };
}

/** Bytes of an unfinished upload to hash further, from a saved state or from the start. */
export interface HashFurtherRequest {
  readonly path: string;
  /** SHA-256 state at `from`; none at 0. */
  readonly state?: Uint8Array;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

/**
 * The SHA-256 state at `request.to`, or `undefined` when the upload no longer holds so many bytes.
 *
 * @throws PathNotFoundError and other driver errors
 */
export async function hashFurther(
  driver: StorageDriver,
  { path, state, from, to }: HashFurtherRequest,
): Promise<Uint8Array | undefined> {
  const plan: HashPlan = { kind: 'resumable', ...(state === undefined ? {} : { state }) };
  const hash = await createUploadHash(plan, { path, offset: from });
  const source = await driver.open(path, { offset: from, endOffset: to });
  let sizeBytes = from;
  const failure = await pump(source, async (bytes) => {
    sizeBytes += bytes.length;
    hash.update(bytes);
  });
  if (failure !== undefined) {
    throw failure;
  }
  const end = hash.finish();
  return sizeBytes === to ? end.state : undefined;
}

/** True for `offsetMismatch`, whichever thread threw it. */
export function isOffsetMismatch(error: unknown): error is CodedError & { detail: number } {
  return hasCode(error, 'UPLOAD_OFFSET_MISMATCH');
}
