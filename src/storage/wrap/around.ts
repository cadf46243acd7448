/** A driver with something around each of its operations, those on opened readers and writers included. */

import type { StorageDriver } from '../driver.ts';
import { type Around, sourceWith, writerWith } from './streams.ts';

/** @param readAround  What goes around the reads of a source; asked for when the source is opened. */
export function driverWith(
  driver: StorageDriver,
  around: Around,
  readAround: () => Around = () => around,
): StorageDriver {
  const purge = driver.purgeUploads?.bind(driver);
  const replace = driver.openReplacement?.bind(driver);
  const sync = driver.syncUpload?.bind(driver);
  const getMarked = driver.getMarked?.bind(driver);
  const { openUploads } = driver;
  return {
    name: driver.name,
    abilities: driver.abilities,
    get: (path) => around(() => driver.get(path)),
    put: (path, content, options) => around(() => driver.put(path, content, options)),
    apply: (steps) => around(() => driver.apply(steps)),
    open: async (path, options) =>
      sourceWith(await around(() => driver.open(path, options)), readAround()),
    stat: (path, options) => around(() => driver.stat(path, options)),
    list: (path, options) => around(() => driver.list(path, options)),
    move: (from, to) => around(() => driver.move(from, to)),
    delete: (path, options) => around(() => driver.delete(path, options)),
    openWriter: async (path, options) =>
      writerWith(await around(() => driver.openWriter(path, options)), around),
    uploadSizeBytes: (path) => around(() => driver.uploadSizeBytes(path)),
    redirectUrl: (path, request) => around(() => driver.redirectUrl(path, request)),
    ...(driver.glances && { glances: driver.glances }),
    ...(driver.listNow && { listNow: driver.listNow }),
    ...(openUploads && {
      openUploads: {
        append: (path, offset, bytes) => around(() => openUploads.append(path, offset, bytes)),
        forget: (path) => openUploads.forget(path),
      },
    }),
    ...(getMarked && { getMarked: (path) => around(() => getMarked(path)) }),
    ...(replace && {
      openReplacement: async (path) => writerWith(await around(() => replace(path)), around),
    }),
    ...(sync && { syncUpload: (path) => around(() => sync(path)) }),
    ...(purge && {
      purgeUploads: (prefix, olderThanMs, options) =>
        around(() => purge(prefix, olderThanMs, options)),
    }),
    close: () => driver.close(),
  };
}
