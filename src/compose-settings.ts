/** What rooms are set up with, out of the configuration: plain values, no parts. Used by compose and compose-storage. */

import { createSecretKey, randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { Config } from './config/schema.ts';
import { CodedError } from './errors.ts';
import type { ApiSettings } from './http/call.ts';
import { hostRoot } from './http/urls.ts';
import type { Logger } from './observe/logger.ts';
import { compileGoRegExp } from './options/go-regexp.ts';
import { workerCount } from './pool/worker-pool.ts';
import type { RegistrySettings } from './registry/context.ts';
import { UploadTokens } from './registry/upload-token.ts';
import { shareThreads } from './storage/drivers/filesystem/thread-shares.ts';

export function chosenDriver(config: Config): { driverName: string; driverOptions: unknown } {
  const { cache, delete: _, maintenance, redirect, tag, ...drivers } = config.storage;
  const [chosen] = Object.entries(drivers).filter(([, options]) => options !== undefined);
  if (chosen === undefined) {
    throw new CodedError('CONFIG_INVALID', 'no storage configuration provided');
  }
  return { driverName: chosen[0], driverOptions: chosen[1] };
}

/** The driver's options as each kind of thread gets them, so that bounds of the process stay what they say. */
export function optionsByThread(config: Config): {
  main: unknown;
  storageThread: unknown;
  worker: unknown;
} {
  const { filesystem } = config.storage;
  const { driverName, driverOptions } = chosenDriver(config);
  return driverName === 'filesystem' && filesystem !== undefined
    ? shareThreads(filesystem, workerCount(config.workers))
    : { main: driverOptions, storageThread: driverOptions, worker: driverOptions };
}

export function registrySettings(config: Config, smallBodyBytes: number): RegistrySettings {
  const { validation, policy, storage } = config;
  return {
    isReadOnly: storage.maintenance.readonly.enabled,
    deleteEnabled: storage.delete.enabled,
    tagLookups: storage.tag.concurrencylimit || availableParallelism(),
    smallBodyBytes,
    classes: policy.repository.classes,
    validation: {
      enabled: !validation.disabled,
      allowUrls: validation.manifests.urls.allow.map(compileGoRegExp),
      denyUrls: validation.manifests.urls.deny.map(compileGoRegExp),
      platforms: validation.manifests.indexes.platforms,
      platformList: validation.manifests.indexes.platformlist,
    },
  };
}

export function apiSettings(config: Config, logger: Logger): ApiSettings {
  const { catalog, http, notifications, storage, tags } = config;
  if (http.secret === undefined || http.secret.isEmpty) {
    logger.warn(
      'No HTTP secret provided - generated random secret. Uploads cannot go on after a restart or on another instance: set http.secret.',
    );
  }
  return {
    urls: { host: hostRoot(http.host), relative: http.relativeurls, prefix: http.prefix ?? '/' },
    uploadTokens: new UploadTokens(
      createSecretKey(
        http.secret === undefined || http.secret.isEmpty
          ? randomBytes(32)
          : Buffer.from(http.secret.reveal()),
      ),
    ),
    headers: Object.entries(http.headers).flatMap(([name, values]) =>
      values.map((value): [string, string] => [name, value]),
    ),
    isReadOnly: storage.maintenance.readonly.enabled,
    redirectBlobs: !storage.redirect.disable,
    maxCatalogEntries: catalog.maxentries,
    maxTags: tags.maxtags,
    includeReferences: notifications.events.includereferences,
  };
}
