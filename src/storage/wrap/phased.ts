/** Counts the time of a driver's calls, and that of bodies being stored, for the phases of a request (debug log). */

import type { PhaseClock } from '../../observe/phases.ts';
import type { BodyStore } from '../body-store.ts';
import type { StorageDriver } from '../driver.ts';
import { type Around, sourceWith, writerWith } from './streams.ts';

export function phased(driver: StorageDriver, clock: PhaseClock): StorageDriver {
  const around: Around = (work) => clock.storage(work);
  const purge = driver.purgeUploads?.bind(driver);
  const rename = driver.renameFolder?.bind(driver);
  const replace = driver.openReplacement?.bind(driver);
  return {
    name: driver.name,
    abilities: driver.abilities,
    get: (path) => around(() => driver.get(path)),
    put: (path, content, options) => around(() => driver.put(path, content, options)),
    apply: (steps) => around(() => driver.apply(steps)),
    // Pieces are read by the front end, after the handler has returned: that still is this request.
    open: async (path, options) =>
      sourceWith(await around(() => driver.open(path, options)), clock.bound()),
    stat: (path) => around(() => driver.stat(path)),
    list: (path, options) => around(() => driver.list(path, options)),
    move: (from, to) => around(() => driver.move(from, to)),
    delete: (path, options) => around(() => driver.delete(path, options)),
    openWriter: async (path, options) =>
      writerWith(await around(() => driver.openWriter(path, options)), around),
    uploadSizeBytes: (path) => around(() => driver.uploadSizeBytes(path)),
    redirectUrl: (path, request) => around(() => driver.redirectUrl(path, request)),
    ...(replace && {
      openReplacement: async (path) => writerWith(await around(() => replace(path)), around),
    }),
    ...(rename && { renameFolder: (from, to) => around(() => rename(from, to)) }),
    ...(purge && {
      purgeUploads: (prefix, olderThanMs, options) =>
        around(() => purge(prefix, olderThanMs, options)),
    }),
    close: () => driver.close(),
  };
}

/** Whoever stored the body measured it: most of a body's time is spent waiting for the client. */
export function phasedBodyStore(store: BodyStore, clock: PhaseClock): BodyStore {
  return {
    async append(request, body) {
      const outcome = await store.append(request, body);
      clock.spent(outcome.times);
      return outcome;
    },
    async put(request, body) {
      const outcome = await store.put(request, body);
      clock.spent(outcome.times);
      return outcome;
    },
    publish: (from, to) => clock.storage(() => store.publish(from, to)),
    digestFile: (path, algorithms, bytesPerSecond) =>
      clock.storage(() => store.digestFile(path, algorithms, bytesPerSecond)),
    hashFurther: (request) => store.hashFurther(request),
  };
}
