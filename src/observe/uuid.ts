/**
 * UUIDv7 (RFC 9562, 5.7): time-ordered ids for requests, upload sessions and events.
 * Called at a high rate, so random digits come from a pool that one system call fills for 512 ids.
 */

import { randomBytes } from 'node:crypto';

const digitsPerId = 20;
const idsPerFill = 512;
const variantDigits = '89ab';
let poolDigits = '';
let poolUsed = 0;
let lastTimeMs = Number.NaN;
let lastHead = '';

/**
 * Formats a UUIDv7 of a time and random digits; the same arguments give the same id.
 *
 * @param timeMs        Milliseconds since 1970, below 2^48.
 * @param randomDigits  At least 19 lower-case hex digits from `offset` on; two bits of them give way to the variant.
 */
export function formatUuidV7(timeMs: number, randomDigits: string, offset = 0): string {
  if (timeMs !== lastTimeMs) {
    const time = timeMs.toString(16).padStart(12, '0');
    lastTimeMs = timeMs;
    lastHead = `${time.slice(0, 8)}-${time.slice(8)}-7`;
  }
  const random = randomDigits.slice(offset, offset + 19);
  const variant = variantDigits[Number.parseInt(random.charAt(3), 16) & 3];
  return `${lastHead}${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7)}`;
}

/** A fresh UUIDv7. Ids of one millisecond have no order among themselves. */
export function uuidV7(timeMs: number = Date.now()): string {
  if (poolUsed >= poolDigits.length) {
    poolDigits = randomBytes((digitsPerId / 2) * idsPerFill).toString('hex');
    poolUsed = 0;
  }
  const id = formatUuidV7(timeMs, poolDigits, poolUsed);
  poolUsed += digitsPerId;
  return id;
}

const idsPerTail = 4096;
let numbers: readonly string[] = [];
let nextNumber = idsPerTail;
let numberedTimeMs = Number.NaN;

/** A UUID in parts to be joined; the outer ones are mostly those of the one before. */
export interface UuidParts {
  head: string;
  number: string;
  tail: string;
}

/**
 * A fresh UUIDv7 for what is logged by the ten thousand a second: those of one millisecond share their random digits
 * and count up in `rand_a` (RFC 9562, 6.2, method 1), a fifth of the cost. Whoever knows one can guess its neighbours.
 */
export function numberedUuidV7(timeMs: number = Date.now()): string {
  const { head, number, tail } = numberedUuidParts(timeMs);
  return head + number + tail;
}

const parts: UuidParts = { head: '', number: '', tail: '' };

/** `numberedUuidV7` in its parts, which are valid until the next call. */
export function numberedUuidParts(timeMs: number = Date.now()): UuidParts {
  if (timeMs !== numberedTimeMs || nextNumber === idsPerTail) {
    const id = uuidV7(timeMs);
    numberedTimeMs = timeMs;
    parts.head = id.slice(0, 15);
    parts.tail = id.slice(18);
    nextNumber = 0;
  }
  if (numbers.length === 0) {
    numbers = Array.from({ length: idsPerTail }, (_, number) =>
      number.toString(16).padStart(3, '0'),
    );
  }
  parts.number = numbers[nextNumber] as string;
  nextNumber += 1;
  return parts;
}
