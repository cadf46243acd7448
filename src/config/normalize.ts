/** The finishing touches after conversion: zero and negative values that mean "the default", and folded keys. */

import { signingAlgorithms } from '../auth/options.ts';
import { defaultCipherSuites } from '../http/tls-suites.ts';
import { redisOptions } from '../storage/cache/redis-options.ts';
import type { Origins } from './convert.ts';
import type { Config, Draft, OptionSchema } from './schema.ts';

/** Changes `draft` in place into the effective configuration. Rules have run: they see what was written. */
export function normalize(draft: Draft, origins: Origins): Config {
  foldLogLevel(draft, origins);
  const { storage, catalog, tags, proxy, health, validation, http, auth } = draft;
  if (catalog.maxentries <= 0) catalog.maxentries = 1000;
  if (tags.maxtags === 0) tags.maxtags = 1000;
  if (proxy.cachewritetimeout <= 0) proxy.cachewritetimeout = 300_000;
  validation.disabled = validation.disabled && validation.enabled !== true;
  if (http.tls.ciphersuites.length === 0) http.tls.ciphersuites = defaultCipherSuites;
  if (auth.token?.signingalgorithms.length === 0) auth.token.signingalgorithms = signingAlgorithms;
  for (const check of [health.storagedriver, ...health.file, ...health.http, ...health.tcp]) {
    if (check.interval === 0) check.interval = 10_000;
  }
  for (const endpoint of draft.notifications.endpoints) {
    if (endpoint.timeout <= 0) endpoint.timeout = 1000;
    if (endpoint.threshold <= 0) endpoint.threshold = 10;
    if (endpoint.backoff <= 0) endpoint.backoff = 1000;
  }
  normalizeStorage(storage);
  zeroIsDefault(draft.redis, redisOptions as unknown as OptionSchema);
  const { loglevel: _folded, ...config } = draft;
  return config;
}

/** `log.level` wins over the deprecated `loglevel`; the latter is then gone. */
function foldLogLevel(draft: Draft, origins: Origins): void {
  const old = draft.loglevel;
  const isLevelGiven = (origins.get('log.level')?.kind ?? 'default') !== 'default';
  if (old === undefined || isLevelGiven) return;
  draft.log.level = old;
  const origin = origins.get('loglevel');
  if (origin !== undefined) origins.set('log.level', origin);
}

function normalizeStorage(storage: Draft['storage']): void {
  const { filesystem, gcs, azure, cache } = storage;
  if (filesystem !== undefined) filesystem.maxthreads = Math.max(25, filesystem.maxthreads);
  if (gcs !== undefined) gcs.maxconcurrency = Math.max(25, gcs.maxconcurrency);
  if (azure?.max_retries === 0) azure.max_retries = 5;
  cache.blobdescriptorsize = Math.max(0, cache.blobdescriptorsize);
}

/** go-redis takes 0 as "not set". */
function zeroIsDefault(section: object, schema: OptionSchema): void {
  const values = section as Record<string, unknown>;
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    if (values[key] !== 0) continue;
    if (property.default !== undefined) values[key] = property.default;
    else delete values[key];
  }
}
