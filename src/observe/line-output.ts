/**
 * Where log lines go, and kinds of lines that are described ahead: a description can travel to another thread, which
 * then prints the lines from their values alone.
 */

import type { FormatChoice } from './create-line-format.ts';
import type { LogFields, LogLevel } from './logger.ts';

/** What does not change between lines of one kind. Structured-clone-safe. */
export type LineRecipe =
  /** Values are those of access-log.ts. */
  | { readonly kind: 'access' }
  | {
      readonly kind: 'record';
      readonly format: FormatChoice;
      readonly level: LogLevel;
      readonly message: string;
      readonly fixed: LogFields;
      /** What the values stand for, in their order. */
      readonly keys: readonly string[];
    };

/** Does something with one more line of a kind: `undefined` stands for an absent value. */
export type OfValues<T> = (timeMs: number, values: readonly unknown[]) => T;

/** Never throws and never rejects: a log that cannot be written must not stop the registry. */
export interface LineOutput {
  /** Lines dropped since the start, because the reader was too slow. */
  readonly droppedLines: number;
  /** Takes a whole line, newline included. */
  write(line: string): void;
  /** A writer of lines of one kind. */
  prepare(recipe: LineRecipe): OfValues<void>;
  /** Lets what is pending go out without waiting for more. */
  flush(): void;
  /** Writes what is pending before it returns, or gives up after half a second. */
  flushSync(): void;
  /** Writes what is pending and takes no more. Resolves at the latest after `patienceMs`. */
  close(patienceMs?: number): Promise<void>;
}
