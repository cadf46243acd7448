/**
 * Running digests of an upload: native ones, fast but tied to this process, and a resumable SHA-256 whose state can be
 * saved and loaded in the format of Distribution's `hashstates` files. Used where bodies are written, on any thread.
 */

import { createHash, type Hash } from 'node:crypto';
import type { IHasher } from 'hash-wasm';
import { LRUCache } from 'lru-cache';
import type { DigestAlgorithm } from '../oci/digest.ts';

/** Hex digests by algorithm. */
export type Digests = Partial<Record<DigestAlgorithm, string>>;

/** How an append hashes what it writes. Structured-clone-safe: it travels to workers. */
export type HashPlan =
  /** Digest of these bytes alone; only useful when the append starts at offset 0. */
  | { readonly kind: 'native'; readonly algorithms: readonly DigestAlgorithm[] }
  /**
   * SHA-256 that goes on from `state` (or starts) and is saved at the end. With `keep` a native one of the same bytes
   * is kept on this thread as well, for a `kept` plan to go on from.
   */
  | { readonly kind: 'resumable'; readonly state?: Uint8Array; readonly keep?: boolean }
  /**
   * SHA-256 that goes on from the hash kept of exactly the bytes before, or starts at offset 0; as `none` where it is
   * lost. `by` says which bodies' threads keep it, and so where this one must go.
   */
  | { readonly kind: 'kept'; readonly by: HashKeeper }
  | { readonly kind: 'none' };

/** The thread that hands small bodies on (pool/append-chunk.ts), or one of the workers that store large ones. */
export type HashKeeper = 'small' | 'large';

/** Whether the thread that carries out the plan keeps a hash for the next chunk. */
export function keepsHash(plan: HashPlan): boolean {
  return plan.kind === 'kept' || (plan.kind === 'resumable' && plan.keep === true);
}

export interface UploadHash {
  update(bytes: Uint8Array): void;
  /** Digests of everything since the start of the upload. Ends the hash. */
  finish(): { digests: Digests; state?: Uint8Array };
}

/** @param at  The upload's file and the bytes it holds before those to be hashed. */
export async function createUploadHash(
  plan: HashPlan,
  at: { readonly path: string; readonly offset: number },
): Promise<UploadHash> {
  switch (plan.kind) {
    case 'native':
      return nativeHash(plan.algorithms);
    case 'resumable': {
      const kept = plan.keep === true ? keptHash(at.path, at.offset) : undefined;
      const resumable = await resumableHash(plan.state);
      return kept === undefined ? resumable : bothHashes(kept, resumable);
    }
    case 'kept':
      return keptHash(at.path, at.offset) ?? noHash;
    case 'none':
      return noHash;
  }
}

const noHash: UploadHash = { update: () => {}, finish: () => ({ digests: {} }) };

export function nativeHash(algorithms: readonly DigestAlgorithm[]): UploadHash {
  const hashes: [DigestAlgorithm, Hash][] = algorithms.map((name) => [name, createHash(name)]);
  return {
    update(bytes): void {
      for (const [, hash] of hashes) {
        hash.update(bytes);
      }
    },
    finish(): { digests: Digests } {
      const digests: Digests = {};
      for (const [name, hash] of hashes) {
        digests[name] = hash.digest('hex');
      }
      return { digests };
    },
  };
}

/** Digests that are made when asked for; none when the hash that would tell them is lost or has gone on. */
export type LateDigests = () => Digests;

/**
 * A native hash that goes on from one chunk of an upload to the next. A hash that can be saved takes 3 to 8 times as
 * long as a native one, which alone made a thousand chunks cost several times one stream (bench/chunks.ts).
 */
export class KeptHash implements UploadHash {
  readonly #path: string;
  readonly #hash: Hash = createHash('sha256');
  sizeBytes = 0;
  #soon: Uint8Array | undefined;
  #onHashed: (() => void) | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.sizeBytes += bytes.length;
  }

  /**
   * Hashes `bytes` a moment later: beside a write that takes its time, else once the client has its answer and makes its
   * next chunk. They must stay as they are until `whenHashed`.
   */
  updateSoon(bytes: Uint8Array): void {
    this.#soon = bytes;
    setImmediate(() => this.settle());
  }

  /** Calls back once, perhaps at once, when the bytes of `updateSoon` are no longer needed. */
  whenHashed(then: () => void): void {
    if (this.#soon === undefined) {
      then();
    } else {
      this.#onHashed = then;
    }
  }

  /** Hashes now what would be hashed soon. */
  settle(): void {
    const bytes = this.#soon;
    const onHashed = this.#onHashed;
    this.#soon = undefined;
    this.#onHashed = undefined;
    if (bytes !== undefined) {
      this.update(bytes);
    }
    onHashed?.();
  }

  /** Forgets what would be hashed soon: it was not stored. */
  drop(): void {
    this.#soon = undefined;
  }

  finish(): { digests: Digests } {
    this.settle();
    this.keep();
    return { digests: this.digests() };
  }

  /** As `finish`, without digests for now. */
  keep(): void {
    keptHashes.set(this.#path, this);
  }

  digests(): Digests {
    return { sha256: this.#hash.copy().digest('hex') };
  }
}

/**
 * By the path of the upload's data. Taken out while a chunk is hashed, and put back when it is stored: after a failure
 * there is none.
 */
const keptHashes: LRUCache<string, KeptHash> = new LRUCache({ max: 2048 });

/** The hash to go on from at `offset`, `undefined` where it is lost. Whoever asks has to finish it, or it is lost. */
export function keptHash(path: string, offset: number): KeptHash | undefined {
  const kept = keptHashes.get(path);
  keptHashes.delete(path);
  if (offset === 0) {
    return new KeptHash(path);
  }
  kept?.settle();
  return kept?.sizeBytes === offset ? kept : undefined;
}

/** Of the first `sizeBytes` bytes of the upload at `path`, from its kept hash. Holds on to nothing. */
export function lateDigests(path: string, sizeBytes: number): LateDigests {
  return () => {
    const kept = keptHashes.get(path);
    kept?.settle();
    return kept?.sizeBytes === sizeBytes ? kept.digests() : {};
  };
}

function bothHashes(kept: UploadHash, resumable: UploadHash): UploadHash {
  return {
    update(bytes): void {
      kept.update(bytes);
      resumable.update(bytes);
    },
    finish(): { digests: Digests; state?: Uint8Array } {
      kept.finish();
      return resumable.finish();
    },
  };
}

/**
 * Hashes that are done, for the next chunk on this thread: making one costs as much as hashing 64 KiB with it. They
 * hold nothing of what they hashed once `init` is called.
 */
const idleHashes: IHasher[] = [];
const maxIdleHashes = 32;

/**
 * One algorithm's file instead of the library's whole, which holds twenty, and not before a chunk needs it: 4 MiB less
 * in each thread.
 */
async function makeIdleHash(): Promise<IHasher> {
  const { default: library } = await import('hash-wasm/dist/sha256.umd.min.js');
  return library.createSHA256();
}

async function resumableHash(state: Uint8Array | undefined): Promise<UploadHash> {
  const hash = idleHashes.pop() ?? (await makeIdleHash());
  hash.init();
  if (state !== undefined) {
    // The head of a saved state names the library's build: take it from this one.
    hash.load(fromHashState(state, hash.save()));
  }
  return {
    update(bytes): void {
      hash.update(bytes);
    },
    finish(): { digests: Digests; state: Uint8Array } {
      const saved = toHashState(hash.save());
      const digests = { sha256: hash.digest('hex') };
      if (idleHashes.length < maxIdleHashes) {
        idleHashes.push(hash);
      }
      return { digests, state: saved };
    },
  };
}

/*
 * Distribution's state (reference 3.5), 108 bytes:      hash-wasm's state, 116 bytes, numbers little-endian:
 *   0  'sha' 0x03                                         0  id of the build
 *   4  chaining words, 8 x u32 big-endian                 4  block buffer, 64 bytes (stale past the pending ones)
 *  36  block buffer, 64 bytes, zero-filled               68  total length, u64
 * 100  total length, u64 big-endian                      76  chaining words, 8 x u32
 *                                                       108  digest length 32, padding
 */
export const hashStateBytes = 108;
const magic = Buffer.from('sha\x03', 'latin1');
const blockBytes = 64;
const wasm = { block: 4, length: 68, words: 76 } as const;
const go = { words: 4, block: 36, length: 100 } as const;

/** Whether bytes can be a saved state of exactly `offset` hashed bytes. */
export function isHashState(bytes: Uint8Array, offset: number): boolean {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return (
    view.length === hashStateBytes &&
    view.subarray(0, magic.length).equals(magic) &&
    view.readBigUInt64BE(go.length) === BigInt(offset)
  );
}

function toHashState(saved: Uint8Array): Uint8Array {
  const from = Buffer.from(saved.buffer, saved.byteOffset, saved.byteLength);
  const state = Buffer.alloc(hashStateBytes);
  const length = from.readBigUInt64LE(wasm.length);
  magic.copy(state);
  for (let word = 0; word < 8; word++) {
    state.writeUInt32BE(from.readUInt32LE(wasm.words + 4 * word), go.words + 4 * word);
  }
  from.copy(state, go.block, wasm.block, wasm.block + Number(length % BigInt(blockBytes)));
  state.writeBigUInt64BE(length, go.length);
  return state;
}

function fromHashState(state: Uint8Array, template: Uint8Array): Uint8Array {
  const from = Buffer.from(state.buffer, state.byteOffset, state.byteLength);
  const saved = Buffer.from(template);
  from.copy(saved, wasm.block, go.block, go.block + blockBytes);
  saved.writeBigUInt64LE(from.readBigUInt64BE(go.length), wasm.length);
  for (let word = 0; word < 8; word++) {
    saved.writeUInt32LE(from.readUInt32BE(go.words + 4 * word), wasm.words + 4 * word);
  }
  return saved;
}
