/**
 * Streams of bytes as every room passes them on: pulled piece by piece, cancelled once.
 * Lies underneath all rooms, beside errors.ts.
 */

/**
 * A stream of bytes that its reader pulls.
 *
 * Single use, one reader, no overlapping `read` calls. A piece stays valid until the next `read` or `cancel`:
 * copy to keep. Pulling is the back-pressure: a source holds at most one piece nobody asked for yet.
 */
export interface ByteSource {
  /** The next piece (never empty), or `undefined` at the end. Rejects with the source's failure, then always. */
  read(): Promise<Uint8Array | undefined>;
  /** Ends the stream early and frees what it holds (a file handle, a socket). Safe to call twice and after the end. */
  cancel(reason?: unknown): void;
  /**
   * After the last piece: nobody looks at any piece any more, so their memory may serve another source at once. For
   * readers that are sure of it, as whoever hands pieces to a socket that may still be sending them is not.
   */
  release?(): void;
}

/** A source over bytes already in memory. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  let left: Uint8Array | undefined = bytes.length > 0 ? bytes : undefined;
  return {
    read(): Promise<Uint8Array | undefined> {
      const piece = left;
      left = undefined;
      return Promise.resolve(piece);
    },
    cancel(): void {
      left = undefined;
    },
  };
}

/** Reads a source to its end into one buffer; throws `RangeError` once it holds more than `limitBytes`. */
export async function readAll(source: ByteSource, limitBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  for (let piece = await source.read(); piece !== undefined; piece = await source.read()) {
    sizeBytes += piece.length;
    if (sizeBytes > limitBytes) {
      source.cancel();
      throw new RangeError(`more than ${limitBytes} bytes`);
    }
    pieces.push(Buffer.from(piece));
  }
  return pieces.length === 1 && pieces[0] !== undefined
    ? pieces[0]
    : Buffer.concat(pieces, sizeBytes);
}

/** A source as an async iterable, for code that is not on the hot path. Leaving the loop cancels the source. */
export async function* iterate(source: ByteSource): AsyncGenerator<Uint8Array, void, void> {
  try {
    for (let piece = await source.read(); piece !== undefined; piece = await source.read()) {
      yield piece;
    }
  } finally {
    source.cancel();
  }
}
