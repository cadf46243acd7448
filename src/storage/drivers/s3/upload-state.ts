/**
 * What must outlive a request of an unfinished upload, kept in one object beside its path: the multipart upload's id,
 * its parts, and the tail that is still too short to be a part. One object, so that parts and tail never disagree.
 *
 *   <path>.s3upload:  header line (JSON, \n) | part list (JSON) | tail bytes
 *
 * A stale or forgetful ListMultipartUploads therefore does no harm. Distribution does not see the tail: continuing such
 * a session there ends in its 416, and the client starts over.
 */

import { stateSuffix } from './keys.ts';
import type { ObjectStore } from './object-store.ts';

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
}

interface Header {
  readonly version: 1;
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

/** How many keys `mayExist` remembers. */
const rememberedKeys = 10_000;

export class UploadStates {
  readonly #store: ObjectStore;
  /** Keys whose state this instance saved and did not remove: cheap knowledge, never relied on for correctness. */
  readonly #saved = new Set<string>();

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** Whether a new upload at the key may find the state of an earlier one. Session ids are never used twice. */
  mayExist(key: string): boolean {
    return this.#saved.has(key);
  }

  async save(key: string, state: UploadState, tail: Uint8Array): Promise<void> {
    const list = Buffer.from(
      JSON.stringify(state.parts.map((part) => [part.number, part.etag, part.sizeBytes])),
    );
    const header: Header = {
      version: 1,
      sizeBytes: partsBytes(state.parts) + tail.byteLength,
      ...(state.uploadId !== undefined && { uploadId: state.uploadId }),
      chunkBytes: state.chunkBytes,
      partListBytes: list.byteLength,
    };
    const line = Buffer.from(`${JSON.stringify(header)}\n`);
    await this.#store.put(key + stateSuffix, Buffer.concat([line, list, tail]));
    this.#remember(key);
  }

  /** The whole state, or `undefined` when there is none. */
  async load(key: string): Promise<StoredUpload | undefined> {
    const bytes = await this.#store.tryGet(key + stateSuffix);
    if (bytes === undefined) {
      return undefined;
    }
    const { header, endOffset } = parseHeader(bytes, key);
    const tailOffset = endOffset + header.partListBytes;
    const list = JSON.parse(bytes.toString('utf8', endOffset, tailOffset)) as [
      number,
      string,
      number,
    ][];
    return {
      ...(header.uploadId !== undefined && { uploadId: header.uploadId }),
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
