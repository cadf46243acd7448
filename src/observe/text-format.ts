/** Text lines as logrus prints them, plain for files and pipes, in colour for terminals. */

import { type FieldStyle, fieldText, freeKey, LinePlan, orderedKeys } from './field-style.ts';
import { plainText, printableValue } from './field-value.ts';
import { createRfc3339, isPlainInsideQuotes, quoteLikeGo } from './go-text.ts';
import { joinedFields, type LineFormat, type LogRecord, printedLevel } from './line-format.ts';
import type { LinePieces, OfValues } from './line-output.ts';
import type { LogLevel } from './logger.ts';

const unquoted = /^[A-Za-z0-9\-._/@^+]*$/;
// A space or "=" in a key of `log.fields` would shift all that follows.
const keyBreakers = /[\s="]/g;

// logrus puts the caller before the sorted fields.
const callerKeys = ['func', 'file'];

export function createTextFormat(): LineFormat {
  const timeText = createRfc3339();
  const taken = new Set(['time', 'level', 'msg']);
  const style: FieldStyle = {
    name: (key) => freeKey(key, taken),
    lead: (name) => ` ${textKey(name)}=`,
    value: textValue,
    tail: () => '',
    first: callerKeys,
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
    template(level, message, fixed, keys): OfValues<LinePieces> {
      const head = headOf(level, message);
      const plan = new LinePlan(fixed, keys, style, ['time="', '', head], ['\n']);
      return (timeMs, values) => {
        const pieces = plan.print(values, '');
        pieces[1] = timeText(timeMs);
        return pieces;
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

const levelColours: Readonly<Record<LogLevel, number>> = {
  debug: 37,
  info: 36,
  warn: 33,
  error: 31,
  fatal: 31,
  panic: 31,
};

/** @param startMs  Lines show the seconds since then. */
export function createTerminalFormat(startMs: number): LineFormat {
  const format = ({ level, timeMs, message, fields }: LogRecord): string => {
    const colour = `\u001b[${levelColours[level]}m`;
    const style: FieldStyle = {
      name: (key) => key,
      lead: (name) => ` ${colour}${textKey(name)}\u001b[0m=`,
      value: textValue,
      tail: () => '',
      first: callerKeys,
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
    template: (level, message, fixed, keys) => (timeMs, values) => [
      format({ level, timeMs, message, fields: joinedFields(fixed, keys, values) }),
    ],
  };
}
