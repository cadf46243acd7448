/**
 * Records from one thread to another through shared memory: no message, no system call and no garbage per record.
 *
 *   ┌ units and tag of a record, its bytes ┬ the next … ┬ free ┐    head: where the writer goes on (moved by `end`)
 *   tail ──> (read)                                     head        tail: where the reader goes on
 *
 * A record does not wrap around the end of the memory: a header of 0 units says that the next one is at its beginning.
 * Positions count units of 8 bytes, modulo 2^30, so that equal ones always mean an empty ring.
 */

const unitBytes = 8;
const positionMask = 2 ** 30 - 1;
const headerBytes = 8;
const roomWaitMs = 250;
/** Records after which the writer is told how far the reader is: each time costs both of them. */
const recordsPerTail = 64;

/** The shared control words. */
const word = { head: 0, tail: 1 } as const;
/** Words from here on are the users' own. */
export const firstFreeWord = 2;
const controlWords = 16;

export interface RingMemory {
  readonly control: SharedArrayBuffer;
  readonly data: SharedArrayBuffer;
}

/** @param sizeBytes  A power of two. */
export function createRingMemory(sizeBytes: number): RingMemory {
  return {
    control: new SharedArrayBuffer(controlWords * Int32Array.BYTES_PER_ELEMENT),
    data: new SharedArrayBuffer(sizeBytes),
  };
}

export type PlainValue = string | number | boolean | null | undefined;

const type = { absent: 0, null: 1, false: 2, true: 3, number: 4, string: 5 } as const;
const numberBytes = 1 + Float64Array.BYTES_PER_ELEMENT;
const stringHeadBytes = 1 + Uint32Array.BYTES_PER_ELEMENT;
/** UTF-8 takes at most three bytes for a unit of a string. */
const bytesPerChar = 3;

/** Whether a value can be put. */
export function isPlainValue(value: unknown): value is PlainValue {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'undefined':
      return true;
    default:
      return value === null;
  }
}

/** An upper bound of the bytes that a value takes. */
export function maxValueBytes(value: PlainValue): number {
  return typeof value === 'string' ? stringHeadBytes + value.length * bytesPerChar : numberBytes;
}

export class RingWriter {
  readonly #control: Int32Array;
  readonly #view: DataView;
  readonly #bytes: Buffer;
  readonly #units: number;
  #head = 0;
  /** As last seen: the ring is emptier than that by now, never fuller. */
  #tail = 0;
  #start = 0;
  #at = 0;
  #isReaderStuck = false;

  constructor({ control, data }: RingMemory) {
    this.#control = new Int32Array(control);
    this.#view = new DataView(data);
    this.#bytes = Buffer.from(data);
    this.#units = data.byteLength / unitBytes;
  }

  /** Records may take so many bytes. */
  get maxRecordBytes(): number {
    return (this.#units * unitBytes) / 4;
  }

  /**
   * Begins a record of at most `maxBytes`. Where there is no room it waits for the reader a while: that lends it the
   * processor that it lacks. False: there is still none.
   */
  begin(tag: number, maxBytes: number): boolean {
    const units = Math.ceil((headerBytes + maxBytes) / unitBytes);
    const offset = this.#head & (this.#units - 1);
    const toEnd = this.#units - offset;
    const isWrapping = units > toEnd;
    if (!this.#hasRoom(isWrapping ? toEnd + units : units)) {
      return false;
    }
    if (isWrapping) {
      this.#view.setUint32(offset * unitBytes, 0, true);
      this.#head = (this.#head + toEnd) & positionMask;
    }
    this.#start = (this.#head & (this.#units - 1)) * unitBytes;
    this.#view.setUint32(this.#start + 4, tag, true);
    this.#at = this.#start + headerBytes;
    return true;
  }

  number(value: number): void {
    this.#view.setFloat64(this.#at, value, true);
    this.#at += Float64Array.BYTES_PER_ELEMENT;
  }

  text(value: string): void {
    const bytes = this.#bytes.write(value, this.#at + 4, 'utf8');
    this.#view.setUint32(this.#at, bytes, true);
    this.#at += 4 + bytes;
  }

  value(value: PlainValue): void {
    if (typeof value === 'string') {
      this.#type(type.string);
      this.text(value);
    } else if (typeof value === 'number') {
      this.#type(type.number);
      this.number(value);
    } else {
      this.#type(
        value === undefined
          ? type.absent
          : value === null
            ? type.null
            : value
              ? type.true
              : type.false,
      );
    }
  }

  /** Shows the record to the reader. */
  end(): void {
    const units = Math.ceil((this.#at - this.#start) / unitBytes);
    this.#view.setUint32(this.#start, units, true);
    this.#head = (this.#head + units) & positionMask;
    Atomics.store(this.#control, word.head, this.#head);
  }

  #type(code: number): void {
    this.#bytes[this.#at] = code;
    this.#at += 1;
  }

  #hasRoom(units: number): boolean {
    if (this.#free() >= units) {
      return true;
    }
    const seen = this.#tail;
    this.#tail = Atomics.load(this.#control, word.tail);
    if (this.#free() >= units) {
      this.#isReaderStuck = false;
      return true;
    }
    // One wait for each time that the reader stops: records must not wait in turn for a reader that is gone.
    if (this.#isReaderStuck && this.#tail === seen) {
      return false;
    }
    const untilMs = performance.now() + roomWaitMs;
    do {
      Atomics.wait(this.#control, word.tail, this.#tail, roomWaitMs);
      this.#tail = Atomics.load(this.#control, word.tail);
      if (this.#free() >= units) {
        this.#isReaderStuck = false;
        return true;
      }
    } while (performance.now() < untilMs);
    this.#isReaderStuck = true;
    return false;
  }

  #free(): number {
    return this.#units - ((this.#head - this.#tail) & positionMask);
  }
}

export class RingReader {
  readonly #control: Int32Array;
  readonly #view: DataView;
  readonly #bytes: Buffer;
  readonly #units: number;
  #tail = 0;
  #at = 0;

  constructor({ control, data }: RingMemory) {
    this.#control = new Int32Array(control);
    this.#view = new DataView(data);
    this.#bytes = Buffer.from(data);
    this.#units = data.byteLength / unitBytes;
  }

  get isEmpty(): boolean {
    return Atomics.load(this.#control, word.head) === this.#tail;
  }

  /**
   * Gives each record to `take`, which reads its parts in the order in which they were put.
   *
   * @returns how many there were
   */
  readAll(take: (tag: number) => void): number {
    let records = 0;
    const head = Atomics.load(this.#control, word.head);
    while (this.#tail !== head) {
      const offset = this.#tail & (this.#units - 1);
      const units = this.#view.getUint32(offset * unitBytes, true);
      if (units === 0) {
        this.#tail = (this.#tail + this.#units - offset) & positionMask;
        continue;
      }
      this.#at = offset * unitBytes + headerBytes;
      take(this.#view.getUint32(offset * unitBytes + 4, true));
      this.#tail = (this.#tail + units) & positionMask;
      records += 1;
      if (records % recordsPerTail === 0) {
        Atomics.store(this.#control, word.tail, this.#tail);
      }
    }
    if (records > 0) {
      Atomics.store(this.#control, word.tail, this.#tail);
      Atomics.notify(this.#control, word.tail);
    }
    return records;
  }

  number(): number {
    const value = this.#view.getFloat64(this.#at, true);
    this.#at += Float64Array.BYTES_PER_ELEMENT;
    return value;
  }

  text(): string {
    const bytes = this.#view.getUint32(this.#at, true);
    const start = this.#at + 4;
    this.#at = start + bytes;
    return this.#bytes.toString('utf8', start, this.#at);
  }

  value(): PlainValue {
    const code = this.#bytes[this.#at];
    this.#at += 1;
    switch (code) {
      case type.string:
        return this.text();
      case type.number:
        return this.number();
      case type.true:
        return true;
      case type.false:
        return false;
      case type.null:
        return null;
      default:
        return undefined;
    }
  }
}
