/**
 * Lines of one kind as records of what differs from the line before: host, agent, user and the like are mostly those
 * of the request before.
 *
 *   time of the line | bits of the values that changed | those values
 */

import type { OfValues } from '../line-output.ts';
import {
  isPlainValue,
  maxValueBytes,
  type PlainValue,
  type RingReader,
  type RingWriter,
} from './record-ring.ts';

/** Values of a line: as many as there are bits in the number that says which changed. */
const maxValues = 32;
const headBytes = 2 * Float64Array.BYTES_PER_ELEMENT;

/** What became of a line: an `odd` one does not fit a record and must be printed first. */
export type Put = 'put' | 'full' | 'odd';

export function createLinePutter(ring: RingWriter, tag: number): OfValues<Put> {
  const last: unknown[] = new Array<unknown>(maxValues).fill(undefined);
  return (timeMs, values) => {
    let changed = 0;
    let maxBytes = headBytes;
    const count = values.length;
    if (count > maxValues) {
      return 'odd';
    }
    for (let index = 0; index < count; index++) {
      const value = values[index];
      if (value !== last[index]) {
        if (!isPlainValue(value)) {
          return 'odd';
        }
        changed |= 1 << index;
        maxBytes += maxValueBytes(value);
      }
    }
    if (maxBytes > ring.maxRecordBytes) {
      return 'odd';
    }
    if (!ring.begin(tag, maxBytes)) {
      return 'full';
    }
    ring.number(timeMs);
    ring.number(changed >>> 0);
    for (let index = 0; index < count; index++) {
      if ((changed & (1 << index)) !== 0) {
        const value = values[index];
        last[index] = value;
        ring.value(value as PlainValue);
      }
    }
    ring.end();
    return 'put';
  };
}

/** Does something with the values of each record of the putter of the same kind. They are valid until the next. */
export function createLineTaker<T>(ring: RingReader, make: OfValues<T>): () => T {
  const values: unknown[] = new Array<unknown>(maxValues).fill(undefined);
  return () => {
    const timeMs = ring.number();
    const changed = ring.number();
    for (let index = 0; index < maxValues; index++) {
      if ((changed & (1 << index)) !== 0) {
        values[index] = ring.value();
      }
    }
    return make(timeMs, values);
  };
}
