/**
 * What is kept for long, in memory of its own. Lies underneath all rooms, beside bytes.ts.
 *
 * A part of something is a view of the whole: of a string that V8 cut out of a request's query, or of bytes that lie in
 * a slab with others. A cache of such parts keeps wholes, and its bound says nothing.
 */

/** The same text, cut loose from what it was a part of. For ASCII: digests, names, ids. */
export function ownText<T extends string>(text: T): T {
  return Buffer.from(text, 'latin1').toString('latin1') as T;
}

/** The same bytes, in a buffer without anything else. */
export function ownBytes(bytes: Buffer): Buffer {
  if (bytes.buffer.byteLength === bytes.length) {
    return bytes;
  }
  const own = Buffer.allocUnsafeSlow(bytes.length);
  own.set(bytes);
  return own;
}
