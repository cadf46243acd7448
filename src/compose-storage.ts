/**
 * Builds storage and what the registry's long jobs need of it, without a server: for the commands that work on the
 * data of a registry (garbage-collect, verify, reindex).
 */

import { chosenDriver, optionsByThread, registrySettings } from './compose-settings.ts';
import type { Config } from './config/schema.ts';
import type { Logger } from './observe/logger.ts';
import { uuidV7 } from './observe/uuid.ts';
import { WorkerPool } from './pool/worker-pool.ts';
import { createCaches } from './registry/caches.ts';
import type { RegistryContext } from './registry/context.ts';
import { noDescriptorCache } from './registry/descriptor-cache.ts';
import { type BodyStore, inlineBodyStore } from './storage/body-store.ts';
import type { StorageDriver } from './storage/driver.ts';
import { createDriver, portableDriver } from './storage/drivers/table.ts';
import { checked } from './storage/wrap/checked.ts';

export interface OpenedStorage {
  readonly context: RegistryContext;
  close(): Promise<void>;
}

/** Opens the configured storage, past caches and middleware. `withWorkers`: blobs are hashed off this thread. */
export async function openStorage(
  config: Config,
  logger: Logger,
  { withWorkers }: { withWorkers: boolean },
): Promise<OpenedStorage> {
  const { driverName } = chosenDriver(config);
  const options = optionsByThread(syncingAll(config));
  const raw = await createDriver(driverName, options.main, logger);
  const driver = checked(raw);
  const workers =
    withWorkers && driver.abilities.sharedAcrossThreads
      ? new WorkerPool(config.workers, portableDriver(driverName, options.worker))
      : undefined;
  return {
    context: createContext(config, driver, workers ?? inlineBodyStore(driver), logger),
    async close(): Promise<void> {
      await workers?.close();
      await raw.close();
    },
  };
}

/** What a command removes stays removed, whatever pushes may lose: a manifest must not come back without its blobs. */
function syncingAll(config: Config): Config {
  const { filesystem } = config.storage;
  return filesystem === undefined
    ? config
    : {
        ...config,
        storage: { ...config.storage, filesystem: { ...filesystem, dirsync: 'commit' } },
      };
}

function createContext(
  config: Config,
  driver: StorageDriver,
  bodies: BodyStore,
  logger: Logger,
): RegistryContext {
  return {
    driver,
    bodies,
    descriptors: noDescriptorCache,
    ...createCaches(),
    logger,
    options: registrySettings(config, config.workers.smallbody),
    now: () => Date.now(),
    newId: () => uuidV7(),
  };
}
