/** Puts each call of a driver into a span, under Distribution's names and attributes. Only used when tracing is on. */

import type { SpanAttributes, Tracer } from '../../observe/tracing.ts';
import type { StorageDriver } from '../driver.ts';

const prefix = 'io.cncf.distribution.storage';

/**
 * The driver itself when tracing is off. `Reader` and `Writer` spans cover the opening of a stream, not its use: the
 * request's own span shows that. `Apply` (several writes at once) and `UploadSize` have no counterpart there.
 */
export function traced(driver: StorageDriver, tracer: Tracer): StorageDriver {
  if (!tracer.isOn) {
    return driver;
  }
  function span<T>(name: string, attributes: SpanAttributes, work: () => Promise<T>): Promise<T> {
    return tracer.span(name, { [`${prefix}.driver.name`]: driver.name, ...attributes }, work, {
      kind: 'client',
    });
  }
  const at = (path: string): SpanAttributes => ({ [`${prefix}.path`]: path });
  const purge = driver.purgeUploads?.bind(driver);
  const replace = driver.openReplacement?.bind(driver);
  const sync = driver.syncUpload?.bind(driver);
  return {
    name: driver.name,
    abilities: driver.abilities,
    get: (path) => span('GetContent', at(path), () => driver.get(path)),
    put: (path, content, options) =>
      span(
        'PutContent',
        { ...at(path), [`${prefix}.content.length`]: Buffer.byteLength(content) },
        () => driver.put(path, content, options),
      ),
    apply: (steps) =>
      span('Apply', { [`${prefix}.steps`]: steps.length }, () => driver.apply(steps)),
    open: (path, options) =>
      span('Reader', { ...at(path), [`${prefix}.offset`]: options?.offset ?? 0 }, () =>
        driver.open(path, options),
      ),
    stat: (path, options) => span('Stat', at(path), () => driver.stat(path, options)),
    list: (path, options) => span('List', at(path), () => driver.list(path, options)),
    move: (from, to) =>
      span('Move', { [`${prefix}.source.path`]: from, [`${prefix}.dest.path`]: to }, () =>
        driver.move(from, to),
      ),
    delete: (path, options) => span('Delete', at(path), () => driver.delete(path, options)),
    openWriter: (path, options) =>
      span('Writer', { ...at(path), [`${prefix}.append`]: options.append }, () =>
        driver.openWriter(path, options),
      ),
    uploadSizeBytes: (path) => span('UploadSize', at(path), () => driver.uploadSizeBytes(path)),
    redirectUrl: (path, request) =>
      span('RedirectURL', at(path), () => driver.redirectUrl(path, request)),
    ...(replace && {
      openReplacement: (path: string) =>
        span('Writer', { ...at(path), [`${prefix}.append`]: false }, () => replace(path)),
    }),
    ...(sync && { syncUpload: sync }),
    ...(purge && { purgeUploads: purge }),
    close: () => driver.close(),
  };
}
