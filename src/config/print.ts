/** `longshore config`: the effective configuration as YAML, each value with its origin. Secrets print as `***`. */

import { stringify } from 'yaml';
import { formatGoDuration } from '../options/go-duration.ts';
import { maskedUrl } from '../options/masked-url.ts';
import type { Origins } from './convert.ts';
import { formatOrigin } from './faults.ts';
import {
  type Config,
  itemSchema,
  joinPath,
  type OptionSchema,
  propertiesOf,
  shapeOf,
  wholeFile,
} from './schema.ts';

/** Names of free-form keys whose values are not shown. */
const secretName = /pass(word|wd)?|secret|token|credential|private|api_?key|access_?key/i;

/** YAML text that loads again, but for the masked secrets. */
export function printConfig(config: Config, origins: Origins): string {
  const printer = new Printer(origins);
  printer.section(config, wholeFile, '', '');
  return `${printer.lines.join('\n')}\n`;
}

class Printer {
  readonly lines: string[] = [];
  readonly #origins: Origins;

  constructor(origins: Origins) {
    this.#origins = origins;
  }

  section(values: object, schema: OptionSchema, path: string, indent: string): void {
    for (const [key, property] of propertiesOf(schema)) {
      const value = (values as Record<string, unknown>)[key];
      if (value !== undefined) this.#entry(key, value, property, joinPath(path, key), indent);
    }
  }

  #entry(key: string, value: unknown, schema: OptionSchema, path: string, indent: string): void {
    const head = `${indent}${scalarText(key)}:`;
    const deeper = `${indent}  `;
    const before = this.lines.length;
    const shape = shapeOf(schema);
    if (shape === 'section') {
      this.lines.push(head);
      this.section(value as object, schema, path, deeper);
      if (this.lines.length === before + 1) this.#line(before, `${head} {}`, path);
    } else if (shape === 'map' && Object.keys(value as object).length > 0) {
      this.lines.push(head);
      for (const [name, item] of Object.entries(value as object)) {
        const child = itemSchema(schema);
        const isMasked = shapeOf(child) === 'any' && secretName.test(name);
        this.#entry(name, isMasked ? '***' : item, child, joinPath(path, name), deeper);
      }
    } else if (shape === 'list' && isSectionList(value, schema)) {
      this.lines.push(head);
      for (const [index, item] of (value as readonly object[]).entries()) {
        const start = this.lines.length;
        this.section(item, itemSchema(schema), `${path}[${index}]`, `${deeper}  `);
        const first = this.lines[start] ?? `${deeper}  {}`;
        this.lines[start] = `${deeper}- ${first.trimStart()}`;
      }
    } else {
      this.#leaf(head, flowText(value, schema), path);
    }
  }

  #leaf(head: string, text: string, path: string): void {
    this.#line(this.lines.length, `${head} ${text}`, path);
  }

  #line(at: number, text: string, path: string): void {
    const origin = this.#origins.get(path);
    this.lines[at] = `${text}  # ${origin === undefined ? 'default' : formatOrigin(origin)}`;
  }
}

function isSectionList(value: unknown, schema: OptionSchema): boolean {
  return (value as readonly unknown[]).length > 0 && shapeOf(itemSchema(schema)) === 'section';
}

/** A value on one line, by its kind. */
export function flowText(value: unknown, schema: OptionSchema): string {
  switch (shapeOf(schema)) {
    case 'duration':
      return formatGoDuration(value as number);
    case 'secret':
      return "'***'";
    case 'list':
      return `[${(value as readonly unknown[]).map((item) => flowText(item, itemSchema(schema))).join(', ')}]`;
    case 'map':
    case 'section':
      return '{}';
    case 'any':
      return anyText(value);
    default:
      return typeof value === 'string' ? stringText(value, schema) : String(value);
  }
}

/** Free-form values as JSON, which is YAML, with the values of telling names masked. */
function anyText(value: unknown): string {
  if (typeof value === 'string') return scalarText(maskedUrl(value));
  return JSON.stringify(value, (key, item: unknown) => {
    if (secretName.test(key)) return '***';
    return typeof item === 'string' ? maskedUrl(item) : item;
  });
}

/** A pattern for URLs is no URL: what looks like a query there is a part of it. */
function stringText(value: string, schema: OptionSchema): string {
  return scalarText(schema['x-pattern'] ? value : maskedUrl(value));
}

function scalarText(text: string): string {
  if (/[\n,[\]{}#]/.test(text)) return JSON.stringify(text);
  return stringify(text, { version: '1.1', lineWidth: 0 }).trimEnd();
}
