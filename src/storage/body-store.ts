/**
 * Who writes request bodies into uploads and digests stored files. `pool` fits it with worker threads for large
 * bodies; `inlineBodyStore` does the same on the calling thread.
 */

import type { ByteSource } from '../bytes.ts';
import type { DigestAlgorithm } from '../oci/digest.ts';
import {
  type AppendOutcome,
  type AppendRequest,
  appendUpload,
  digestFile,
  type HashFurtherRequest,
  hashFurther,
  type PutOutcome,
  type PutRequest,
  publishUpload,
  putWhole,
} from './append-upload.ts';
import type { StorageDriver } from './driver.ts';
import type { Digests } from './upload-hash.ts';

/** A body to store: its pieces belong to the reader, who hands each buffer back with `give`. */
export interface BodySource extends ByteSource {
  /** `undefined` when the length was not announced. */
  readonly sizeBytes: number | undefined;
  readonly pool: { give(buffer: Uint8Array): void };
  /** A piece that has come already, if any. Nothing more is taken from the client until the next `read`. */
  takeHeld?(): Uint8Array | undefined;
}

export interface BodyStore {
  /** See appendUpload. @throws `UNAVAILABLE` when every queue is full, with nothing written */
  append(request: AppendRequest, body: BodySource): Promise<AppendOutcome>;
  /** See putWhole: only on drivers that have `openReplacement`. @throws as `append` */
  put(request: PutRequest, body: BodySource): Promise<PutOutcome>;
  /**
   * Makes an unfinished upload a whole file at `to` (`from` itself: readable where it is), on drivers where unfinished
   * uploads can be neither read nor moved.
   */
  publish(from: string, to: string): Promise<void>;
  /** Reads a stored file once and digests it; `bytesPerSecond` bounds how fast. */
  digestFile(
    path: string,
    algorithms: readonly DigestAlgorithm[],
    bytesPerSecond?: number,
  ): Promise<{ sizeBytes: number; digests: Digests }>;
  /** See hashFurther: only on drivers where unfinished uploads can be read. */
  hashFurther(request: HashFurtherRequest): Promise<Uint8Array | undefined>;
}

export function inlineBodyStore(driver: StorageDriver): BodyStore {
  return {
    append: (request, body) => appendUpload(driver, request, givingBack(body)),
    put: (request, body) => putWhole(driver, request, givingBack(body)),
    publish: (from, to) => publishUpload(driver, from, to),
    digestFile: (path, algorithms, bytesPerSecond) =>
      digestFile(driver, path, algorithms, bytesPerSecond),
    hashFurther: (request) => hashFurther(driver, request),
  };
}

/**
 * The whole of a body that is known to be small, and why it ended early if it did. One piece, as most small bodies
 * are, is copied once: its buffer goes back at once.
 */
export async function readBody(
  body: BodySource,
): Promise<{ readonly bytes: Buffer; readonly failure?: unknown }> {
  const pieces: Buffer[] = [];
  const whole = (): Buffer => {
    const [first, ...more] = pieces;
    return first !== undefined && more.length === 0 ? first : Buffer.concat(pieces);
  };
  try {
    for (let piece = await body.read(); piece !== undefined; piece = await body.read()) {
      pieces.push(Buffer.from(piece));
      body.pool.give(piece);
    }
  } catch (error) {
    return { bytes: whole(), failure: error ?? new Error('body failed') };
  }
  return { bytes: whole() };
}

/** Hands each buffer back once the next piece is asked for, which is when the reader is done with it. */
export function givingBack(body: BodySource): ByteSource {
  let held: Uint8Array | undefined;
  const giveBack = (): void => {
    if (held !== undefined) {
      body.pool.give(held);
      held = undefined;
    }
  };
  return {
    async read(): Promise<Uint8Array | undefined> {
      giveBack();
      held = await body.read();
      return held;
    },
    cancel(reason): void {
      giveBack();
      body.cancel(reason);
    },
  };
}
