/** A driver whose redirects are decided elsewhere, everything else as it was: what every storage middleware is. */

import { listNowOf, type StorageDriver } from '../driver.ts';

export function withRedirectUrl(
  driver: StorageDriver,
  redirectUrl: StorageDriver['redirectUrl'],
): StorageDriver {
  const listNow = listNowOf(driver);
  const purge = driver.purgeUploads?.bind(driver);
  const sync = driver.syncUpload?.bind(driver);
  return {
    name: driver.name,
    abilities: { ...driver.abilities, redirects: true },
    get: (path) => driver.get(path),
    put: (path, content, options) => driver.put(path, content, options),
    apply: (steps) => driver.apply(steps),
    open: (path, options) => driver.open(path, options),
    stat: (path, options) => driver.stat(path, options),
    list: (path, options) => driver.list(path, options),
    ...(listNow && { listNow }),
    move: (from, to) => driver.move(from, to),
    delete: (path, options) => driver.delete(path, options),
    openWriter: (path, options) => driver.openWriter(path, options),
    uploadSizeBytes: (path) => driver.uploadSizeBytes(path),
    redirectUrl,
    ...(sync && { syncUpload: sync }),
    ...(purge && { purgeUploads: purge }),
    close: () => driver.close(),
  };
}
