/**
 * Stores a small chunk of an upload whose hash goes on from one chunk to the next. That is kept here, on the thread that
 * calls, so that a chunk may take either way: from here in one call where the upload can be kept open, else by the
 * storage thread. Used by threaded-driver.ts alone.
 */

import type { AppendOutcome, AppendRequest } from '../storage/append-upload.ts';
import type { OpenUploads } from '../storage/driver.ts';
import { type HashPlan, type KeptHash, keptHash, lateDigests } from '../storage/upload-hash.ts';
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
  // A first chunk also needs its file made.
  const isTried = plan.kind === 'kept' && offset > 0 && openUploads !== undefined;
  if (isTried && (await appendToOpen(openUploads, chunk, kept))) {
    const sizeBytes = offset + bytes.length;
    return {
      sizeBytes,
      digests: {},
      ...(kept && { late: lateDigests(path, sizeBytes) }),
      // Nobody waits for the hash.
      times: { hashMs: 0, storageMs: performance.now() - startedAtMs },
    };
  }
  const hashingAtMs = performance.now();
  if (!isTried) {
    kept?.update(bytes);
  }
  const hashMs = performance.now() - hashingAtMs;
  const outcome = await thread.append({ ...request, hash: withoutKept(plan) }, bytes, giveBack);
  return {
    ...outcome,
    digests: { ...outcome.digests, ...kept?.finish().digests },
    times: { ...outcome.times, hashMs: outcome.times.hashMs + hashMs },
  };
}

/** Hashes the bytes in any case; false: nothing is written. */
async function appendToOpen(
  openUploads: OpenUploads,
  { bytes, giveBack, request }: Chunk,
  kept: KeptHash | undefined,
): Promise<boolean> {
  const appending = openUploads.append(request.path, request.offset, bytes);
  kept?.updateSoon(bytes);
  try {
    if (!(await appending)) {
      kept?.settle();
      return false;
    }
  } catch (error) {
    kept?.drop();
    giveBack(bytes);
    throw error;
  }
  if (kept === undefined) {
    giveBack(bytes);
  } else {
    kept.keep();
    kept.whenHashed(() => giveBack(bytes));
  }
  return true;
}

/** What is left of a plan for the storage thread. */
function withoutKept(plan: HashPlan): HashPlan {
  return plan.kind === 'resumable' ? { ...plan, keep: false } : { kind: 'none' };
}
