/**
 * The shapes of a log line: `text` and `json` as logrus prints them, `logstash`, and text in colour for terminals.
 * Pure but for a cached time text. A template prepares all that does not change between lines of one kind.
 */

import { type PrintableValue, printableValue } from './field-value.ts';
import { createRfc3339, isPlainInsideQuotes, quoteLikeGo } from './go-text.ts';
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

export const formatNames = ['text', 'json', 'logstash', 'terminal'] as const;
export type FormatName = (typeof formatNames)[number];

/** `warning` in full, as existing log filters expect. */
export function printedLevel(level: LogLevel): string {
  return level === 'warn' ? 'warning' : level;
}

/** @param startMs  Terminals show seconds since then. */
export function createLineFormat(name: FormatName, startMs: number): LineFormat {
  switch (name) {
    case 'text':
      return createTextFormat();
    case 'terminal':
      return createTerminalFormat(startMs);
    case 'json':
      return createJsonFormat({ time: 'time', message: 'msg', extra: {} });
    case 'logstash':
      return createJsonFormat({
        time: '@timestamp',
        message: 'message',
        extra: { '@version': '1', type: 'log' },
      });
  }
}

// Text

const unquoted = /^[A-Za-z0-9\-._/@^+]*$/;
// A space or "=" in a key of `log.fields` would shift all that follows.
const keyBreakers = /[\s="]/g;

// logrus puts the caller before the sorted fields.
const leading = ['func', 'file'];

function createTextFormat(): LineFormat {
  const timeText = createRfc3339();
  const taken = new Set(['time', 'level', 'msg']);
  const headOf = (level: LogLevel, message: string): string =>
    `" level=${printedLevel(level)}${message === '' ? '' : ` msg=${textValue(message)}`}`;
  return {
    format({ level, timeMs, message, fields }): string {
      let line = `time="${timeText(timeMs)}${headOf(level, message)}`;
      for (const key of orderedKeys(fields, leading, taken)) {
        line += textField(` ${textKey(key, taken)}=`, fields[key]);
      }
      return `${line}\n`;
    },
    template(level, message, fixed, keys): LineTemplate {
      const head = headOf(level, message);
      const pieces = planPieces(fixed, keys, taken, (name, value) =>
        textField(` ${textKey(name, taken)}=`, value),
      );
      return (timeMs, values) => {
        let line = `time="${timeText(timeMs)}${head}`;
        for (const piece of pieces) {
          line += piece.index < 0 ? piece.text : textField(piece.text, values[piece.index]);
        }
        return `${line}\n`;
      };
    },
  };
}

function textField(lead: string, value: unknown): string {
  if (typeof value === 'string' && value.length < 1024) {
    return lead + textValue(value);
  }
  const printable = printableValue(value);
  return printable === undefined ? '' : lead + textValue(plainText(printable));
}

function textValue(text: string): string {
  if (unquoted.test(text)) {
    return text;
  }
  return isPlainInsideQuotes(text) ? `"${text}"` : quoteLikeGo(text);
}

function textKey(key: string, taken: ReadonlySet<string>): string {
  return freeKey(key, taken).replace(keyBreakers, '_');
}

/** A field's value as words, for text lines and mails. */
export function plainText(value: PrintableValue): string {
  return typeof value === 'object' && value !== null ? value.json : String(value);
}

// Terminal

const levelColours: Readonly<Record<LogLevel, number>> = {
  debug: 37,
  info: 36,
  warn: 33,
  error: 31,
  fatal: 31,
  panic: 31,
};

function createTerminalFormat(startMs: number): LineFormat {
  const taken = new Set<string>();
  const format = ({ level, timeMs, message, fields }: LogRecord): string => {
    const colour = `\u001b[${levelColours[level]}m`;
    const name = printedLevel(level).toUpperCase().slice(0, 4);
    const seconds = String(Math.max(0, Math.floor((timeMs - startMs) / 1000))).padStart(4, '0');
    // Escaped where unusual: a client's text must not steer the operator's terminal.
    const words = isPlainInsideQuotes(message) ? message : quoteLikeGo(message).slice(1, -1);
    let line = `${colour}${name}\u001b[0m[${seconds}] ${words.padEnd(44)} `;
    for (const key of orderedKeys(fields, leading, taken)) {
      line += textField(` ${colour}${textKey(key, taken)}\u001b[0m=`, fields[key]);
    }
    return `${line}\n`;
  };
  return {
    format,
    template: (level, message, fixed, keys) => (timeMs, values) =>
      format({ level, timeMs, message, fields: joinedFields(fixed, keys, values) }),
  };
}

// JSON and logstash

interface JsonNames {
  readonly time: string;
  readonly message: string;
  readonly extra: Readonly<Record<string, string>>;
}

function createJsonFormat(names: JsonNames): LineFormat {
  const timeText = createRfc3339();
  const taken = new Set([names.time, names.message, 'level', ...Object.keys(names.extra)]);
  const plan = (
    level: LogLevel,
    message: string,
    fixed: LogFields,
    keys: readonly string[],
  ): LineTemplate => {
    // The standard members are sorted in among the fields, which is why clashing names are renamed first.
    const members: Record<string, unknown> = {
      ...names.extra,
      level: printedLevel(level),
      [names.message]: message,
    };
    for (const [key, value] of Object.entries(fixed)) {
      members[freeKey(key, taken)] = value;
    }
    const freeKeys = [names.time, ...keys.map((key) => freeKey(key, taken))];
    const pieces = planPieces(members, freeKeys, new Set(), (name, value) =>
      jsonField(`,${JSON.stringify(name)}:`, value),
    );
    return (timeMs, values) => {
      let line = '';
      for (const { text, index } of pieces) {
        if (index < 0) {
          line += text;
        } else {
          line += index === 0 ? `${text}"${timeText(timeMs)}"` : jsonField(text, values[index - 1]);
        }
      }
      return `{${line.slice(1)}}\n`;
    };
  };
  return {
    format: ({ level, timeMs, message, fields }) => plan(level, message, fields, [])(timeMs, []),
    template: plan,
  };
}

function jsonField(lead: string, value: unknown): string {
  if (typeof value === 'string' && value.length < 1024) {
    return lead + jsonString(value);
  }
  const printable = printableValue(value);
  switch (typeof printable) {
    case 'undefined':
      return '';
    case 'string':
      return lead + jsonString(printable);
    case 'object':
      return lead + (printable === null ? 'null' : printable.json);
    default:
      return `${lead}${printable}`;
  }
}

function jsonString(text: string): string {
  return isPlainInsideQuotes(text) ? `"${text}"` : JSON.stringify(text);
}

// Shared

/** A stretch of fixed text (`index` -1), or the lead of the value at `index`. */
interface Piece {
  readonly text: string;
  readonly index: number;
}

/** Sorts fixed and changing fields together and joins neighbouring fixed ones into one text. */
function planPieces(
  fixed: LogFields,
  keys: readonly string[],
  taken: ReadonlySet<string>,
  render: (name: string, value: unknown) => string,
): Piece[] {
  const names = new Set([...Object.keys(fixed), ...keys]);
  const pieces: Piece[] = [];
  for (const name of [...names].sort(byCodeUnit((each) => freeKey(each, taken)))) {
    const index = keys.indexOf(name);
    if (index >= 0) {
      // An empty value leaves the lead alone: ` key=` in text, `,"key":` in JSON.
      const rendered = render(name, '');
      pieces.push({ text: rendered.endsWith('""') ? rendered.slice(0, -2) : rendered, index });
      continue;
    }
    const text = render(name, fixed[name]);
    const last = pieces.at(-1);
    if (last !== undefined && last.index < 0) {
      pieces[pieces.length - 1] = { text: last.text + text, index: -1 };
    } else {
      pieces.push({ text, index: -1 });
    }
  }
  return pieces;
}

function freeKey(key: string, taken: ReadonlySet<string>): string {
  return taken.has(key) ? `fields.${key}` : key;
}

function byCodeUnit(nameOf: (key: string) => string): (left: string, right: string) => number {
  return (left, right) => {
    const leftName = nameOf(left);
    const rightName = nameOf(right);
    return leftName < rightName ? -1 : leftName > rightName ? 1 : 0;
  };
}

function orderedKeys(
  fields: LogFields,
  leading: readonly string[],
  taken: ReadonlySet<string>,
): string[] {
  const keys = Object.keys(fields).sort(byCodeUnit((key) => freeKey(key, taken)));
  const first = leading.filter((key) => keys.includes(key));
  return first.length === 0 ? keys : [...first, ...keys.filter((key) => !first.includes(key))];
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
