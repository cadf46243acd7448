/**
 * What a log record is and what a line format does with it: the contract of text-format.ts and json-format.ts.
 * A template prepares all that does not change between lines of one kind.
 */

import type { LogFields, LogLevel } from './logger.ts';

export interface LogRecord {
  readonly level: LogLevel;
  readonly timeMs: number;
  readonly message: string;
  readonly fields: LogFields;
}

/** Writes one more line of a kind: `values` in the order of the template's keys, `undefined` for absent ones. */
export type LineTemplate = (timeMs: number, values: readonly unknown[]) => string;

export interface LineFormat {
  /** One line, with its newline. */
  format(record: LogRecord): string;
  /** Same lines as `format`, faster. A key of `fixed` that is also in `keys` comes from the values. */
  template(
    level: LogLevel,
    message: string,
    fixed: LogFields,
    keys: readonly string[],
  ): LineTemplate;
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
  for (const [index, key] of keys.entries()) {
    fields[key] = values[index];
  }
  return fields;
}
