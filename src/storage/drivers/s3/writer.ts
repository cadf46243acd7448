/**
 * An upload being written: cuts the bytes into parts of exactly `chunkBytes`, keeps two of them on their way, and leaves
 * a state object behind when it is closed unfinished. What fits into one part becomes one PutObject.
 *
 *   write -> [buffer being filled] --full and more to come--> [part in flight] x2 -> parts 1..n
 *   close -> state object (parts + what is in the buffer as tail)
 *   commit -> last part + CompleteMultipartUpload, or PutObject when there are no parts
 *   commitTo -> the same PutObject at another key, or commit and a server-side copy
 */

import { hasCode } from '../../../errors.ts';
import { DriverCode, DriverError, type FileWriter, PathNotFoundError } from '../../driver.ts';
import { copyObject } from './copy.ts';
import { isUploadGone, toDriverError } from './errors.ts';
import type { Keys } from './keys.ts';
import type { ObjectStore } from './object-store.ts';
import type { PartBuffers } from './part-buffers.ts';
import type { UploadStart } from './resume.ts';
import { driverName, maxParts } from './settings.ts';
import type { StateBefore, UploadedPart, UploadStates } from './upload-state.ts';

/** With the buffer being filled, a writer so holds three parts at most. */
const partsInFlight = 2;

/** What all writers of a driver share. */
export interface WriterTools {
  readonly store: ObjectStore;
  readonly states: UploadStates;
  readonly buffers: PartBuffers;
  readonly keys: Keys;
}

type WriterState = 'open' | 'closed' | 'committed' | 'cancelled';

function stateBefore({ etag, hasStoredState }: UploadStart): StateBefore {
  if (etag !== undefined) {
    return { etag };
  }
  return hasStoredState ? 'unknown' : 'none';
}

export class MultipartWriter implements FileWriter {
  readonly #store: ObjectStore;
  readonly #states: UploadStates;
  readonly #buffers: PartBuffers;
  readonly #keys: Keys;
  readonly #key: string;
  readonly #path: string;
  readonly #chunkBytes: number;
  readonly #parts: UploadedPart[];
  readonly #inFlight = new Set<Promise<void>>();
  #uploadId: string | undefined;
  /** Begun by this writer: nobody else knows of it before a state tells. */
  #isUploadOwn = false;
  #hasStoredState: boolean;
  #stateBefore: StateBefore;
  readonly #hasObject: boolean;
  #buffer: Buffer | undefined;
  #filledBytes = 0;
  /** Parts acknowledged or on their way. */
  #startedParts: number;
  #isChanged: boolean;
  #failure: unknown;
  #isFailureTold = false;
  /** The parts have become an object at the upload's key. */
  #isComplete = false;
  /** S3 knows the upload no more: nothing to resume. */
  #isLost = false;
  #state: WriterState = 'open';

  constructor(
    tools: WriterTools,
    at: { readonly key: string; readonly path: string },
    start: UploadStart,
  ) {
    this.#store = tools.store;
    this.#states = tools.states;
    this.#buffers = tools.buffers;
    this.#keys = tools.keys;
    this.#key = at.key;
    this.#path = at.path;
    this.#chunkBytes = start.chunkBytes;
    this.#parts = [...start.parts];
    this.#startedParts = this.#parts.length;
    this.#uploadId = start.uploadId;
    this.#hasStoredState = start.hasStoredState;
    this.#stateBefore = stateBefore(start);
    this.#hasObject = start.hasObject;
    this.#isChanged = !start.isSaved;
    this.#fill(start.tail, 0);
  }

  get sizeBytes(): number {
    return this.#startedParts * this.#chunkBytes + this.#filledBytes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#assertOpen();
    this.#throwFailure();
    for (let offset = 0; offset < bytes.byteLength; ) {
      if (this.#filledBytes === this.#chunkBytes) {
        await this.#attempt('upload part of', () => this.#sendFullBuffer());
      }
      offset += this.#fill(bytes, offset);
      this.#isChanged = true;
    }
  }

  /** After a failed write or commit, what S3 acknowledged so far is kept and can be continued. */
  async close(): Promise<void> {
    this.#assertOpen();
    await this.#settle();
    try {
      if (this.#isLost) {
        await this.#attempt('drop the state of', () => this.#states.remove(this.#key));
      } else if (this.#isChanged && !this.#isComplete) {
        await this.#attempt('save the state of', () => this.#saveState());
      }
    } finally {
      this.#end('closed');
    }
    if (!this.#isFailureTold) {
      this.#throwFailure();
    }
  }

  /** On failure the writer stays open: commit again, close to keep the session, or cancel. */
  async commit(): Promise<void> {
    this.#assertOpen();
    await this.#settle();
    this.#throwFailure();
    await this.#attempt('commit', () => this.#complete(this.#key));
    await this.#dropState();
    this.#end('committed');
  }

  /** Without parts, the bytes go straight to `path`; else the finished object is copied there. On failure as `commit`. */
  async commitTo(path: string): Promise<void> {
    this.#assertOpen();
    await this.#settle();
    this.#throwFailure();
    const target = this.#keys.of(path);
    await this.#attempt('commit', async () => {
      if (!this.#hasParts) {
        await this.#complete(target);
        return;
      }
      await this.#complete(this.#key);
      // Should the copy fail, the session goes on from the object.
      const dropping = this.#dropState();
      try {
        await copyObject(this.#store, this.#key, target, this.sizeBytes);
      } finally {
        await dropping;
      }
      await this.#store.deleteOne(this.#key);
    });
    await this.#dropState();
    this.#end('committed');
  }

  async cancel(): Promise<void> {
    if (this.#state !== 'open') {
      return;
    }
    this.#state = 'cancelled';
    await this.#settle();
    this.#end('cancelled');
    try {
      if (this.#uploadId !== undefined) {
        await this.#store.abortUpload(this.#key, this.#uploadId);
      }
      if (this.#hasObject || this.#isComplete) {
        await this.#store.deleteOne(this.#key);
      }
      await this.#states.remove(this.#key);
    } catch (error) {
      throw toDriverError(error, 'cancel', this.#path);
    }
  }

  /** Copies as much as fits; returns how much that was. */
  #fill(bytes: Uint8Array, offset: number): number {
    const count = Math.min(bytes.byteLength - offset, this.#chunkBytes - this.#filledBytes);
    if (count > 0) {
      this.#buffer ??= this.#buffers.acquire(this.#chunkBytes);
      this.#buffer.set(bytes.subarray(offset, offset + count), this.#filledBytes);
      this.#filledBytes += count;
    }
    return count;
  }

  async #sendFullBuffer(): Promise<void> {
    if (this.#startedParts >= maxParts - 1) {
      throw new DriverError(
        driverName,
        DriverCode.failed,
        `${this.#path}: more than ${maxParts} parts of ${this.#chunkBytes} bytes; raise chunksize`,
      );
    }
    if (this.#uploadId === undefined) {
      this.#uploadId = await this.#store.createUpload(this.#key);
      this.#isUploadOwn = true;
    }
    while (this.#inFlight.size >= partsInFlight) {
      await Promise.race(this.#inFlight);
    }
    this.#throwFailure();
    const buffer = this.#buffer as Buffer;
    this.#buffer = undefined;
    this.#filledBytes = 0;
    this.#startedParts += 1;
    const sending: Promise<void> = this.#sendPart(
      this.#uploadId,
      this.#startedParts,
      buffer,
    ).finally(() => this.#inFlight.delete(sending));
    this.#inFlight.add(sending);
  }

  /** Never rejects: the failure is found by the next call. */
  async #sendPart(uploadId: string, number: number, buffer: Buffer): Promise<void> {
    try {
      this.#parts[number - 1] = await this.#store.uploadPart(this.#key, uploadId, number, buffer);
    } catch (error) {
      this.#fail(error, `upload part ${number} of`);
    } finally {
      this.#buffers.release(buffer);
    }
  }

  get #hasParts(): boolean {
    return this.#uploadId !== undefined && this.#parts.length > 0;
  }

  /** @param key  Where the object is to be; the upload's own key once there are parts. */
  async #complete(key: string): Promise<void> {
    const uploadId = this.#uploadId;
    if (this.#isComplete) {
      return;
    }
    if (uploadId === undefined || !this.#hasParts) {
      await this.#store.put(key, this.#tail());
      if (uploadId !== undefined) {
        await this.#store.abortUpload(this.#key, uploadId);
      }
      return;
    }
    const tail = this.#tail();
    // Not added to #parts: should the completion fail, the tail stays a tail, and the next try replaces this part.
    const last =
      tail.byteLength > 0
        ? [await this.#store.uploadPart(this.#key, uploadId, this.#parts.length + 1, tail)]
        : [];
    await this.#store.completeUpload(this.#key, uploadId, [...this.#parts, ...last]);
    this.#isComplete = true;
  }

  /** The bytes are in place: a state object that cannot be removed goes with the session's directory. */
  async #dropState(): Promise<void> {
    if (this.#hasStoredState) {
      await this.#states.remove(this.#key).catch(() => undefined);
      this.#hasStoredState = false;
    }
  }

  async #saveState(): Promise<void> {
    const state = {
      ...(this.#uploadId !== undefined && { uploadId: this.#uploadId }),
      chunkBytes: this.#chunkBytes,
      parts: this.#parts,
    };
    try {
      const etag = await this.#states.save(this.#key, state, this.#tail(), this.#stateBefore);
      this.#stateBefore = etag === undefined ? 'unknown' : { etag };
    } catch (error) {
      if (hasCode(error, DriverCode.conflict) && this.#isUploadOwn && this.#uploadId) {
        // Should that fail too, purging finds it.
        await this.#store.abortUpload(this.#key, this.#uploadId).catch(() => undefined);
      }
      throw error;
    }
    this.#isUploadOwn = false;
  }

  #tail(): Uint8Array {
    return this.#buffer?.subarray(0, this.#filledBytes) ?? new Uint8Array();
  }

  /** Waits for the parts on their way; after a failure only the parts without a gap count, and no tail follows them. */
  async #settle(): Promise<void> {
    await Promise.all(this.#inFlight);
    let kept = 0;
    while (this.#parts[kept] !== undefined) {
      kept += 1;
    }
    if (kept < this.#startedParts) {
      this.#parts.length = kept;
      this.#startedParts = kept;
      this.#filledBytes = 0;
      this.#isChanged = true;
    }
  }

  async #attempt(action: string, step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      throw this.#translate(error, action);
    }
  }

  #fail(error: unknown, action: string): void {
    this.#failure ??= this.#translate(error, action);
  }

  #translate(error: unknown, action: string): unknown {
    if (isUploadGone(error)) {
      this.#isLost = true;
      return new PathNotFoundError(driverName, this.#path, error);
    }
    return toDriverError(error, action, this.#path);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) {
      this.#isFailureTold = true;
      throw this.#failure;
    }
  }

  #assertOpen(): void {
    if (this.#state !== 'open') {
      throw new TypeError(`${driverName}: ${this.#path} is already ${this.#state}`);
    }
  }

  #end(state: WriterState): void {
    this.#state = state;
    if (this.#buffer !== undefined) {
      this.#buffers.release(this.#buffer);
      this.#buffer = undefined;
    }
  }
}
