/** Request bodies at hand, for tests of what stores them. */

import type { BodySource } from '../../src/storage/body-store.ts';

const pieceBytes = 64 * 1024;

/** Gives `content` piece by piece; `next` is asked before each, so that a test can hold a body open or fail it. */
export function aBody(
  content: Buffer,
  next: (at: number) => Promise<void> = () => Promise.resolve(),
): BodySource {
  let at = 0;
  return {
    sizeBytes: content.length,
    pool: { give: () => {} },
    async read() {
      await next(at);
      const piece = content.subarray(at, at + pieceBytes);
      at += piece.length;
      // A buffer of its own: it is transferred to the worker.
      return piece.length === 0 ? undefined : new Uint8Array(piece);
    },
    cancel() {},
  };
}
