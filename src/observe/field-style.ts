/**
 * What the line formats share: the order of fields, names that clash, and lines planned ahead as pieces.
 */

import type { LogFields } from './logger.ts';

/** How a format prints one field: lead, value, tail. */
export interface FieldStyle {
  /** The key as printed, renamed when it clashes. */
  name(key: string): string;
  lead(name: string): string;
  /** `undefined` leaves the whole field out. */
  value(value: unknown): string | undefined;
  tail(name: string): string;
  /** Keys that go before the sorted ones. */
  readonly first: readonly string[];
}

export function fieldText(style: FieldStyle, name: string, value: unknown): string {
  const printed = style.value(value);
  return printed === undefined ? '' : style.lead(name) + printed + style.tail(name);
}

/** A stretch of fixed text (`index` -1), or what surrounds the value at `index`. */
export interface Piece {
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
export function pieceText(piece: Piece, value: unknown, style: FieldStyle): string {
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
export function planPieces(fixed: LogFields, keys: readonly string[], style: FieldStyle): Piece[] {
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

export function freeKey(key: string, taken: ReadonlySet<string>): string {
  return taken.has(key) ? `fields.${key}` : key;
}

/** Sorted as printed, by code unit. */
export function orderedKeys(fields: LogFields, style: FieldStyle): string[] {
  const sorted = Object.keys(fields).sort((left, right) => {
    const leftName = style.name(left);
    const rightName = style.name(right);
    return leftName < rightName ? -1 : leftName > rightName ? 1 : 0;
  });
  const first = style.first.filter((key) => sorted.includes(key));
  return first.length === 0 ? sorted : [...first, ...sorted.filter((key) => !first.includes(key))];
}
