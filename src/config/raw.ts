/**
 * The configuration as parsed and not yet checked: a tree of maps, lists and scalars that remember where they came
 * from. Made by yaml.ts, changed by environment.ts, read by convert.ts.
 */

import type { Origin } from './faults.ts';

export interface RawScalar {
  readonly kind: 'scalar';
  /** As written; the content for quoted and block scalars. */
  readonly text: string;
  /** A plain scalar, whose type is found from its text; quoted ones are always text. */
  readonly isPlain: boolean;
  /** The nothing after a key without a colon (`{a}`), which may be no key: text with a comma is cut into such. */
  readonly isLone?: boolean;
  readonly origin: Origin;
}

export interface RawList {
  readonly kind: 'list';
  readonly items: RawNode[];
  readonly origin: Origin;
}

export interface RawMap {
  readonly kind: 'map';
  readonly entries: Map<string, RawNode>;
  readonly origin: Origin;
}

export type RawNode = RawScalar | RawList | RawMap;

export function emptyMap(origin: Origin): RawMap {
  return { kind: 'map', entries: new Map(), origin };
}

export function plainScalar(text: string, origin: Origin): RawScalar {
  return { kind: 'scalar', text, isPlain: true, origin };
}

/** Absent, or an empty or `null` plain scalar. */
export function isNull(node: RawNode | undefined): boolean {
  return node === undefined || (node.kind === 'scalar' && scalarValue(node) === null);
}

/** The node at a path of map keys. */
export function rawAt(node: RawNode | undefined, ...keys: readonly string[]): RawNode | undefined {
  let current = node;
  for (const key of keys) current = current?.kind === 'map' ? current.entries.get(key) : undefined;
  return current;
}

/** What the node is, for messages. */
export function kindName(node: RawNode): string {
  if (node.kind === 'map') return 'a section';
  if (node.kind === 'list') return 'a list';
  return node.isPlain ? 'a value' : 'quoted text';
}

const booleans = new Map<string, boolean>();
for (const [words, value] of [
  ['y yes on true', true],
  ['n no off false', false],
] as const) {
  for (const word of words.split(' ')) {
    const capital = word.charAt(0).toUpperCase() + word.slice(1);
    for (const spelling of [word, capital, word.toUpperCase()]) booleans.set(spelling, value);
  }
}

const integer = /^[-+]?(0x[0-9a-f]+|0o?[0-7]+|0b[01]+|[1-9][0-9]*|0)$/i;
const float = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

/** The value of a scalar by YAML 1.1's rules as yaml.v2 applies them (no base 60, octal by a leading 0). */
export function scalarValue(scalar: RawScalar): string | number | boolean | null {
  const { text } = scalar;
  if (!scalar.isPlain) return text;
  if (text === '' || text === '~' || /^(null|Null|NULL)$/.test(text)) return null;
  return booleans.get(text) ?? tryParseNumber(text) ?? text;
}

/** A number as Go's base-0 ParseInt or YAML's float syntax reads it; underscores between digits are skipped. */
export function tryParseNumber(text: string): number | undefined {
  const digits = text.replaceAll('_', '');
  if (integer.test(digits)) {
    const magnitude = digits.replace(/^[-+]/, '');
    const value = Number(/^0[0-7]+$/.test(magnitude) ? `0o${magnitude.slice(1)}` : magnitude);
    return digits.startsWith('-') ? -value || 0 : value;
  }
  return float.test(digits) ? Number(digits) : undefined;
}

/** The node as plain JavaScript values, for free-form options. */
export function rawToPlain(node: RawNode): unknown {
  if (node.kind === 'scalar') return scalarValue(node);
  if (node.kind === 'list') return node.items.map(rawToPlain);
  return Object.fromEntries([...node.entries].map(([key, value]) => [key, rawToPlain(value)]));
}
