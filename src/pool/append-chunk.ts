/**
 * Stores a small chunk of an upload whose hash goes on from one chunk to the next. That is kept here, on the thread that
 * calls, so that a chunk may take either way: from here in one call where the upload can be kept open, else by the
 * storage thread. Used by threaded-driver.ts alone.
 */

import type { AppendOutcome, AppendRequest } from '../storage/append-upload.ts';
import type { OpenUploads } from '../storage/driver.ts';
import { type HashPlan, keptHash } from '../storage/upload-hash.ts';
import type { StorageThread } from './storage-thread.ts';

export interface Chunk {
  readonly thread: StorageThread;
  readonly openUploads: OpenUploads | undefined;
  /** Its plan is one that keeps a hash. */
  readonly request: AppendRequest;
  readonly bytes: Uint8Array;
  /** Called once, when `bytes` may be used again. */
  readonly giveBack: (buffer: Uint8Array) => void;
}

export async function appendChunk(chunk: Chunk): Promise<AppendOutcome> {
  const { bytes, giveBack, openUploads, request, thread } = chunk;
  const { hash: plan, offset, path } = request;
  const kept = keptHash(path, offset);
  const startedAtMs = performance.now();
  // Started first, so that the disk works while the hash does. A first chunk also needs its file made.
  const appending =
    plan.kind === 'kept' && offset > 0 ? openUploads?.append(path, offset, bytes) : undefined;
  const hashingAtMs = performance.now();
  kept?.update(bytes);
  const hashMs = performance.now() - hashingAtMs;
  const isDone = await appending?.catch((error: unknown) => {
    giveBack(bytes);
    throw error;
  });
  if (isDone === true) {
    giveBack(bytes);
    const storageMs = performance.now() - startedAtMs - hashMs;
    return {
      sizeBytes: offset + bytes.length,
      digests: kept?.finish().digests ?? {},
      times: { hashMs, storageMs },
    };
  }
  const outcome = await thread.append({ ...request, hash: withoutKept(plan) }, bytes, giveBack);
  return {
    ...outcome,
    digests: { ...outcome.digests, ...kept?.finish().digests },
    times: { ...outcome.times, hashMs: outcome.times.hashMs + hashMs },
  };
}

/** What is left of a plan for the storage thread. */
function withoutKept(plan: HashPlan): HashPlan {
  return plan.kind === 'resumable' ? { ...plan, keep: false } : { kind: 'none' };
}
