/**
 * The application log: pino decides what is logged and calls us with the record, a line format prints it,
 * a LineOutput carries it to stderr. Hooks (mail) see each record that is logged.
 */

import { fileURLToPath } from 'node:url';
import pino from 'pino';
import { createLineFormat, type FormatChoice } from './create-line-format.ts';
import { madeValues } from './late-values.ts';
import { joinedFields, type LineFormat, type LogRecord } from './line-format.ts';
import type { LineAlso, LineOutput } from './line-output.ts';
import type { LogFields, Logger, LogLevel } from './logger.ts';

/** Sees records as they are logged; must return at once and not throw. */
export interface LogHook {
  readonly levels: ReadonlySet<LogLevel>;
  fire(record: LogRecord): void;
}

/** Logs one more line of a prepared kind, as of now unless a time is given; see `LineRecipe`. */
export type PreparedLine = (values: readonly unknown[], timeMs?: number) => void;

/** A Logger that can also prepare lines which are written on every request. */
export interface LineLogger extends Logger {
  /**
   * @param keys  Fields that change from line to line, all others are the logger's own.
   * @param also  Another line of the same values, written even where this one is not. It may use more values than there
   *              are keys.
   */
  prepare(level: LogLevel, message: string, keys: readonly string[], also?: LineAlso): PreparedLine;
}

export interface LoggerParts {
  readonly level: LogLevel;
  readonly format: FormatChoice;
  readonly writer: LineOutput;
  /** On every line. */
  readonly fields?: LogFields;
  readonly reportCaller?: boolean;
  readonly hooks?: readonly LogHook[];
  readonly now?: () => number;
}

// Values above those of pino's own levels; order is what matters. `panic` ranks above `fatal` as in logrus.
const levelValues = { panic: 70, fatal: 60, error: 50, warn: 40, info: 30, debug: 20 } as const;

/** What our Logger hands through pino: fields stay values, since each format prints them in its own way. */
interface Passed {
  readonly own: LogFields;
  readonly given: LogFields | undefined;
  readonly caller: LogFields | undefined;
}

/**
 * What pino calls for a line. With the metadata mark it gives us the record's parts beside its own JSON,
 * which is left empty: its member order is fixed, ours is sorted by key.
 */
class RecordStream {
  readonly [pino.symbols.needsMetadataGsym]: true = true as const;
  lastLevel = 0;
  lastMsg = '';
  lastObj: Passed = { own: {}, given: undefined, caller: undefined };
  readonly #output: RecordOutput;
  readonly #levelByValue: ReadonlyMap<number, LogLevel>;

  constructor(output: RecordOutput) {
    this.#output = output;
    this.#levelByValue = new Map(
      Object.entries(levelValues).map(([name, value]) => [value, name as LogLevel]),
    );
  }

  write(_pinoLine: string): void {
    const { own, given, caller } = this.lastObj;
    this.#output.write({
      level: this.#levelByValue.get(this.lastLevel) ?? 'info',
      timeMs: this.#output.now(),
      message: this.lastMsg,
      fields: withCaller(given === undefined ? own : { ...own, ...given }, caller),
    });
  }
}

function withCaller(fields: LogFields, caller: LogFields | undefined): LogFields {
  if (caller === undefined) {
    return fields;
  }
  const joined: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    joined[Object.hasOwn(caller, key) ? `fields.${key}` : key] = value;
  }
  return { ...joined, ...caller };
}

/** Where records end: formatted, written, shown to the hooks. */
class RecordOutput {
  readonly format: FormatChoice;
  readonly writer: LineOutput;
  readonly hooks: readonly LogHook[];
  readonly now: () => number;
  readonly #lines: LineFormat;

  constructor(parts: LoggerParts) {
    this.format = parts.format;
    this.#lines = createLineFormat(parts.format);
    this.writer = parts.writer;
    this.hooks = parts.hooks ?? [];
    this.now = parts.now ?? Date.now;
  }

  write(record: LogRecord): void {
    this.writer.write(this.#lines.format(record));
    this.hurry(record.level);
    this.fire(record.level, () => record);
  }

  /** Severe lines do not wait for company. */
  hurry(level: LogLevel): void {
    switch (level) {
      case 'fatal':
      case 'panic':
        // The process may end before the next turn of the loop.
        this.writer.flushSync();
        break;
      case 'warn':
      case 'error':
        this.writer.flush();
        break;
      default:
    }
  }

  fire(level: LogLevel, makeRecord: () => LogRecord): void {
    for (const hook of this.hooks) {
      if (hook.levels.has(level)) {
        hook.fire(makeRecord());
      }
    }
  }
}

class PinoLogger implements LineLogger {
  readonly #pino: pino.Logger<'panic'>;
  readonly #output: RecordOutput;
  readonly #fields: LogFields;
  readonly #reportCaller: boolean;

  constructor(
    base: pino.Logger<'panic'>,
    output: RecordOutput,
    fields: LogFields,
    reportCaller: boolean,
  ) {
    this.#pino = base;
    this.#output = output;
    this.#fields = fields;
    this.#reportCaller = reportCaller;
  }

  debug(message: string, fields?: LogFields): void {
    this.log('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.log('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.log('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.log('error', message, fields);
  }

  log(level: LogLevel, message: string, fields?: LogFields): void {
    if (!this.isEnabled(level)) {
      return;
    }
    const caller = this.#reportCaller ? callerFields() : undefined;
    try {
      this.#pino[level]({ own: this.#fields, given: fields, caller } satisfies Passed, message);
    } catch {
      // Fields with a getter that throws, say. The message still goes out, without them.
      this.#pino[level]({ own: {}, given: undefined, caller } satisfies Passed, message);
    }
  }

  isEnabled(level: LogLevel): boolean {
    return levelValues[level] >= this.#pino.levelVal;
  }

  child(fields: LogFields): LineLogger {
    const joined = { ...this.#fields, ...fields };
    return new PinoLogger(this.#pino, this.#output, joined, this.#reportCaller);
  }

  prepare(
    level: LogLevel,
    message: string,
    keys: readonly string[],
    also?: LineAlso,
  ): PreparedLine {
    const output = this.#output;
    if (!this.isEnabled(level) || this.#reportCaller) {
      const writeAlso = also?.output.prepare(also.recipe);
      return (values, timeMs = output.now()) => {
        this.log(level, message, joinedFields({}, keys, values));
        writeAlso?.(timeMs, values);
      };
    }
    const writeLine = output.writer.prepare(
      { kind: 'record', format: output.format, level, message, fixed: this.#fields, keys },
      also,
    );
    const hasHooks = output.hooks.some((hook) => hook.levels.has(level));
    return (values, timeMs = output.now()) => {
      // Hooks see the request's id as the line has it.
      const shown = hasHooks ? madeValues(keys, values) : values;
      writeLine(timeMs, shown);
      output.hurry(level);
      if (hasHooks) {
        output.fire(level, () => ({
          level,
          timeMs,
          message,
          fields: joinedFields(this.#fields, keys, shown),
        }));
      }
    };
  }
}

/** Levels below `parts.level` cost one comparison. Lines go out within the writer's bound, warnings and worse at once. */
export function createLogger(parts: LoggerParts): LineLogger {
  const output = new RecordOutput(parts);
  const base = pino<'panic'>(
    {
      level: parts.level,
      customLevels: { ...levelValues },
      useOnlyCustomLevels: false,
      base: null,
      timestamp: false,
      formatters: { log: () => ({}) },
    },
    new RecordStream(output),
  );
  return new PinoLogger(base, output, parts.fields ?? {}, parts.reportCaller ?? false);
}

const ownPath = fileURLToPath(import.meta.url);

/** `func` and `file` of whoever called the logger: the first frame outside this file. */
function callerFields(): LogFields {
  const frames = (new Error().stack ?? '').split('\n').slice(1);
  const frame =
    frames.find((each) => !each.includes(ownPath) && !each.includes(import.meta.url)) ?? '';
  const match = /^\s*at (?:(?:async )?(.+) \()?(?:file:\/\/)?(.+?:\d+):\d+\)?$/.exec(frame);
  return { func: match?.[1] ?? 'anonymous', file: match?.[2] ?? 'unknown' };
}
