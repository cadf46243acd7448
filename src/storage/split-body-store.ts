/**
 * Small bodies on this thread, large ones in the workers. A body that fits one buffer is hashed in 35 µs and written
 * with asynchronous calls; handing it to a thread costs more than that (DESIGN 3).
 */

import type { BodyStore } from './body-store.ts';

export function splitBodyStore(
  small: BodyStore,
  large: BodyStore,
  smallBodyBytes: number,
): BodyStore {
  return {
    append: (request, body) =>
      (body.sizeBytes !== undefined && body.sizeBytes <= smallBodyBytes ? small : large).append(
        request,
        body,
      ),
    publish: (from, to) => large.publish(from, to),
    digestFile: (path, algorithms, bytesPerSecond) =>
      large.digestFile(path, algorithms, bytesPerSecond),
  };
}
