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

function createTextFormat(): LineFormat {
  const timeText = createRfc3339();
  const taken = new Set(['time', 'level', 'msg']);
  const style: FieldStyle = {
    name: (key) => freeKey(key, taken),
    lead: (name) => ` ${textKey(name)}=`,
    value: textValue,
    tail: () => '',
  };
  const headOf = (level: LogLevel, message: string): string =>
    `" level=${printedLevel(level)}${message === '' ? '' : ` msg=${quoteIfNeeded(message)}`}`;
  return {
    format({ level, timeMs, message, fields }): string {
      let line = `time="${timeText(timeMs)}${headOf(level, message)}`;
      for (const key of orderedKeys(fields, style)) {
        line += fieldText(style, style.name(key), fields[key]);
      }
      return `${line}\n`;
    },
    template(level, message, fixed, keys): LineTemplate {
      const head = headOf(level, message);
      const pieces = planPieces(fixed, keys, style);
      return (timeMs, values) => {
        let line = `time="${timeText(timeMs)}${head}`;
        for (const piece of pieces) {
          line += piece.index < 0 ? piece.text : pieceText(piece, values[piece.index], style);
        }
        return `${line}\n`;
      };
    },
  };
}

function textValue(value: unknown): string | undefined {
  if (typeof value === 'string' && value.length < 1024) {
    return quoteIfNeeded(value);
  }
  const printable = printableValue(value);
  return printable === undefined ? undefined : quoteIfNeeded(plainText(printable));
}

function quoteIfNeeded(text: string): string {
  if (unquoted.test(text)) {
    return text;
  }
  return isPlainInsideQuotes(text) ? `"${text}"` : quoteLikeGo(text);
}

function textKey(name: string): string {
  return name.replace(keyBreakers, '_');
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
  const format = ({ level, timeMs, message, fields }: LogRecord): string => {
    const colour = `\u001b[${levelColours[level]}m`;
    const style: FieldStyle = {
      name: (key) => key,
      lead: (name) => ` ${colour}${textKey(name)}\u001b[0m=`,
      value: textValue,
      tail: () => '',
    };
    const name = printedLevel(level).toUpperCase().slice(0, 4);
    const seconds = String(Math.max(0, Math.floor((timeMs - startMs) / 1000))).padStart(4, '0');
    // Escaped where unusual: a client's text must not steer the operator's terminal.
    const words = isPlainInsideQuotes(message) ? message : quoteLikeGo(message).slice(1, -1);
    let line = `${colour}${name}\u001b[0m[${seconds}] ${words.padEnd(44)} `;
    for (const key of orderedKeys(fields, style)) {
      line += fieldText(style, key, fields[key]);
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
  // `level` is always there, so members before it bring the comma behind them and those after it the one before.
  const style: FieldStyle = {
    name: (key) => key,
    lead: (name) => `${name > 'level' ? ',' : ''}${JSON.stringify(name)}:`,
    value: jsonValue,
    tail: (name) => (name < 'level' ? ',' : ''),
  };
  const template: LineFormat['template'] = (level, message, fixed, keys) => {
    // The standard members are sorted in among the fields, which is why clashing names are renamed first.
    const members: Record<string, unknown> = {
      ...names.extra,
      level: printedLevel(level),
      [names.message]: message,
    };
    for (const [key, value] of Object.entries(fixed)) {
      members[freeKey(key, taken)] = value;
    }
    const changing = [...keys.map((key) => freeKey(key, taken)), names.time];
    const timeIndex = keys.length;
    const pieces = planPieces(members, changing, style);
    return (timeMs, values) => {
      let line = '{';
      for (const piece of pieces) {
        if (piece.index < 0) {
          line += piece.text;
        } else if (piece.index === timeIndex) {
          line += `${piece.text}"${timeText(timeMs)}"${piece.tail}`;
        } else {
          line += pieceText(piece, values[piece.index], style);
        }
      }
      return `${line}}\n`;
    };
  };
  return {
    format: ({ level, timeMs, message, fields }) =>
      template(level, message, fields, [])(timeMs, []),
    template,
  };
}

function jsonValue(value: unknown): string | undefined {
  if (typeof value === 'string' && value.length < 1024) {
    return jsonString(value);
  }
  const printable = printableValue(value);
  switch (typeof printable) {
    case 'undefined':
      return undefined;
    case 'string':
      return jsonString(printable);
    case 'object':
      return printable === null ? 'null' : printable.json;
    default:
      return String(printable);
  }
}

function jsonString(text: string): string {
  return isPlainInsideQuotes(text) ? `"${text}"` : JSON.stringify(text);
}

// Shared

/** How a format prints one field: lead, value, tail. */
interface FieldStyle {
  /** The key as printed, renamed when it clashes. */
  name(key: string): string;
  lead(name: string): string;
  /** `undefined` leaves the whole field out. */
  value(value: unknown): string | undefined;
  tail(name: string): string;
}

function fieldText(style: FieldStyle, name: string, value: unknown): string {
  const printed = style.value(value);
  return printed === undefined ? '' : style.lead(name) + printed + style.tail(name);
}

/** A stretch of fixed text (`index` -1), or what surrounds the value at `index`. */
interface Piece {
  readonly text: string;
  readonly tail: string;
  readonly index: number;
  /** What the line before had here, and how it was printed once it had come twice. */
  lastValue: unknown;
  lastText: string | undefined;
}

/**
 * Prints the value of a piece. Host, agent, user and the like are mostly those of the request before, so a value that
 * comes again is printed from memory: half the cost of a line (bench/logging.ts).
 */
function pieceText(piece: Piece, value: unknown, style: FieldStyle): string {
  if (value === piece.lastValue && (typeof value !== 'object' || value === null)) {
    piece.lastText ??= flattened(freshText(piece, value, style));
    return piece.lastText;
  }
  piece.lastValue = value;
  piece.lastText = undefined;
  return freshText(piece, value, style);
}

function freshText(piece: Piece, value: unknown, style: FieldStyle): string {
  const printed = style.value(value);
  return printed === undefined ? '' : piece.text + printed + piece.tail;
}

/** The engine keeps a joined string as a tree of its parts; a copy in one piece is cheaper to print again and again. */
function flattened(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}

/** Sorts fixed and changing fields together and joins neighbouring fixed ones into one text. */
function planPieces(fixed: LogFields, keys: readonly string[], style: FieldStyle): Piece[] {
  const fields: Record<string, unknown> = { ...fixed };
  for (const key of keys) {
    fields[key] = undefined;
  }
  const pieces: Piece[] = [];
  let fixedText = '';
  for (const key of orderedKeys(fields, style)) {
    const name = style.name(key);
    const index = keys.indexOf(key);
    if (index < 0) {
      fixedText += fieldText(style, name, fields[key]);
      continue;
    }
    pieces.push(
      newPiece(flattened(fixedText), '', -1),
      newPiece(style.lead(name), style.tail(name), index),
    );
    fixedText = '';
  }
  pieces.push(newPiece(flattened(fixedText), '', -1));
  return pieces.filter((piece) => piece.index >= 0 || piece.text !== '');
}

function newPiece(text: string, tail: string, index: number): Piece {
  return { text, tail, index, lastValue: undefined, lastText: undefined };
}

function freeKey(key: string, taken: ReadonlySet<string>): string {
  return taken.has(key) ? `fields.${key}` : key;
}

/** Sorted as printed, by code unit. logrus puts the caller before the sorted text fields; JSON has it among them. */
function orderedKeys(fields: LogFields, style: FieldStyle): string[] {
  const sorted = Object.keys(fields).sort((left, right) => {
    const leftName = style.name(left);
    const rightName = style.name(right);
    return leftName < rightName ? -1 : leftName > rightName ? 1 : 0;
  });
  return style.value === textValue ? callerFirst(sorted) : sorted;
}

function callerFirst(keys: string[]): string[] {
  const caller = ['func', 'file'].filter((key) => keys.includes(key));
  return caller.length === 0 ? keys : [...caller, ...keys.filter((key) => !caller.includes(key))];
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
