/** Tells of each body being received, for the gauge of open uploads. Wraps any BodyStore; used when metrics are on. */

import type { BodyStore } from './body-store.ts';

export interface UploadCounter {
  uploadOpened(): void;
  /** Exactly once for each `uploadOpened`, however the body ended. */
  uploadClosed(): void;
}

export function countedBodyStore(store: BodyStore, counter: UploadCounter): BodyStore {
  async function counted<T>(receive: () => Promise<T>): Promise<T> {
    counter.uploadOpened();
    try {
      return await receive();
    } finally {
      counter.uploadClosed();
    }
  }
  return {
    append: (request, body) => counted(() => store.append(request, body)),
    put: (request, body) => counted(() => store.put(request, body)),
    publish: (from, to) => store.publish(from, to),
    digestFile: (path, algorithms, bytesPerSecond) =>
      store.digestFile(path, algorithms, bytesPerSecond),
    hashFurther: (request) => store.hashFurther(request),
  };
}
