/**
 * Small bodies on this thread, large ones in the workers. A body that fits one buffer is hashed in 35 µs and written
 * with asynchronous calls; handing it to a thread costs more than that (DESIGN 3). But for the last bytes of an upload in
 * large chunks, which go where its hash is.
 */

import type { BodySource, BodyStore } from './body-store.ts';
import type { HashPlan } from './upload-hash.ts';

export function splitBodyStore(
  small: BodyStore,
  large: BodyStore,
  smallBodyBytes: number,
): BodyStore {
  const storeOf = (body: BodySource): BodyStore =>
    body.sizeBytes !== undefined && body.sizeBytes <= smallBodyBytes ? small : large;
  const keeperOf = (plan: HashPlan, body: BodySource): BodyStore =>
    plan.kind === 'kept' && plan.by === 'large' ? large : storeOf(body);
  return {
    append: (request, body) => keeperOf(request.hash, body).append(request, body),
    put: (request, body) => storeOf(body).put(request, body),
    publish: (from, to) => large.publish(from, to),
    digestFile: (path, algorithms, bytesPerSecond) =>
      large.digestFile(path, algorithms, bytesPerSecond),
    hashFurther: (request) => large.hashFurther(request),
  };
}
