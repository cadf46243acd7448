/**
 * Turns whatever a caller logs into something that can be printed: errors as their cause chain, secrets masked,
 * anything else JSON-safe and bounded in length. Used by the line formats and the mail hook.
 */

import { Secret } from '../options/secret.ts';

const maxChars = 16 * 1024;
const maxCauses = 8;

/** A value ready to print. `json` is the text of an object or a list; absent values are `undefined`. */
export type PrintableValue = string | number | boolean | null | { readonly json: string };

/** `undefined` when the field is to be left out. Never throws. */
export function printableValue(value: unknown): PrintableValue | undefined {
  switch (typeof value) {
    case 'string':
      return value.length > maxChars ? cut(value) : value;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
      return value;
    case 'bigint':
      return value.toString();
    case 'object':
      return value === null ? null : printableObject(value);
    default:
      return undefined;
  }
}

/** Messages of an error and its causes, outermost first, joined with ": ". */
export function errorChainText(error: unknown): string {
  const texts: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < maxCauses && current !== undefined && current !== null; depth += 1) {
    const text = oneErrorText(current);
    // Many wrappers already end with their cause's text.
    if (text !== '' && texts.at(-1)?.endsWith(text) !== true) {
      texts.push(text);
    }
    current = current instanceof Error ? current.cause : undefined;
  }
  return cut(texts.join(': '));
}

function oneErrorText(error: unknown): string {
  if (!(error instanceof Error)) {
    return typeof error === 'object' ? safeJson(error) : String(error);
  }
  const own = error.message === '' ? error.name : error.message;
  if (error instanceof AggregateError && error.errors.length > 0) {
    const inner = error.errors.slice(0, maxCauses).map((each: unknown) => oneErrorText(each));
    return `${own} (${inner.join('; ')})`;
  }
  return own;
}

function printableObject(value: object): PrintableValue {
  try {
    if (value instanceof Error) {
      return errorChainText(value);
    }
    if (value instanceof Secret) {
      return value.toString();
    }
    if (value instanceof Date) {
      return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString();
    }
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
      return `<${value.byteLength} bytes>`;
    }
    const json = safeJson(value);
    return json.length > maxChars ? cut(json) : { json };
  } catch {
    // A getter or a proxy that throws: the line is worth more than the field.
    return '<unprintable>';
  }
}

function safeJson(value: unknown): string {
  const ancestors: object[] = [];
  // `this` is the object that holds `key`: what lies deeper on the stack than it has been left.
  function plain(this: unknown, _key: string, inner: unknown): unknown {
    if (typeof inner === 'bigint') {
      return inner.toString();
    }
    if (typeof inner !== 'object' || inner === null) {
      return inner;
    }
    if (inner instanceof Error) {
      return errorChainText(inner);
    }
    if (ArrayBuffer.isView(inner)) {
      return `<${inner.byteLength} bytes>`;
    }
    while (ancestors.length > 0 && ancestors.at(-1) !== this) {
      ancestors.pop();
    }
    if (ancestors.includes(inner)) {
      return '<circular>';
    }
    ancestors.push(inner);
    if (inner instanceof Map || inner instanceof Set) {
      const copy = inner instanceof Map ? Object.fromEntries(inner) : [...inner];
      ancestors[ancestors.length - 1] = copy;
      return copy;
    }
    return inner;
  }
  return JSON.stringify(value, plain) ?? '<unprintable>';
}

function cut(text: string): string {
  return text.length > maxChars ? `${text.slice(0, maxChars)}…` : text;
}

/** A field's value as words, for text lines and mails. */
export function plainText(value: PrintableValue): string {
  return typeof value === 'object' && value !== null ? value.json : String(value);
}
