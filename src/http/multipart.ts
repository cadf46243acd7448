/** Joins pieces of known bytes and sources that are opened when their turn comes. */

import { type ByteSource, bytesSource } from '../bytes.ts';

/** @param parts  Opened one at a time, in order; a cancel reaches the one being read and opens no other. */
export function concatSources(
  parts: readonly (Uint8Array | (() => Promise<ByteSource>))[],
): ByteSource {
  let next = 0;
  let current: ByteSource | undefined;
  let isCancelled = false;
  return {
    async read(): Promise<Uint8Array | undefined> {
      while (!isCancelled) {
        if (current === undefined) {
          const part = parts[next++];
          if (part === undefined) {
            return undefined;
          }
          current = typeof part === 'function' ? await part() : bytesSource(part);
          if (isCancelled) {
            (current as ByteSource).cancel();
            return undefined;
          }
        }
        const piece = await (current as ByteSource).read();
        if (piece !== undefined) {
          return piece;
        }
        current = undefined;
      }
      return undefined;
    },
    cancel(reason): void {
      isCancelled = true;
      current?.cancel(reason);
      current = undefined;
    },
  };
}
