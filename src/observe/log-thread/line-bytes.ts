/**
 * Lines of one kind in bytes, each made of the one before: what did not change is neither encoded nor copied again
 * (bench/logging.ts).
 *
 *   piece 0 | piece 1 | piece 2 …     as long as before: written over; else what follows is written anew
 */

import type { LinePieces } from '../line-output.ts';

/** UTF-8 takes at most three bytes for a unit of a string. */
const bytesPerChar = 3;
const firstBytes = 1024;

/** @returns what gives a line in UTF-8, valid until it is called again */
export function createLineBytes(): (pieces: LinePieces) => Uint8Array {
  let bytes = Buffer.allocUnsafeSlow(firstBytes);
  let line = bytes.subarray(0, 0);
  const last: string[] = [];
  const ends: number[] = [];
  return (pieces) => {
    let end = 0;
    let isMoved = false;
    for (let index = 0; index < pieces.length; index++) {
      const piece = pieces[index] as string;
      if (!isMoved && piece === last[index]) {
        // An equal string may be another: the next look is quicker at the very same.
        last[index] = piece;
        end = ends[index] as number;
        continue;
      }
      const roomBytes = end + piece.length * bytesPerChar;
      if (roomBytes > bytes.length) {
        bytes = grown(bytes, roomBytes);
        line = bytes.subarray(0, 0);
      }
      end += bytes.write(piece, end, 'utf8');
      isMoved ||= end !== ends[index];
      last[index] = piece;
      ends[index] = end;
    }
    if (end !== line.length) {
      line = bytes.subarray(0, end);
    }
    return line;
  };
}

function grown(bytes: Buffer, needed: number): Buffer<ArrayBuffer> {
  const larger = Buffer.allocUnsafeSlow(2 * needed);
  larger.set(bytes);
  return larger;
}
