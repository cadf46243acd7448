/** A registry context over any driver, as the commands on stored data have it, with a clock that tests may turn. */

import { uuidV7 } from '../../src/observe/uuid.ts';
import { createCaches } from '../../src/registry/caches.ts';
import type { RegistryContext } from '../../src/registry/context.ts';
import { noDescriptorCache } from '../../src/registry/descriptor-cache.ts';
import { inlineBodyStore } from '../../src/storage/body-store.ts';
import type { StorageDriver } from '../../src/storage/driver.ts';
import { checked } from '../../src/storage/wrap/checked.ts';
import { collectLogger, type LogLine } from './collect-logger.ts';

export type TestContext = RegistryContext & { readonly lines: readonly LogLine[] };

export function aContext(raw: StorageDriver, changes: Partial<RegistryContext> = {}): TestContext {
  const driver = checked(raw);
  const logger = collectLogger();
  return {
    driver,
    bodies: inlineBodyStore(driver),
    descriptors: noDescriptorCache,
    ...createCaches(),
    logger,
    options: {
      isReadOnly: false,
      deleteEnabled: true,
      tagLookups: 4,
      smallBodyBytes: 131_072,
      classes: [],
      validation: {
        enabled: true,
        allowUrls: [],
        denyUrls: [],
        platforms: 'all',
        platformList: [],
      },
    },
    now: () => Date.now(),
    newId: () => uuidV7(),
    lines: logger.lines,
    ...changes,
  };
}

/** A driver with some methods replaced: its own are on a class, so they cannot be spread. */
export function driverWith(driver: StorageDriver, changes: Partial<StorageDriver>): StorageDriver {
  return {
    name: driver.name,
    abilities: driver.abilities,
    get: (path) => driver.get(path),
    put: (path, content) => driver.put(path, content),
    apply: (steps) => driver.apply(steps),
    open: (path, options) => driver.open(path, options),
    stat: (path) => driver.stat(path),
    list: (path, options) => driver.list(path, options),
    move: (from, to) => driver.move(from, to),
    delete: (path) => driver.delete(path),
    openWriter: (path, options) => driver.openWriter(path, options),
    uploadSizeBytes: (path) => driver.uploadSizeBytes(path),
    redirectUrl: (path, request) => driver.redirectUrl(path, request),
    close: () => driver.close(),
    ...changes,
  };
}
