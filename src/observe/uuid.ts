/**
 * UUIDv7 (RFC 9562, 5.7): time-ordered ids for requests, upload sessions and events.
 * Called on every request, so random digits come from a pool that one system call fills for 512 ids.
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
