/** What the main thread and the log thread say to each other, beside the records in shared memory. */

import type { LineRecipe } from '../line-output.ts';
import { firstFreeWord, type RingMemory } from './record-ring.ts';

/** A file descriptor that lines go to. */
export interface OutputSpec {
  readonly fd: number;
  /** Longest time that a line waits for company. */
  readonly flushAfterMs: number;
  /** See LineWriterOptions. */
  readonly sharesPipe: boolean;
}

/** A kind of lines of the output at this index. */
export interface LineKind {
  readonly output: number;
  readonly recipe: LineRecipe;
}

/** What is made of the values of one record. */
export type RecordKind = readonly LineKind[];

/** Records with the tag of an output hold text, those with a tag beyond, values of the kind at `tag - outputs.length`. */
export interface LogThreadStart {
  readonly memory: RingMemory;
  readonly outputs: readonly OutputSpec[];
  readonly kinds: readonly RecordKind[];
}

/** Control words of the ring's memory. */
export const word = {
  /** 1 once the thread has loaded. */
  loaded: firstFreeWord,
  /** 1 while the thread does not look by itself whether there are records. */
  asleep: firstFreeWord + 1,
  /** Bits of the outputs that shall not wait for more lines. */
  hurried: firstFreeWord + 2,
  /** The last `drain` that was carried out. */
  drained: firstFreeWord + 3,
  /** From here on: lines that each output has dropped. */
  dropped: firstFreeWord + 4,
} as const;

export type ToLogThread =
  /** There will be records from now on. */
  | { readonly kind: 'begin' }
  /** What the main thread had written itself is out: go on behind it. */
  | { readonly kind: 'release'; readonly output: number }
  /** There are records. */
  | { readonly kind: 'wake' }
  /** A line that is too long for a record. */
  | { readonly kind: 'text'; readonly output: number; readonly line: string }
  /** Write everything; `drained` says when that is done. */
  | { readonly kind: 'drain'; readonly id: number };

export type FromLogThread =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'drained'; readonly id: number }
  /** Output flows again after so many lines were dropped. */
  | { readonly kind: 'dropped'; readonly output: number; readonly lines: number };
