/**
 * What pool and workers say to each other: structured-clone-safe values, no class instances.
 *
 *   pool ── run(job) ─────────────> worker        one Piscina task per request body, not per piece
 *        ── piece, piece, … end ──>                over the job's MessagePort, buffers transferred
 *        <── buffer, buffer, … ───                 handed back as they were stored
 *        <── result ──────────────                 the task's value
 */

import type { MessagePort } from 'node:worker_threads';
import type { DigestAlgorithm } from '../oci/digest.ts';
import type { AppendOutcome, AppendRequest } from '../storage/append-upload.ts';
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

export interface DigestJob {
  readonly kind: 'digest';
  readonly driver: DriverSpec;
  readonly path: string;
  readonly algorithms: readonly DigestAlgorithm[];
  readonly bytesPerSecond?: number;
}

export interface PasswordJob {
  readonly kind: 'password';
  readonly password: string;
  readonly hash: string;
}

export type WorkerJob = AppendJob | DigestJob | PasswordJob;

/** What a job of each kind gives back. */
export interface JobValues {
  /** `failure` is left out: only the main thread knows why a body ended, the worker only that it did. */
  append: Omit<AppendOutcome, 'failure'>;
  digest: { sizeBytes: number; digests: Digests };
  password: boolean;
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

/** Worker to main thread: a buffer whose bytes are stored. */
export interface FromWorker {
  readonly buffer: ArrayBuffer;
}
