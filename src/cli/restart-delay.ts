/** How long a process that died waits for its next life: longer each time, until it has lived for a while. Pure. */

const firstDelayMs = 100;
const longestDelayMs = 10_000;
/** After so long a life the next death is a new story. */
const calmAfterMs = 60_000;

export class RestartDelay {
  #deathsInARow = 0;

  /** @param livedMs  How long the process that just died had lived. */
  next(livedMs: number): number {
    if (livedMs >= calmAfterMs) {
      this.#deathsInARow = 0;
    }
    const delayMs = Math.min(longestDelayMs, firstDelayMs * 2 ** this.#deathsInARow);
    this.#deathsInARow += 1;
    return delayMs;
  }
}
