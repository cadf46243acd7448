/**
 * Bounds what calls that hardly ever wait cost the main thread when they do. Should they wait again and again, they rest
 * a hundred times as long as the last one took, so that the thread loses some 3 % of its time at most. One slow call
 * says nothing: the thread may just have lost its core.
 */

const slowMs = 2;
const maxStrikes = 3;
/** So many calls of the usual speed make up for a slow one. */
const callsPerStrike = 50;
const restFactor = 100;

export class Waits {
  #restsUntilMs = 0;
  #strikes = 0;

  /** Such calls should be made elsewhere for now. */
  get isResting(): boolean {
    return this.#restsUntilMs > 0 && performance.now() < this.#restsUntilMs;
  }

  /** Notes a call; times as of `performance.now`. */
  note(startedAtMs: number, endedAtMs: number): void {
    const tookMs = endedAtMs - startedAtMs;
    if (tookMs <= slowMs) {
      this.#strikes = Math.max(0, this.#strikes - 1 / callsPerStrike);
      return;
    }
    this.#strikes += 1;
    if (this.#strikes >= maxStrikes) {
      this.#strikes = 0;
      this.#restsUntilMs = endedAtMs + restFactor * tookMs;
    }
  }
}
