/**
 * Whose body may move: as many at a time as keep the workers busy, so that buffers go to few and each is soon done.
 *
 *   waiting --a turn is free--> moving --end--> over
 *                                 │ ▲
 *     client slow, others wait    ▼ │  its turn again
 *                               aside --a large piece came--> waiting
 *
 * A client that is slower than its turn is worth steps aside when others wait. Aside, its body goes on: small pieces
 * hold a buffer for an instant only, so their number needs no bound. Were it to keep its turn, a few dozen slow clients
 * would hold up all others. Used by worker-pool.ts alone.
 */

/** Time between two looks at who is slow; only while someone waits. */
const lookEveryMs = 100;
/** A client that sends less between two looks, and is waited for, is slow: 10 MB/s. */
const slowBytes = 1024 * 1024;
/** A piece so large came in a few milliseconds: the client is slow no more, and waits for a turn like the others. */
const fastPieceBytes = 256 * 1024;

interface Waiter {
  readonly turn: Turn;
  readonly begin: () => void;
}

export class Turns {
  readonly #width: number;
  readonly #maxWaiting: number;
  readonly #moving: Set<Turn> = new Set();
  /** Those that moved before stand ahead of those that have not begun: a client long kept waiting is slow to go on. */
  #again: Waiter[] = [];
  #new: Waiter[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(width: number, maxWaiting: number) {
    this.#width = width;
    this.#maxWaiting = maxWaiting;
  }

  get waiting(): number {
    return this.#again.length + this.#new.length;
  }

  /** A turn, once there is one; `undefined` when too many wait already. The caller ends it. */
  async begin(): Promise<Turn | undefined> {
    const turn = new Turn(this);
    if (this.#moving.size >= this.#width && this.#new.length >= this.#maxWaiting) {
      return undefined;
    }
    await this.wait(turn, false);
    return turn;
  }

  /** For Turn. Resolves when `turn` moves, or when it is over. */
  wait(turn: Turn, hasMoved: boolean): Promise<void> {
    if (this.#moving.size < this.#width) {
      this.#moving.add(turn);
      return Promise.resolve();
    }
    this.#timer ??= setInterval(() => this.#look(), lookEveryMs).unref();
    return new Promise((begin) => {
      (hasMoved ? this.#again : this.#new).push({ turn, begin });
    });
  }

  /** For Turn. */
  isMoving(turn: Turn): boolean {
    return this.#moving.has(turn);
  }

  /** For Turn: it needs its place no more, or is over while it waits. */
  leave(turn: Turn): void {
    this.#moving.delete(turn);
    const index = this.#again.findIndex((one) => one.turn === turn);
    for (const one of index < 0 ? [] : this.#again.splice(index, 1)) {
      one.begin();
    }
    this.#fill();
  }

  #fill(): void {
    while (this.#moving.size < this.#width) {
      const next = this.#again.shift() ?? this.#new.shift();
      if (next === undefined) {
        clearInterval(this.#timer);
        this.#timer = undefined;
        return;
      }
      this.#moving.add(next.turn);
      next.begin();
    }
  }

  #look(): void {
    for (const turn of [...this.#moving]) {
      if (turn.isSlow()) {
        this.#moving.delete(turn);
      }
    }
    this.#fill();
  }
}

export class Turn {
  /** Its body's reader waits for the client. */
  isIdle = false;
  readonly #turns: Turns;
  #movedBytes = 0;
  #isNew = true;
  #isFast = false;

  constructor(turns: Turns) {
    this.#turns = turns;
  }

  /** Stepped aside, and fast since: the body should take no more of its client before `again`. */
  get isDue(): boolean {
    return this.#isFast && !this.#turns.isMoving(this);
  }

  moved(bytes: number): void {
    this.#movedBytes += bytes;
    this.#isFast = bytes >= fastPieceBytes;
  }

  async again(): Promise<void> {
    this.#isNew = true;
    await this.#turns.wait(this, true);
  }

  /** Safe to call twice. */
  end(): void {
    this.#turns.leave(this);
  }

  /** For Turns, at each look: whether it hardly moved since the last one, for its client's sake. */
  isSlow(): boolean {
    const isSlow = !this.#isNew && this.isIdle && this.#movedBytes < slowBytes;
    this.#isNew = false;
    this.#movedBytes = 0;
    return isSlow;
  }
}
