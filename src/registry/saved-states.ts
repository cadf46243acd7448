/**
 * Hash states of chunked uploads in storage, where another instance or Distribution finds them.
 *
 *   chunks of 64 KiB   1 2 3 4 5 6 7 8 9 …
 *   state saved        · · · ·             ·  when the upload rests, lasts long, or the process ends
 *   chunks of 5 MiB    1 2 3 …             ·
 *
 * The first chunks save one each, so that uploads that travel between instances keep doing so. Once a session stays
 * here, or is large, a hash in memory goes on alone (upload-hash.ts) and its state is made up for later, by a worker
 * that reads what came since. Each byte is read at most once for that, so the cost stays linear; an upload that does
 * not rest costs none.
 *
 * A state costs 4.5 ms a MiB, while reading it all again at commit costs 1 ms (natively hashed) from a local disk. So
 * states are for uploads that may travel and for long ones; where too much would have to be made up for, reading is
 * cheaper. Behind a balancer that sends each chunk elsewhere every chunk saves one (upload-knowledge.ts). Where chunks are
 * not synced (`chunksync: commit`) none is saved with them, only later, once their bytes are synced.
 * Used by upload-knowledge.ts alone.
 */

import { LRUCache } from 'lru-cache';
import type { RepositoryName } from '../oci/reference.ts';
import { uploadDataPath } from '../storage/layout.ts';
import { deleteHashState, getHashState, putHashState } from '../storage/upload-store.ts';
import type { RegistryContext } from './context.ts';

/** Chunks in a row at one process before their state is no longer saved with each. */
const chunksSavedEach = 4;
/** An upload that is larger will not fit into so few chunks: 18 ms of hashing at most. */
const bytesSavedEach = 4 * 1024 * 1024;
const restMs = 2_000;
/** An upload that takes longer may well see its instance restarted: it gets a state each time. */
const longMs = 60_000;
/** More is not made up for: 1.2 s of a worker. */
const maxBehindBytes = 256 * 1024 * 1024;
const sweepMs = 1_000;
/** At the end of the process, for all sessions together: the parts below wait for it. */
const settleMs = 5_000;
const maxRemembered = 10_000;

/** Whether a state is saved with a chunk that ends at `endBytes`, after so many others here. */
export function isSavedWithChunk(chunksBefore: number, endBytes: number): boolean {
  return chunksBefore < chunksSavedEach && endBytes <= bytesSavedEach;
}

interface Saved {
  readonly sizeBytes: number;
  readonly state: Uint8Array;
}

interface Debt {
  readonly name: RepositoryName;
  sizeBytes: number;
  sinceMs: number;
  /** `undefined` while a chunk is on its way. */
  restsSinceMs: number | undefined;
}

export class SavedStates {
  readonly #context: RegistryContext;
  readonly #onSave: (id: string) => void;
  readonly #saved: LRUCache<string, Saved> = new LRUCache({ max: maxRemembered });
  readonly #debts: LRUCache<string, Debt> = new LRUCache({ max: maxRemembered });
  readonly #paying: Map<string, Promise<void>> = new Map();
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> | undefined;
  #isStopped = false;

  /** @param onSave  Told before a state is written into the folder of the session `id`. */
  constructor(context: RegistryContext, onSave: (id: string) => void) {
    this.#context = context;
    this.#onSave = onSave;
  }

  /** The state at exactly `sizeBytes`, whoever saved it. */
  async get(name: RepositoryName, id: string, sizeBytes: number): Promise<Uint8Array | undefined> {
    const saved = this.#saved.get(id);
    return saved?.sizeBytes === sizeBytes
      ? saved.state
      : getHashState(this.#context.driver, name, id, sizeBytes);
  }

  /** Saves a state in the place of the one at `before`. */
  async put(
    name: RepositoryName,
    id: string,
    before: number,
    saved: Saved,
    durability: { readonly durable: boolean },
  ): Promise<void> {
    const { driver } = this.#context;
    const { sizeBytes, state } = saved;
    this.#onSave(id);
    const older = this.#saved.get(id)?.sizeBytes ?? before;
    this.#saved.set(id, saved);
    this.#settleDebt(id, sizeBytes);
    // Side by side: which of the two is on disk first does not matter, since the data's size tells which is meant.
    await Promise.all([
      putHashState(driver, name, id, sizeBytes, state, durability),
      older > 0 && older !== sizeBytes ? deleteHashState(driver, name, id, older) : undefined,
    ]);
  }

  /** Keeps a state in memory and owes it to storage: its bytes are not synced yet. */
  hold(name: RepositoryName, id: string, saved: Saved): void {
    this.#saved.set(id, saved);
    this.owe(name, id, saved.sizeBytes);
  }

  /** A chunk of the session is on its way. */
  expectChunk(id: string): void {
    const debt = this.#debts.get(id);
    if (debt !== undefined) {
      debt.restsSinceMs = undefined;
    }
  }

  /** The session has grown to `sizeBytes` without a state. */
  owe(name: RepositoryName, id: string, sizeBytes: number): void {
    if (sizeBytes - (this.#saved.get(id)?.sizeBytes ?? 0) > maxBehindBytes) {
      this.waive(id);
      return;
    }
    const nowMs = performance.now();
    const debt = this.#debts.get(id);
    if (debt === undefined) {
      this.#debts.set(id, { name, sizeBytes, sinceMs: nowMs, restsSinceMs: nowMs });
    } else {
      debt.sizeBytes = sizeBytes;
      debt.restsSinceMs = nowMs;
    }
    if (!this.#isStopped) {
      this.#timer ??= setInterval(() => this.#sweep(), sweepMs).unref();
    }
  }

  /** No state will be made up for. */
  waive(id: string): void {
    this.#debts.delete(id);
  }

  /** Forgets a session that ended. Resolves when nothing will be written into its folder any more. */
  async forget(id: string): Promise<void> {
    this.#saved.delete(id);
    this.#debts.delete(id);
    await this.#paying.get(id);
  }

  /** Saves what is owed, at the end, as far as time allows: others go on with these sessions. */
  async settle(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    await this.#sweeping;
    const untilMs = performance.now() + settleMs;
    await this.#payThose(() => performance.now() < untilMs);
  }

  /** One session at a time: uploads under way have the workers to themselves but for one job. */
  #sweep(): void {
    if (this.#debts.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    this.#sweeping ??= this.#payThose(isDue).finally(() => {
      this.#sweeping = undefined;
    });
  }

  async #payThose(isWanted: (debt: Debt) => boolean): Promise<void> {
    for (const [id, debt] of [...this.#debts.entries()]) {
      if (isWanted(debt)) {
        const paying = this.#pay(id, debt).catch((error: unknown) => {
          // A hint less: whoever commits the upload reads its data once. It is also how a session that another
          // instance has ended looks from here.
          this.#context.logger.debug('could not save the hash state of an upload', { id, error });
          this.#debts.delete(id);
        });
        this.#paying.set(id, paying);
        await paying;
        this.#paying.delete(id);
      }
    }
  }

  async #pay(id: string, { name, sizeBytes }: Debt): Promise<void> {
    const saved = this.#saved.get(id);
    const from = saved?.sizeBytes ?? 0;
    const path = uploadDataPath(name, id);
    const state = await this.#context.bodies.hashFurther({
      path,
      ...(saved === undefined ? {} : { state: saved.state }),
      from,
      to: sizeBytes,
    });
    // A state must never tell of bytes that a power cut can still take: whoever goes on from it reads none of them.
    await this.#context.driver.syncUpload?.(path);
    // The session may have ended here meanwhile: a state put now would bring its folder back.
    if (!this.#debts.has(id) || this.#saved.get(id) !== saved) {
      return;
    }
    if (state === undefined) {
      this.#debts.delete(id);
      return;
    }
    await this.put(name, id, from, { sizeBytes, state }, { durable: false });
  }

  /** What came after `sizeBytes` is owed still. */
  #settleDebt(id: string, sizeBytes: number): void {
    const debt = this.#debts.get(id);
    if (debt !== undefined && debt.sizeBytes > sizeBytes) {
      debt.sinceMs = performance.now();
    } else {
      this.#debts.delete(id);
    }
  }
}

function isDue({ restsSinceMs, sinceMs }: Debt): boolean {
  const nowMs = performance.now();
  const isResting = restsSinceMs !== undefined && nowMs - restsSinceMs >= restMs;
  return isResting || nowMs - sinceMs >= longMs;
}
