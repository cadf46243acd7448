/** A value that must never be printed: config secrets. Lies underneath every room. */

import { inspect } from 'node:util';

const masked = '***';

/** Holds a secret; prints as `***` wherever it ends up (string, JSON, util.inspect, template literals). */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The secret itself. Call at the place of use and keep the result out of longer-lived objects. */
  reveal(): string {
    return this.#value;
  }

  get isEmpty(): boolean {
    return this.#value.length === 0;
  }

  toString(): string {
    return masked;
  }

  toJSON(): string {
    return masked;
  }
}

// Not a method: --isolatedDeclarations knows no computed names.
Object.defineProperty(Secret.prototype, inspect.custom, { value: (): string => masked });
