/**
 * What must outlive a request of an unfinished upload, kept in one object beside its path: the multipart upload's id,
 * its parts, and the tail that is still too short to be a part. One object, so that parts and tail never disagree.
 *
 *   <path>.s3upload:  header line (JSON, \n) | part list (JSON) | tail bytes
 *
 * A stale or forgetful ListMultipartUploads therefore does no harm. Distribution does not see the tail: continuing such
 * a session there ends in its 416, and the client starts over.
 *
 * Two instances may be asked for one upload at a time. Each puts a state only in the place of the one it went on from, so
 * that whoever comes second is told, and what is known of the first one's bytes (their digest) stays true of what is
 * stored. Services that do not know conditional puts have no such guard.
 */

import { randomUUID } from 'node:crypto';
import { DriverCode, DriverError } from '../../driver.ts';
import { isConditionFailed, isConditionUnknown } from './errors.ts';
import { stateSuffix } from './keys.ts';
import type { ObjectStore, PutCondition } from './object-store.ts';
import { driverName } from './settings.ts';

/** A part that S3 has acknowledged. */
export interface UploadedPart {
  readonly number: number;
  readonly etag: string;
  readonly sizeBytes: number;
}

export interface UploadState {
  /** Absent while everything still fits into the tail. */
  readonly uploadId?: string;
  /** Size of every part but the last; kept even when the `chunksize` option changes meanwhile. */
  readonly chunkBytes: number;
  /** 1, 2, 3, … without gaps. */
  readonly parts: readonly UploadedPart[];
}

export interface StoredUpload extends UploadState {
  readonly tail: Buffer;
  /** ETag of the state object; none without such an object, or where the service tells none. */
  readonly etag?: string;
}

interface Header {
  readonly version: 1;
  /** Tells this state from all others; absent from those of earlier versions. */
  readonly id?: string;
  readonly sizeBytes: number;
  readonly uploadId?: string;
  readonly chunkBytes: number;
  readonly partListBytes: number;
}

/** The header line with the longest upload ids seen (some hundred characters) fits many times. */
const headerLimitBytes = 8192;

export function partsBytes(parts: readonly UploadedPart[]): number {
  return parts.reduce((sum, part) => sum + part.sizeBytes, 0);
}

/** The state that a new one is put in the place of. */
export type StateBefore = 'none' | 'unknown' | { readonly etag: string };

/** How the service takes the conditions of a put: with the ETag's quotes, without them, or not at all. */
type Conditions = 'quoted' | 'bare' | 'none';

function conditionOf(before: StateBefore, conditions: Conditions): PutCondition {
  if (before === 'unknown' || conditions === 'none') {
    return {};
  }
  if (before === 'none') {
    return { IfNoneMatch: '*' };
  }
  const { etag } = before;
  return { IfMatch: conditions === 'bare' ? etag.replaceAll('"', '') : etag };
}

/** How many keys `mayExist` remembers. */
const rememberedKeys = 10_000;

export class UploadStates {
  readonly #store: ObjectStore;
  /** Keys whose state this instance saved and did not remove: cheap knowledge, never relied on for correctness. */
  readonly #saved = new Set<string>();
  #conditions: Conditions = 'quoted';

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** Whether a new upload at the key may find the state of an earlier one. Session ids are never used twice. */
  mayExist(key: string): boolean {
    return this.#saved.has(key);
  }

  /**
   * @param before  What the writer went on from: the state's ETag, or that there was none; `unknown` asks for nothing.
   * @returns the new state's ETag
   * @throws `DRIVER_UPLOAD_CONFLICT` when there is another one
   */
  async save(
    key: string,
    state: UploadState,
    tail: Uint8Array,
    before: StateBefore,
  ): Promise<string | undefined> {
    const list = Buffer.from(
      JSON.stringify(state.parts.map((part) => [part.number, part.etag, part.sizeBytes])),
    );
    const id = randomUUID();
    const header: Header = {
      version: 1,
      id,
      sizeBytes: partsBytes(state.parts) + tail.byteLength,
      ...(state.uploadId !== undefined && { uploadId: state.uploadId }),
      chunkBytes: state.chunkBytes,
      partListBytes: list.byteLength,
    };
    const line = Buffer.from(`${JSON.stringify(header)}\n`);
    const etag = await this.#put(key, Buffer.concat([line, list, tail]), before, id);
    this.#remember(key);
    return etag;
  }

  async #put(
    key: string,
    content: Uint8Array,
    before: StateBefore,
    id: string,
  ): Promise<string | undefined> {
    const conditions = this.#conditions;
    try {
      return await this.#store.put(key + stateSuffix, content, conditionOf(before, conditions));
    } catch (error) {
      if (isConditionUnknown(error) && conditions !== 'none' && before !== 'unknown') {
        this.#conditions = 'none';
        return this.#put(key, content, before, id);
      }
      if (!isConditionFailed(error)) {
        throw error;
      }
      return await this.#settle(key, content, before, id, conditions);
    }
  }

  /**
   * Another state is there, says the service. It may be our own one, if the answer to an earlier try was lost; one that
   * tells of no bytes; or the very one we asked for: Ceph compares ETags without their quotes.
   */
  async #settle(
    key: string,
    content: Uint8Array,
    before: StateBefore,
    id: string,
    conditions: Conditions,
  ): Promise<string | undefined> {
    const there = await this.#store.tryGetTagged(key + stateSuffix);
    const header = there && parseHeader(there.bytes, key).header;
    if (header?.id === id) {
      return there?.etag;
    }
    if (before === 'none' && header?.sizeBytes === 0 && there?.etag !== undefined) {
      return this.#put(key, content, { etag: there.etag }, id);
    }
    if (typeof before === 'object' && there?.etag === before.etag && conditions !== 'none') {
      this.#conditions = conditions === 'quoted' ? 'bare' : 'none';
      return this.#put(key, content, before, id);
    }
    throw new DriverError(driverName, DriverCode.conflict, `another writer was at ${key}`);
  }

  /** The whole state, or `undefined` when there is none. */
  async load(key: string): Promise<StoredUpload | undefined> {
    const there = await this.#store.tryGetTagged(key + stateSuffix);
    if (there === undefined) {
      return undefined;
    }
    const { bytes, etag } = there;
    const { header, endOffset } = parseHeader(bytes, key);
    const tailOffset = endOffset + header.partListBytes;
    const list = JSON.parse(bytes.toString('utf8', endOffset, tailOffset)) as [
      number,
      string,
      number,
    ][];
    return {
      ...(header.uploadId !== undefined && { uploadId: header.uploadId }),
      ...(etag !== undefined && { etag }),
      chunkBytes: header.chunkBytes,
      parts: list.map(([number, etag, sizeBytes]) => ({ number, etag, sizeBytes })),
      tail: bytes.subarray(tailOffset),
    };
  }

  /** Only the size and the id, without fetching the tail. */
  async peek(key: string): Promise<{ sizeBytes: number; uploadId?: string } | undefined> {
    const range = `bytes=0-${headerLimitBytes - 1}`;
    const bytes = await this.#store.tryGet(key + stateSuffix, range);
    return bytes && parseHeader(bytes, key).header;
  }

  /** Nothing there is no failure. */
  async remove(key: string): Promise<void> {
    await this.#store.deleteOne(key + stateSuffix);
    this.#saved.delete(key);
  }

  #remember(key: string): void {
    this.#saved.add(key);
    if (this.#saved.size > rememberedKeys) {
      for (const oldest of this.#saved) {
        this.#saved.delete(oldest);
        break;
      }
    }
  }
}

function parseHeader(bytes: Buffer, key: string): { header: Header; endOffset: number } {
  const newline = bytes.subarray(0, headerLimitBytes).indexOf(0x0a);
  const header =
    newline > 0 ? (JSON.parse(bytes.toString('utf8', 0, newline)) as Header) : undefined;
  if (header?.version !== 1) {
    throw new Error(`unreadable upload state ${key}${stateSuffix}`);
  }
  return { header, endOffset: newline + 1 };
}
