/** Lines of JSON with sorted keys, in logrus's names (`json`) or in those a logstash index expects. */

import { type FieldStyle, freeKey, LinePlan } from './field-style.ts';
import { printableValue } from './field-value.ts';
import { createRfc3339, isPlainInsideQuotes } from './go-text.ts';
import { type LineFormat, printedLevel } from './line-format.ts';
import { joined } from './line-output.ts';

export interface JsonNames {
  readonly time: string;
  readonly message: string;
  readonly extra: Readonly<Record<string, string>>;
}

export function createJsonFormat(names: JsonNames): LineFormat {
  const timeText = createRfc3339();
  const taken = new Set([names.time, names.message, 'level', ...Object.keys(names.extra)]);
  // `level` is always there, so members before it bring the comma behind them and those after it the one before.
  const style: FieldStyle = {
    name: (key) => key,
    lead: (name) => `${name > 'level' ? ',' : ''}${JSON.stringify(name)}:`,
    value: jsonValue,
    tail: (name) => (name < 'level' ? ',' : ''),
    first: [],
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
    const changing = keys.map((key) => freeKey(key, taken));
    const plan = new LinePlan(members, changing, style, ['{'], ['}\n'], names.time);
    return (timeMs, values) => plan.print(values, timeText(timeMs));
  };
  return {
    format: ({ level, timeMs, message, fields }) =>
      joined(template(level, message, fields, [])(timeMs, [])),
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
