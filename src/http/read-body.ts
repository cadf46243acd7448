/** Reads a request's body that must fit in memory: manifests and forms. */

import type { RequestBody } from './exchange.ts';

/** The whole body, or `undefined` when it is larger than `limitBytes`; the rest is then left unread. */
export async function readLimited(
  body: RequestBody,
  limitBytes: number,
): Promise<Buffer | undefined> {
  if (body.sizeBytes !== undefined && body.sizeBytes > limitBytes) {
    return undefined;
  }
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  for (let piece = await body.read(); piece !== undefined; piece = await body.read()) {
    sizeBytes += piece.length;
    pieces.push(Buffer.from(piece));
    body.pool.give(piece);
    if (sizeBytes > limitBytes) {
      return undefined;
    }
  }
  return Buffer.concat(pieces, sizeBytes);
}
