/**
 * Hash states of chunked uploads in storage, where another instance or Distribution finds them.
 *
 *   chunks       1 2 3 4 5 6 7 8 9 …
 *   state saved  · · · ·             · when the upload rests, runs far ahead, or the process ends
 *
 * The first chunks save one each, so that uploads that travel between instances keep doing so. Once a session stays here,
 * a hash in memory goes on alone (upload-hash.ts) and its state is made up for later, by a worker that reads what came
 * since. Each byte is read at most once for that, so the cost stays linear; an upload that does not rest costs none.
 * Used by upload-knowledge.ts alone.
 */

import { LRUCache } from 'lru-cache';
import type { RepositoryName } from '../oci/reference.ts';
import { uploadDataPath } from '../storage/layout.ts';
import { deleteHashState, getHashState, putHashState } from '../storage/upload-store.ts';
import type { RegistryContext } from './context.ts';

/** Chunks in a row at one process before their state is no longer saved with each. */
export const chunksSavedEach = 4;
const restMs = 2_000;
const farBehindBytes = 256 * 1024 * 1024;
const sweepMs = 1_000;
const maxRemembered = 10_000;

interface Saved {
  readonly sizeBytes: number;
  readonly state: Uint8Array;
}

interface Debt {
  readonly name: RepositoryName;
  sizeBytes: number;
  grewAtMs: number;
}

export class SavedStates {
  readonly #context: RegistryContext;
  readonly #saved: LRUCache<string, Saved> = new LRUCache({ max: maxRemembered });
  readonly #debts: LRUCache<string, Debt> = new LRUCache({ max: maxRemembered });
  readonly #paying: Map<string, Promise<void>> = new Map();
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> | undefined;
  #isStopped = false;

  constructor(context: RegistryContext) {
    this.#context = context;
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
    const older = this.#saved.get(id)?.sizeBytes ?? before;
    this.#saved.set(id, saved);
    this.#debts.delete(id);
    // Side by side: which of the two is on disk first does not matter, since the data's size tells which is meant.
    await Promise.all([
      putHashState(driver, name, id, sizeBytes, state, durability),
      older > 0 && older !== sizeBytes ? deleteHashState(driver, name, id, older) : undefined,
    ]);
  }

  /** The session has grown to `sizeBytes` without a state. */
  owe(name: RepositoryName, id: string, sizeBytes: number): void {
    const grewAtMs = performance.now();
    const debt = this.#debts.get(id);
    if (debt === undefined) {
      this.#debts.set(id, { name, sizeBytes, grewAtMs });
    } else {
      debt.sizeBytes = sizeBytes;
      debt.grewAtMs = grewAtMs;
    }
    if (!this.#isStopped) {
      this.#timer ??= setInterval(() => this.#sweep(restMs), sweepMs).unref();
    }
  }

  /** Forgets a session that ended. Resolves when nothing will be written into its folder any more. */
  async forget(id: string): Promise<void> {
    this.#saved.delete(id);
    this.#debts.delete(id);
    await this.#paying.get(id);
  }

  /** Saves what is owed, at the end: others go on with these sessions. */
  async settle(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    await this.#sweeping;
    this.#sweep(0);
    await this.#sweeping;
  }

  /** One session at a time: uploads under way have the workers to themselves but for one job. */
  #sweep(restingMs: number): void {
    if (this.#debts.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
    this.#sweeping ??= this.#payDue(restingMs).finally(() => {
      this.#sweeping = undefined;
    });
  }

  async #payDue(restingMs: number): Promise<void> {
    for (const [id, debt] of [...this.#debts.entries()]) {
      const isResting = performance.now() - debt.grewAtMs >= restingMs;
      const behind = debt.sizeBytes - (this.#saved.get(id)?.sizeBytes ?? 0);
      if (isResting || behind >= farBehindBytes) {
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

  async #pay(id: string, debt: Debt): Promise<void> {
    const saved = this.#saved.get(id);
    const { name, sizeBytes } = debt;
    if (saved === undefined) {
      this.#debts.delete(id);
      return;
    }
    const path = uploadDataPath(name, id);
    const { state, sizeBytes: from } = saved;
    const further = await this.#context.bodies.hashFurther({ path, state, from, to: sizeBytes });
    // The session may have ended here meanwhile: a state put now would bring its folder back.
    if (this.#saved.get(id) !== saved) {
      return;
    }
    if (further === undefined) {
      this.#debts.delete(id);
      return;
    }
    const grown = debt.sizeBytes > sizeBytes ? debt : undefined;
    await this.put(name, id, from, { sizeBytes, state: further }, { durable: false });
    if (grown !== undefined && this.#saved.has(id)) {
      this.#debts.set(id, grown);
    }
  }
}
