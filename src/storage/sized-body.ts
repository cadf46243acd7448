/**
 * Finds out whether a body that came without its length is a small one: docker sends its layers so. Handing a small one
 * to a worker costs 2.8 times what storing it here does (bench/front-ends.ts).
 */

import { bytesSource } from '../bytes.ts';
import type { BodySource } from './body-store.ts';

/** A body in more pieces than this comes slowly: its bytes are stored as they come. */
const maxPieces = 4;

/**
 * The same body, its length known if it ends within `limitBytes`. Holds copies meanwhile and no buffer of the pool: were
 * all buffers held by bodies that wait for their next, none would go on.
 */
export async function sizedBody(body: BodySource, limitBytes: number): Promise<BodySource> {
  if (body.sizeBytes !== undefined) return body;
  const copies: Uint8Array[] = [];
  let sizeBytes = 0;
  try {
    for (;;) {
      const piece = await body.read();
      if (piece === undefined) return wholeBody(joined(copies, sizeBytes));
      sizeBytes += piece.length;
      if (sizeBytes > limitBytes || copies.length === maxPieces) {
        return rejoined(joined(copies, sizeBytes - piece.length), piece, body);
      }
      copies.push(Uint8Array.from(piece));
      body.pool.give(piece);
    }
  } catch (error) {
    return rejoined(joined(copies, sizeBytes), undefined, {
      sizeBytes: undefined,
      pool: body.pool,
      read: () => Promise.reject(error),
      cancel: (reason) => body.cancel(reason),
    });
  }
}

/** In an ArrayBuffer of its own, which may travel to a worker. */
function joined(copies: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  const [first] = copies;
  if (first !== undefined && copies.length === 1) return first;
  const whole = new Uint8Array(sizeBytes);
  let offset = 0;
  for (const copy of copies) {
    whole.set(copy, offset);
    offset += copy.length;
  }
  return whole;
}

function wholeBody(bytes: Uint8Array): BodySource {
  return { ...bytesSource(bytes), sizeBytes: bytes.length, pool: { give() {} } };
}

/** What was read already, then the rest. */
function rejoined(copied: Uint8Array, piece: Uint8Array | undefined, rest: BodySource): BodySource {
  const read: Uint8Array[] = [];
  if (copied.length > 0) read.push(copied);
  if (piece !== undefined) read.push(piece);
  // The copy is no buffer of the pool. Readers hand back as many as they got, in that order.
  let foreign = copied.length > 0 ? 1 : 0;
  function give(buffer: Uint8Array): void {
    if (foreign > 0) foreign -= 1;
    else rest.pool.give(buffer);
  }
  return {
    sizeBytes: undefined,
    pool: { give },
    read: () => {
      const next = read.shift();
      return next === undefined ? rest.read() : Promise.resolve(next);
    },
    takeHeld: () => read.shift() ?? rest.takeHeld?.(),
    cancel(reason): void {
      for (const unread of read.splice(0)) give(unread);
      rest.cancel(reason);
    },
  };
}
