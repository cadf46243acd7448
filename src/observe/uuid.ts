/**
 * UUIDv7 (RFC 9562, 5.7): time-ordered ids for requests, upload sessions and events.
 * Called on every request, so random bytes come from a pool that one system call fills for 512 ids.
 */

import { randomFillSync } from 'node:crypto';

const randomBytesPerId = 10;
const pool = Buffer.allocUnsafe(randomBytesPerId * 512);
let poolUsed = pool.length;

const hexPairs: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
);

/**
 * Formats a UUIDv7 of a time and ten random bytes; the same arguments give the same id.
 *
 * @param timeMs  Milliseconds since 1970, below 2^48.
 * @param random  At least ten bytes from `offset` on; six of their eighty bits give way to version and variant.
 */
export function formatUuidV7(timeMs: number, random: Uint8Array, offset = 0): string {
  const high = Math.floor(timeMs / 0x10000);
  const low = timeMs & 0xffff;
  const pair = (index: number): string => hexPairs[random[offset + index] ?? 0] as string;
  const version = hexPairs[((random[offset] ?? 0) & 0x0f) | 0x70] as string;
  const variant = hexPairs[((random[offset + 2] ?? 0) & 0x3f) | 0x80] as string;
  return `${hexPairs[high >>> 24]}${hexPairs[(high >>> 16) & 0xff]}${hexPairs[(high >>> 8) & 0xff]}${hexPairs[high & 0xff]}-${hexPairs[low >>> 8]}${hexPairs[low & 0xff]}-${version}${pair(1)}-${variant}${pair(3)}-${pair(4)}${pair(5)}${pair(6)}${pair(7)}${pair(8)}${pair(9)}`;
}

/** A fresh UUIDv7. Ids of one millisecond have no order among themselves. */
export function uuidV7(timeMs: number = Date.now()): string {
  if (poolUsed + randomBytesPerId > pool.length) {
    randomFillSync(pool);
    poolUsed = 0;
  }
  const id = formatUuidV7(timeMs, pool, poolUsed);
  poolUsed += randomBytesPerId;
  return id;
}
