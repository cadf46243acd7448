/**
 * What a log record is and what a line format does with it: the contract of text-format.ts and json-format.ts.
 * A template prepares all that does not change between lines of one kind.
 */

import { madeValues } from './late-values.ts';
import type { LinePieces, OfValues } from './line-output.ts';
import type { LogFields, LogLevel } from './logger.ts';

/** Key of a value that no format prints: another line of the same values does. */
export const unprintedKey = '';

export interface LogRecord {
  readonly level: LogLevel;
  readonly timeMs: number;
  readonly message: string;
  readonly fields: LogFields;
}

export interface LineFormat {
  /** One line, with its newline. */
  format(record: LogRecord): string;
  /**
   * Same lines as `format`, faster. Values come in the order of `keys`; a key of `fixed` that is also in `keys` comes
   * from the values.
   */
  template(
    level: LogLevel,
    message: string,
    fixed: LogFields,
    keys: readonly string[],
  ): OfValues<LinePieces>;
}

/** `warning` in full, as existing log filters expect. */
export function printedLevel(level: LogLevel): string {
  return level === 'warn' ? 'warning' : level;
}

/** The fields that a template's values stand for, for hooks and formats that need them as one object. */
export function joinedFields(
  fixed: LogFields,
  keys: readonly string[],
  values: readonly unknown[],
): LogFields {
  const fields: Record<string, unknown> = { ...fixed };
  const made = madeValues(keys, values);
  for (const [index, key] of keys.entries()) {
    if (key !== unprintedKey) {
      fields[key] = made[index];
    }
  }
  return fields;
}
