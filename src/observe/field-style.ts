/**
 * What the line formats share: the order of fields, names that clash, and lines planned ahead as pieces.
 */

import { lateKey } from './late-values.ts';
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
interface Piece {
  readonly text: string;
  readonly tail: string;
  readonly index: number;
  readonly make: ((value: unknown) => unknown) | undefined;
  /** What the line before had here, and how it was printed once it had come twice. */
  lastValue: unknown;
  lastText: string | undefined;
}

/**
 * The fields of one kind of line, planned ahead: sorted, neighbouring fixed ones joined. Host, agent, user and the
 * like are mostly those of the request before, so what comes again is printed from memory, if it can be as one text
 * for all that stands between two fields that always change (bench/logging.ts).
 */
export class LinePlan {
  readonly #stretches: Stretch[] = [];

  /** @param timeKey  Printed from the time text that `print` is given, not from a value. */
  constructor(fixed: LogFields, keys: readonly string[], style: FieldStyle, timeKey?: string) {
    const fields: Record<string, unknown> = { ...fixed };
    for (const key of keys) {
      fields[key] = undefined;
    }
    if (timeKey !== undefined) {
      fields[timeKey] = undefined;
    }
    let stretch = new Stretch(style, 'as before');
    for (const key of orderedKeys(fields, style)) {
      const name = style.name(key);
      const index = keys.indexOf(key);
      if (key !== timeKey && index < 0) {
        stretch.addFixed(fieldText(style, name, fields[key]));
        continue;
      }
      const make = index < 0 ? undefined : lateKey(key);
      // Late values differ from line to line; all others are mostly those of the line before.
      const kind = key === timeKey ? 'time' : make === undefined ? 'as before' : 'fresh';
      if (kind !== 'as before') {
        this.#add(stretch);
        stretch = new Stretch(style, kind);
      }
      stretch.addChanging(style.lead(name), style.tail(name), index, make);
      if (kind !== 'as before') {
        this.#add(stretch);
        stretch = new Stretch(style, 'as before');
      }
    }
    this.#add(stretch);
  }

  /** @param values  In the order of the keys. */
  print(values: readonly unknown[], timeText: string): string {
    let line = '';
    for (const stretch of this.#stretches) {
      line += stretch.print(values, timeText);
    }
    return line;
  }

  #add(stretch: Stretch): void {
    if (stretch.close()) {
      this.#stretches.push(stretch);
    }
  }
}

class Stretch {
  readonly #style: FieldStyle;
  readonly #kind: 'as before' | 'fresh' | 'time';
  readonly #pieces: Piece[] = [];
  #fixedText = '';
  /** The whole stretch, once all its values had come twice. */
  #lastText: string | undefined;

  constructor(style: FieldStyle, kind: 'as before' | 'fresh' | 'time') {
    this.#style = style;
    this.#kind = kind;
  }

  addFixed(text: string): void {
    this.#fixedText += text;
  }

  addChanging(lead: string, tail: string, index: number, make: Piece['make']): void {
    this.close();
    this.#pieces.push(newPiece(flattened(lead), tail, index, make));
  }

  /** Ends a run of fixed fields; false while there is nothing to print at all. */
  close(): boolean {
    if (this.#fixedText !== '') {
      this.#pieces.push(newPiece(flattened(this.#fixedText), '', -1));
      this.#fixedText = '';
    }
    return this.#pieces.length > 0;
  }

  print(values: readonly unknown[], timeText: string): string {
    const piece = this.#pieces[0] as Piece;
    switch (this.#kind) {
      case 'time':
        return piece.text + timeText + piece.tail;
      case 'fresh':
        return freshText(piece, values[piece.index], this.#style);
      default:
    }
    if (this.#isAsBefore(values)) {
      this.#lastText ??= flattened(this.#join(values));
      return this.#lastText;
    }
    this.#lastText = undefined;
    return this.#join(values);
  }

  #isAsBefore(values: readonly unknown[]): boolean {
    for (const piece of this.#pieces) {
      if (piece.index >= 0 && !isSame(values[piece.index], piece.lastValue)) {
        return false;
      }
    }
    return true;
  }

  #join(values: readonly unknown[]): string {
    let text = '';
    for (const piece of this.#pieces) {
      text += piece.index < 0 ? piece.text : pieceText(piece, values[piece.index], this.#style);
    }
    return text;
  }
}

/** Whether a value is printed as the one before was: an object may have changed inside. */
function isSame(value: unknown, before: unknown): boolean {
  return value === before && (typeof value !== 'object' || value === null);
}

function pieceText(piece: Piece, value: unknown, style: FieldStyle): string {
  if (isSame(value, piece.lastValue)) {
    piece.lastText ??= flattened(freshText(piece, value, style));
    return piece.lastText;
  }
  piece.lastValue = value;
  piece.lastText = undefined;
  return freshText(piece, value, style);
}

function freshText(piece: Piece, value: unknown, style: FieldStyle): string {
  const printed = style.value(piece.make === undefined ? value : piece.make(value));
  return printed === undefined ? '' : piece.text + printed + piece.tail;
}

/** The engine keeps a joined string as a tree of its parts; a copy in one piece is cheaper to print again and again. */
function flattened(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}

function newPiece(text: string, tail: string, index: number, make?: Piece['make']): Piece {
  return { text, tail, index, make, lastValue: undefined, lastText: undefined };
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
