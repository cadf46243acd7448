/**
 * What the line formats share: the order of fields, names that clash, and lines planned ahead as pieces.
 */

import { idKey, lateKey } from './late-values.ts';
import { unprintedKey } from './line-format.ts';
import type { LogFields } from './logger.ts';
import { numberedUuidParts } from './uuid.ts';

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

/** Prints a part of a line to one or more pieces of it. */
interface Stretch {
  readonly pieceCount: number;
  print(values: readonly unknown[], timeText: string, pieces: string[], at: number): void;
}

/**
 * The fields of one kind of line, planned ahead: sorted, neighbouring fixed ones joined. Host, agent, user and the
 * like are mostly those of the request before, so what comes again is printed from memory, if it can be as one text
 * for all that stands between two fields that change often (bench/logging.ts).
 */
export class LinePlan {
  readonly #stretches: Stretch[] = [];
  readonly #pieces: string[];
  readonly #from: number;

  /**
   * @param before   Pieces of the line that come first, `after` those that come last.
   * @param timeKey  Printed in quotes from the time text that `print` is given, not from a value.
   */
  constructor(
    fixed: LogFields,
    keys: readonly string[],
    style: FieldStyle,
    before: readonly string[],
    after: readonly string[],
    timeKey?: string,
  ) {
    const fields: Record<string, unknown> = { ...fixed };
    for (const key of keys) {
      if (key !== unprintedKey) {
        fields[key] = undefined;
      }
    }
    if (timeKey !== undefined) {
      fields[timeKey] = undefined;
    }
    let stretch = new FieldsStretch(style);
    for (const key of orderedKeys(fields, style)) {
      const name = style.name(key);
      const index = keys.indexOf(key);
      if (key !== timeKey && index < 0) {
        stretch.addFixed(fieldText(style, name, fields[key]));
        continue;
      }
      const make = index < 0 ? undefined : lateKey(key);
      if (key !== timeKey && make === undefined) {
        stretch.addChanging(style.lead(name), style.tail(name), index, undefined);
        continue;
      }
      this.#add(stretch);
      this.#stretches.push(oftenChanging(key, timeKey, index, style));
      stretch = new FieldsStretch(style);
    }
    this.#add(stretch);
    this.#from = before.length;
    const count = this.#stretches.reduce((sum, { pieceCount }) => sum + pieceCount, 0);
    this.#pieces = [...before, ...new Array<string>(count).fill(''), ...after];
  }

  /**
   * @param values  In the order of the keys.
   * @returns       `LinePieces`
   */
  print(values: readonly unknown[], timeText: string): string[] {
    let at = this.#from;
    for (const stretch of this.#stretches) {
      stretch.print(values, timeText, this.#pieces, at);
      at += stretch.pieceCount;
    }
    return this.#pieces;
  }

  #add(stretch: FieldsStretch): void {
    if (stretch.close()) {
      this.#stretches.push(stretch);
    }
  }
}

/** A field that would keep its neighbours from being printed from memory. */
function oftenChanging(
  key: string,
  timeKey: string | undefined,
  index: number,
  style: FieldStyle,
): Stretch {
  const name = style.name(key);
  if (key === timeKey) {
    return new TimeStretch(style.lead(name), style.tail(name));
  }
  if (key === idKey) {
    return new IdStretch(style, name, index);
  }
  const stretch = new FieldsStretch(style);
  stretch.addChanging(style.lead(name), style.tail(name), index, lateKey(key));
  return stretch;
}

class FieldsStretch implements Stretch {
  readonly pieceCount = 1;
  readonly #style: FieldStyle;
  readonly #pieces: Piece[] = [];
  #fixedText = '';
  /** The whole stretch, once all its values had come twice. */
  #lastText: string | undefined;

  constructor(style: FieldStyle) {
    this.#style = style;
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

  print(values: readonly unknown[], _timeText: string, pieces: string[], at: number): void {
    if (!this.#isAsBefore(values)) {
      this.#lastText = undefined;
      pieces[at] = this.#join(values);
    } else if (this.#lastText === undefined) {
      this.#lastText = flattened(this.#join(values));
      pieces[at] = this.#lastText;
    }
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

class TimeStretch implements Stretch {
  readonly pieceCount = 1;
  readonly #lead: string;
  readonly #tail: string;
  #lastTime: string | undefined;

  constructor(lead: string, tail: string) {
    this.#lead = lead;
    this.#tail = tail;
  }

  print(_values: readonly unknown[], timeText: string, pieces: string[], at: number): void {
    if (timeText !== this.#lastTime) {
      this.#lastTime = timeText;
      pieces[at] = `${this.#lead}"${timeText}"${this.#tail}`;
    }
  }
}

/** The request's id. A new one differs from that of the line before in three digits, which have a piece of their own. */
class IdStretch implements Stretch {
  readonly pieceCount = 3;
  readonly #style: FieldStyle;
  readonly #name: string;
  readonly #index: number;
  /** What surrounds a new id, quotes included. */
  readonly #lead: string;
  readonly #tail: string;
  #last: { head: string; tail: string } | undefined;

  constructor(style: FieldStyle, name: string, index: number) {
    this.#style = style;
    this.#name = name;
    this.#index = index;
    const quote = style.value('id')?.split('id')[0] ?? '';
    this.#lead = style.lead(name) + quote;
    this.#tail = quote + style.tail(name);
  }

  print(values: readonly unknown[], _timeText: string, pieces: string[], at: number): void {
    const known = values[this.#index];
    if (known !== undefined) {
      pieces[at] = fieldText(this.#style, this.#name, known);
      pieces[at + 1] = '';
      pieces[at + 2] = '';
      this.#last = undefined;
      return;
    }
    const { head, number, tail } = numberedUuidParts();
    pieces[at + 1] = number;
    if (head !== this.#last?.head || tail !== this.#last.tail) {
      this.#last = { head, tail };
      pieces[at] = this.#lead + head;
      pieces[at + 2] = tail + this.#tail;
    }
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
