/**
 * Where log lines go, and kinds of lines that are described ahead: a description can travel to another thread, which
 * then prints the lines from their values alone.
 */

import type { AccessPlaces } from './access-log.ts';
import type { FormatChoice } from './create-line-format.ts';
import type { LogFields, LogLevel } from './logger.ts';

/** What does not change between lines of one kind. Structured-clone-safe. */
export type LineRecipe =
  /** Without `places` the values are those of `AccessLog`. */
  | { readonly kind: 'access'; readonly places?: AccessPlaces }
  | {
      readonly kind: 'record';
      readonly format: FormatChoice;
      readonly level: LogLevel;
      readonly message: string;
      readonly fixed: LogFields;
      /** What the values stand for, in their order. */
      readonly keys: readonly string[];
    };

/**
 * Does something with one more line of a kind: `undefined` stands for an absent value, values beyond those of the
 * recipe are left alone.
 */
export type OfValues<T> = (timeMs: number, values: readonly unknown[]) => T;

/**
 * A line, newline included, as pieces to be joined: as many for each line of a kind, and the very string of the line
 * before where nothing changed, so that whoever keeps that line need only look at what did. Valid until the next line.
 */
export type LinePieces = readonly string[];

export function joined(pieces: LinePieces): string {
  let line = '';
  for (const piece of pieces) {
    line += piece;
  }
  return line;
}

/** A line of another kind for another output. */
export interface LineAlso {
  readonly output: LineOutput;
  readonly recipe: LineRecipe;
}

/** Never throws and never rejects: a log that cannot be written must not stop the registry. */
export interface LineOutput {
  /** Lines dropped since the start, because the reader was too slow. */
  readonly droppedLines: number;
  /** Takes a whole line, newline included. */
  write(line: string): void;
  /** A writer of lines of one kind, and of a line `also` made of the same values. */
  prepare(recipe: LineRecipe, also?: LineAlso): OfValues<void>;
  /** Lets what is pending go out without waiting for more. */
  flush(): void;
  /** Writes what is pending before it returns, or gives up after half a second. */
  flushSync(): void;
  /** Writes what is pending and takes no more. Resolves at the latest after `patienceMs`. */
  close(patienceMs?: number): Promise<void>;
}
