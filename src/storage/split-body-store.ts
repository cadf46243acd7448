/**
 * Small bodies on this thread, large ones in the workers. A body that fits one buffer is hashed in 35 µs and written
 * with asynchronous calls; handing it to a thread costs more than that (DESIGN 3).
 */

import type { BodySource, BodyStore } from './body-store.ts';

export function splitBodyStore(
  small: BodyStore,
  large: BodyStore,
  smallBodyBytes: number,
): BodyStore {
  const storeOf = (body: BodySource): BodyStore =>
    body.sizeBytes !== undefined && body.sizeBytes <= smallBodyBytes ? small : large;
  return {
    append: (request, body) => storeOf(body).append(request, body),
    put: (request, body) => storeOf(body).put(request, body),
    publish: (from, to) => large.publish(from, to),
    digestFile: (path, algorithms, bytesPerSecond) =>
      large.digestFile(path, algorithms, bytesPerSecond),
    hashFurther: (request) => large.hashFurther(request),
  };
}
