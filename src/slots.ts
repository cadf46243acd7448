/**
 * What is under way: many things a second, each there for a moment. Lies underneath all rooms, beside bytes.ts.
 *
 * Not a Map or Set, where the hot path adds and deletes objects: V8 links each table that one of those has outgrown or
 * cleared to the next. Once such a table has lived through a full collection, it keeps its successor alive, that one
 * the next, and so on, with all that was ever in them: every request then outlives its collections, is copied twice
 * and waits for the next full one (measured: 75 KiB an image pushed, 39 without).
 */

/** Numbers of one place are so far apart, which is also how many things there may be at once. */
const maxSlots = 2 ** 20;

/** Things by the number that they were given. A number is never given twice: one that came too late finds nothing. */
export class Slots<T extends object> {
  readonly #things: (T | undefined)[] = [];
  /** The number of the thing in each place; of a free place, the one that the next thing gets. */
  readonly #numbers: number[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#things.length - this.#free.length;
  }

  /** @throws RangeError  when 2^20 things are there: callers bound theirs far below. */
  add(thing: T): number {
    const slot = this.#free.pop() ?? this.#newSlot();
    this.#things[slot] = thing;
    return this.#numbers[slot] as number;
  }

  /** Gives the thing of that number, which then is there no more; `undefined` if it was not. */
  take(number: number): T | undefined {
    const slot = number % maxSlots;
    if (this.#numbers[slot] !== number) {
      return undefined;
    }
    const thing = this.#things[slot];
    if (thing !== undefined) {
      this.#things[slot] = undefined;
      this.#numbers[slot] = number + maxSlots;
      this.#free.push(slot);
    }
    return thing;
  }

  /** What is there now, in no order, with its numbers. */
  entries(): [number: number, thing: T][] {
    return this.#things.flatMap((thing, slot) =>
      thing === undefined ? [] : [[this.#numbers[slot] as number, thing] as [number, T]],
    );
  }

  /** What is there now, in no order. */
  values(): T[] {
    return this.#things.filter((thing) => thing !== undefined);
  }

  #newSlot(): number {
    const slot = this.#things.length;
    if (slot === maxSlots) {
      throw new RangeError(`more than ${maxSlots} things at once`);
    }
    this.#things.push(undefined);
    this.#numbers.push(slot);
    return slot;
  }
}
