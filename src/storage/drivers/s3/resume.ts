/**
 * Finds out where an unfinished upload stands, so that writer.ts can go on: from our own state object, else from a
 * multipart upload that Distribution began, else from an object that is there already.
 */

import { PathNotFoundError } from '../../driver.ts';
import { copyParts, copyRanges } from './copy.ts';
import { findUpload, listParts } from './multipart-list.ts';
import type { ObjectStore } from './object-store.ts';
import { driverName, minPartBytes } from './settings.ts';
import {
  partsBytes,
  type StoredUpload,
  type UploadedPart,
  type UploadStates,
} from './upload-state.ts';

/** Where a writer begins. */
export interface UploadStart extends StoredUpload {
  /** A state object exists and must go when the upload ends. */
  readonly hasStoredState: boolean;
  /** What it says is what this start says, so an unchanged upload need not save it again. */
  readonly isSaved: boolean;
  /** The bytes so far also lie there as an object, which must go with a cancelled upload. */
  readonly hasObject: boolean;
}

export function freshStart(store: ObjectStore): UploadStart {
  return {
    chunkBytes: store.settings.chunkBytes,
    parts: [],
    tail: Buffer.alloc(0),
    hasStoredState: false,
    isSaved: false,
    hasObject: false,
  };
}

/** @throws PathNotFoundError when nothing was begun at the key */
export async function resumeUpload(
  store: ObjectStore,
  states: UploadStates,
  key: string,
  path: string,
): Promise<UploadStart> {
  const stored = await states.load(key);
  if (stored !== undefined) {
    return { ...freshStart(store), ...stored, hasStoredState: true, isSaved: true };
  }
  const upload = await findUpload(store, key);
  if (upload !== undefined) {
    const parts = await listParts(store, upload);
    const chunkBytes = commonPartBytes(parts, store.settings.chunkBytes);
    if (chunkBytes !== undefined) {
      return { ...freshStart(store), uploadId: upload.uploadId, chunkBytes, parts };
    }
    // A short part cannot be followed by another, and its bytes cannot be read back: finish, then cut anew.
    await store.completeUpload(key, upload.uploadId, parts);
    return recut(store, states, key, partsBytes(parts));
  }
  const facts = await store.tryHead(key);
  if (facts === undefined) {
    throw new PathNotFoundError(driverName, path);
  }
  return recut(store, states, key, facts.sizeBytes);
}

/** Bytes an upload holds so far, or `undefined` when none was begun and no object is there. */
export async function uploadSize(
  store: ObjectStore,
  states: UploadStates,
  key: string,
): Promise<number | undefined> {
  const state = await states.peek(key);
  if (state !== undefined) {
    return state.sizeBytes;
  }
  const upload = await findUpload(store, key);
  if (upload !== undefined) {
    return partsBytes(await listParts(store, upload));
  }
  return (await store.tryHead(key))?.sizeBytes;
}

/** The size that all parts share, when further parts may follow them within the configured memory. */
function commonPartBytes(parts: readonly UploadedPart[], chunkBytes: number): number | undefined {
  const [first] = parts;
  if (first === undefined) {
    return chunkBytes;
  }
  const isUniform = parts.every(
    (part, index) => part.sizeBytes === first.sizeBytes && part.number === index + 1,
  );
  return isUniform && first.sizeBytes >= minPartBytes && first.sizeBytes <= chunkBytes
    ? first.sizeBytes
    : undefined;
}

/** Makes a new upload out of an object's bytes: whole chunks by server-side copy, the rest read back as the tail. */
async function recut(
  store: ObjectStore,
  states: UploadStates,
  key: string,
  sizeBytes: number,
): Promise<UploadStart> {
  const { chunkBytes } = store.settings;
  if (sizeBytes <= chunkBytes) {
    const tail = sizeBytes === 0 ? Buffer.alloc(0) : await store.tryGet(key);
    return { ...freshStart(store), tail: tail ?? Buffer.alloc(0), hasObject: true };
  }
  const copiedBytes = Math.floor(sizeBytes / chunkBytes) * chunkBytes;
  const uploadId = await store.createUpload(key);
  try {
    const ranges = copyRanges(copiedBytes, chunkBytes);
    const parts = await copyParts(store, key, key, uploadId, ranges);
    const tail = (await store.tryGet(key, `bytes=${copiedBytes}-`)) ?? Buffer.alloc(0);
    const state = { uploadId, chunkBytes, parts };
    const etag = await states.save(key, state, tail, 'none');
    return {
      ...state,
      ...(etag !== undefined && { etag }),
      tail,
      hasStoredState: true,
      isSaved: true,
      hasObject: true,
    };
  } catch (error) {
    // The object still holds every byte, so the next try starts from it.
    await store.abortUpload(key, uploadId).catch(() => undefined);
    throw error;
  }
}
