/**
 * What pool and workers say to each other: structured-clone-safe values, no class instances.
 *
 *   pool ── run(job) ─────────────> worker        one Piscina task per request body, not per piece
 *        ── piece, piece, … end ──>                over the job's MessagePort, buffers transferred
 *        <── buffers, buffers, … ─                 handed back as they were stored, two at a time under load
 *        <── result ──────────────                 the task's value
 */

import type { MessagePort } from 'node:worker_threads';
import type { DigestAlgorithm } from '../oci/digest.ts';
import type {
  AppendOutcome,
  AppendRequest,
  HashFurtherRequest,
  PutOutcome,
  PutRequest,
} from '../storage/append-upload.ts';
import type { Digests } from '../storage/upload-hash.ts';

/** How a worker makes its own instance of the storage driver: options without class instances. */
export interface DriverSpec {
  readonly name: string;
  readonly options: unknown;
}

export interface AppendJob {
  readonly kind: 'append';
  readonly driver: DriverSpec;
  readonly request: AppendRequest;
  readonly port: MessagePort;
}

export interface PutJob {
  readonly kind: 'put';
  readonly driver: DriverSpec;
  readonly request: PutRequest;
  readonly port: MessagePort;
}

export interface PublishJob {
  readonly kind: 'publish';
  readonly driver: DriverSpec;
  readonly from: string;
  readonly to: string;
}

export interface DigestJob {
  readonly kind: 'digest';
  readonly driver: DriverSpec;
  readonly path: string;
  readonly algorithms: readonly DigestAlgorithm[];
  readonly bytesPerSecond?: number;
}

export interface HashFurtherJob {
  readonly kind: 'hashFurther';
  readonly driver: DriverSpec;
  readonly request: HashFurtherRequest;
}

/**
 * Serves storage calls over a port until it closes. One such job runs for as long as the pool: the short operations of
 * a file system are cheaper on a thread that may wait for the disk than through libuv's pool (file-calls.ts).
 */
export interface ServeJob {
  readonly kind: 'serve';
  readonly driver: DriverSpec;
  readonly port: MessagePort;
}

/** Calls that a storage thread takes. `appendUpload` is storage/append-upload.ts with the body's bytes at hand. */
export type StorageMethod =
  | 'get'
  | 'getMarked'
  | 'put'
  | 'apply'
  | 'stat'
  | 'delete'
  | 'uploadSizeBytes'
  | 'syncUpload'
  | 'appendUpload';

/** Sent in batches, one message per turn of the sender's loop. Arrays, since they clone cheaper than objects. */
export type StorageCall = readonly [id: number, method: StorageMethod, args: readonly unknown[]];
/** `buffer` is the one that came with the call's bytes, handed back. */
export type StorageAnswer = readonly [
  id: number,
  result: WorkerResult<unknown>,
  buffer?: ArrayBuffer,
];

export type WorkerJob = AppendJob | DigestJob | HashFurtherJob | PublishJob | PutJob | ServeJob;

/** What a job of each kind gives back. */
export interface JobValues {
  /** `failure` is left out: only the main thread knows why a body ended, the worker only that it did. */
  append: Omit<AppendOutcome, 'failure'>;
  put: Omit<PutOutcome, 'failure'>;
  digest: { sizeBytes: number; digests: Digests };
  hashFurther: Uint8Array | undefined;
  publish: undefined;
  serve: undefined;
}

export type WorkerResult<Value> =
  | { readonly ok: true; readonly value: Value }
  | {
      readonly ok: false;
      readonly code: string | undefined;
      readonly message: string;
      readonly detail: unknown;
      readonly retryable: boolean;
    };

/** Main thread to worker. `end` also closes a body that failed: what came before it is kept. */
export type ToWorker =
  | { readonly buffer: ArrayBuffer; readonly offset: number; readonly length: number }
  | { readonly end: true };

/** Worker to main thread: buffers whose bytes are stored, in the order they came. */
export interface FromWorker {
  readonly buffers: readonly ArrayBuffer[];
}
