/**
 * How upload sessions end: over for every later request at once, their files gone soon after, in the background. What
 * is left of one may become the next session of its repository (session-shelf.ts).
 */

import { LRUCache } from 'lru-cache';
import { ownText } from '../kept.ts';
import type { RepositoryName } from '../oci/reference.ts';
import { Slots } from '../slots.ts';
import type { WriteStep } from '../storage/driver.ts';
import { deleteSession } from '../storage/upload-store.ts';
import type { RegistryContext } from './context.ts';
import { SessionShelf, type Spare } from './session-shelf.ts';
import type { UploadKnowledge, UploadSession } from './upload-knowledge.ts';

/** Sessions of which this process remembers that they ended. */
const maxRemembered = 10_000;
/** Finished sessions being removed; beyond that a commit waits for its own. */
const maxCleanups = 256;

/** What becomes of a session's folder. */
export interface NextSession {
  readonly step: WriteStep;
  readonly spare: Spare;
}

export class SessionEnds {
  readonly #context: RegistryContext;
  readonly #knowledge: UploadKnowledge;
  readonly #ended: LRUCache<string, true> = new LRUCache({ max: maxRemembered });
  readonly #shelf: SessionShelf;
  readonly #cleanups: Slots<Promise<void>> = new Slots();

  constructor(context: RegistryContext, knowledge: UploadKnowledge) {
    this.#context = context;
    this.#knowledge = knowledge;
    this.#shelf = new SessionShelf(context.driver, () => context.now());
  }

  /** Whether this process ended the session, though its files may still be there. */
  has(id: string): boolean {
    return this.#ended.has(id);
  }

  /** A session made of one that ended: there and empty. `undefined`: the caller is to make one. */
  spare(name: RepositoryName): Promise<Spare | undefined> {
    return this.#shelf.take(name);
  }

  /** What becomes of the folder of a session whose data is about to leave it; `undefined`: it is to be removed. */
  async next(session: UploadSession): Promise<NextSession | undefined> {
    const { name, id, startedAtMs } = session;
    if (!(await this.#knowledge.leavesBare(session))) {
      return undefined;
    }
    const spare = { id: this.#context.newId(), startedAtMs };
    const step = this.#shelf.step(name, id, spare.id);
    return step && { step, spare };
  }

  /**
   * Ends a session that was committed. Its files go in the background, up to a bound.
   *
   * @param spare  What its folder has become.
   */
  async end(session: UploadSession, spare?: Spare): Promise<void> {
    const { logger } = this.#context;
    const { name, id } = session;
    this.#ended.set(ownText(id), true);
    const cleanup = this.#knowledge
      .forget(id)
      .then(() => this.#tidy(session, spare))
      .catch((error: unknown) => {
        logger.warn('could not remove a finished upload session; purging will', {
          name,
          id,
          error,
        });
      })
      .finally(() => {
        void this.#cleanups.take(number);
      });
    const number = this.#cleanups.add(cleanup);
    if (this.#cleanups.size > maxCleanups) {
      await cleanup;
    }
  }

  /** Ends a session whose bytes nobody wants; resolves when its files are gone. */
  async discard(name: RepositoryName, id: string): Promise<void> {
    this.#ended.set(ownText(id), true);
    await this.#knowledge.forget(id);
    await deleteSession(this.#context.driver, name, id);
  }

  /** Resolves when the files of all that ended are gone, and what was kept for the next ones too. */
  async settle(): Promise<void> {
    await Promise.all(this.#cleanups.values());
    await this.#shelf.clear();
  }

  #tidy({ name, id }: UploadSession, spare: Spare | undefined): Promise<void> {
    return spare === undefined
      ? deleteSession(this.#context.driver, name, id)
      : this.#shelf.keep(name, spare);
  }
}
