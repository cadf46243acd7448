/** Bytes for tests: repeatable noise, and whole streams read back. */

import { createHash } from 'node:crypto';
import type { ByteSource } from '../../src/bytes.ts';

/** Noise that is the same for the same seed, and different at every offset. */
export function noise(sizeBytes: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(sizeBytes);
  let state = seed * 0x9e3779b1 + 1;
  for (let at = 0; at < sizeBytes; at += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state;
  }
  return bytes;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Everything a source gives, copied piece by piece as its contract demands. */
export async function drain(source: ByteSource): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let piece = await source.read(); piece !== undefined; piece = await source.read()) {
    if (piece.length === 0) {
      throw new Error('a source gave an empty piece');
    }
    pieces.push(Buffer.from(piece));
  }
  return Buffer.concat(pieces);
}
