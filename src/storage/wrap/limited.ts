/**
 * Bounds how many operations of a driver run at once, those on opened readers and writers included (`maxthreads`).
 * An operation may make a few calls side by side: an `apply` of three files counts as one.
 */

import type { StorageDriver } from '../driver.ts';
import type { Gate } from './gate.ts';
import { type Around, sourceWith, writerWith } from './streams.ts';

export function limited(driver: StorageDriver, gate: Gate): StorageDriver {
  const around: Around = (work) => gate.run(work);
  const purge = driver.purgeUploads?.bind(driver);
  const rename = driver.renameFolder?.bind(driver);
  const replace = driver.openReplacement?.bind(driver);
  const getMarked = driver.getMarked?.bind(driver);
  return {
    name: driver.name,
    abilities: driver.abilities,
    get: (path) => gate.run(() => driver.get(path)),
    put: (path, content, options) => gate.run(() => driver.put(path, content, options)),
    apply: (steps) => gate.run(() => driver.apply(steps)),
    open: async (path, options) =>
      sourceWith(await gate.run(() => driver.open(path, options)), around),
    stat: (path) => gate.run(() => driver.stat(path)),
    list: (path, options) => gate.run(() => driver.list(path, options)),
    move: (from, to) => gate.run(() => driver.move(from, to)),
    delete: (path, options) => gate.run(() => driver.delete(path, options)),
    openWriter: async (path, options) =>
      writerWith(await gate.run(() => driver.openWriter(path, options)), around),
    uploadSizeBytes: (path) => gate.run(() => driver.uploadSizeBytes(path)),
    redirectUrl: (path, request) => driver.redirectUrl(path, request),
    ...(driver.glances && { glances: driver.glances }),
    ...(getMarked && { getMarked: (path) => gate.run(() => getMarked(path)) }),
    ...(replace && {
      openReplacement: async (path: string) =>
        writerWith(await gate.run(() => replace(path)), around),
    }),
    ...(rename && { renameFolder: (from, to) => gate.run(() => rename(from, to)) }),
    ...(purge && {
      purgeUploads: (prefix, olderThanMs, options) =>
        gate.run(() => purge(prefix, olderThanMs, options)),
    }),
    close: () => driver.close(),
  };
}
