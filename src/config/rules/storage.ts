/** Rules of the `storage`, `redis` and `proxy` sections. */

import { maskedUrl } from '../../options/masked-url.ts';
import { s3Faults } from '../../storage/drivers/s3/check-options.ts';
import { formatOrigin } from '../faults.ts';
import { isNull, rawAt, scalarValue } from '../raw.ts';
import { driverKeys } from '../schema.ts';
import { givenDrivers } from '../shorthand.ts';
import { suggestion } from '../suggest.ts';
import { isHostPort, isHttpUrl, type RuleContext } from './context.ts';

export function checkStorage(context: RuleContext): void {
  checkDriver(context);
  checkUploadPurging(context);
  checkRedirectSection(context);
  checkCache(context);
  checkS3(context);
  checkCloudDrivers(context);
  checkRedis(context);
  checkProxy(context);
}

function checkDriver(context: RuleContext): void {
  const names = givenDrivers(context.raw).sort();
  const [name] = names;
  if (name === undefined) {
    context.fault('storage', 'no storage configuration provided');
    return;
  }
  if (names.length > 1) {
    const origins = names.map((key) => rawAt(context.raw, 'storage', key)?.origin);
    const places = origins.map((origin) => (origin ? formatOrigin(origin) : ''));
    const isMixed = new Set(origins.map((origin) => origin?.kind)).size > 1;
    const hint = isMixed
      ? `; multiple storage drivers specified in configuration or environment (${names
          .map((key, index) => `${key}: ${places[index]}`)
          .join(', ')}); REGISTRY_STORAGE=<driver> replaces the section of the file`
      : '';
    context.fault(
      'storage',
      `must provide exactly one storage type. Provided: [${names.join(' ')}]${hint}`,
    );
  }
  for (const given of names) {
    if (driverKeys.includes(given) || given === 's3aws') continue;
    const known = [...driverKeys, 'maintenance', 'cache', 'delete', 'redirect', 'tag'];
    context.fault(
      `storage.${given}`,
      `StorageDriver not registered: ${given}${suggestion(given, known)}`,
    );
  }
}

function checkUploadPurging(context: RuleContext): void {
  const purging = rawAt(context.raw, 'storage', 'maintenance', 'uploadpurging');
  const { enabled } = context.draft.storage.maintenance.uploadpurging;
  if (purging?.kind !== 'map' || !enabled) return;
  for (const key of ['age', 'interval', 'dryrun']) {
    const node = rawAt(purging, key);
    const path = `storage.maintenance.uploadpurging.${key}`;
    if (node === undefined || isNull(node)) {
      context.fault(
        path,
        `Unable to parse upload purge configuration: ${key} missing; an enabled uploadpurging section needs age, interval and dryrun`,
      );
    } else if (
      key !== 'dryrun' &&
      node.kind === 'scalar' &&
      typeof scalarValue(node) === 'number'
    ) {
      context.fault(
        path,
        `Unable to parse upload purge configuration: ${key} is not a string; write a duration such as 168h`,
        node.text,
      );
    }
  }
}

function checkRedirectSection(context: RuleContext): void {
  const redirect = rawAt(context.raw, 'storage', 'redirect');
  if (redirect?.kind !== 'map' || !isNull(rawAt(redirect, 'disable'))) return;
  context.fault(
    'storage.redirect.disable',
    'invalid type for redirect config: must be true or false',
  );
}

function checkCache(context: RuleContext): void {
  const { storage, redis } = context.draft;
  const sizePath = 'storage.cache.blobdescriptorsize';
  if (storage.cache.blobdescriptor === 'redis') {
    if (redis.addrs.length === 0) {
      const message = 'redis configuration required to use for layerinfo cache: set redis.addrs';
      context.fault('storage.cache.blobdescriptor', message, 'redis');
    }
    if (context.isGiven(sizePath)) context.warn(sizePath, 'has no effect with the redis cache');
  }
}

function checkS3(context: RuleContext): void {
  const { s3 } = context.draft.storage;
  if (s3 === undefined) return;
  const at = (key: string): string => `storage.s3.${key}`;
  for (const { key, message } of s3Faults(s3)) {
    // The schema has said it already: missing, or out of its bounds.
    if (!context.isFaulted(at(key))) context.fault(at(key), message);
  }
  if (s3.keyid !== undefined && !s3.encrypt) {
    context.warn(at('keyid'), 'has no effect unless encrypt is true');
  }
}

function checkCloudDrivers(context: RuleContext): void {
  const { azure, gcs } = context.draft.storage;
  const credentials = azure?.credentials;
  if (azure !== undefined && credentials?.type === 'client_secret') {
    for (const key of ['clientid', 'tenantid', 'secret'] as const) {
      if (credentials[key] !== undefined) continue;
      context.fault(`storage.azure.credentials.${key}`, 'is required for client_secret');
    }
  }
  if (credentials?.type === 'shared_key' && azure?.accountkey === undefined) {
    context.fault('storage.azure.accountkey', 'is required for shared_key');
  }
  const type = gcs?.keyfile === undefined ? gcs?.credentials?.['type'] : undefined;
  if (type !== undefined && type.reveal() !== 'service_account') {
    context.fault(
      'storage.gcs.credentials.type',
      'the credentials were not specified in the correct format: type must be service_account',
    );
  }
}

/** Options of a connection pool: here one connection (a cluster: one per node) carries all commands side by side. */
const poolKeys = [
  'poolfifo',
  'poolsize',
  'pooltimeout',
  'minidleconns',
  'maxidleconns',
  'maxactiveconns',
  'connmaxidletime',
  'connmaxlifetime',
];

function checkRedis(context: RuleContext): void {
  const { redis, storage } = context.draft;
  for (const key of poolKeys) {
    if (!context.isGiven(`redis.${key}`)) continue;
    context.warn(`redis.${key}`, 'has no effect: one connection carries all commands');
  }
  if (redis.contexttimeoutenabled) {
    const message = 'has no effect: readtimeout and writetimeout bound each command';
    context.warn('redis.contexttimeoutenabled', message);
  }
  if (redis.routebylatency) {
    context.warn('redis.routebylatency', 'has no effect: use routerandomly or readonly');
  }
  if (redis.addrs.length > 1 && redis.mastername === undefined && redis.db > 0) {
    context.warn('redis.db', 'has no effect: a cluster has one database');
  }
  for (const [index, addr] of redis.addrs.entries()) {
    const isSocket = addr.startsWith('/') && redis.addrs.length === 1;
    if (isSocket || (isHostPort(addr) && /:[1-9]/.test(addr))) continue;
    context.fault(`redis.addrs[${index}]`, 'must be HOST:PORT, or the one path of a socket', addr);
  }
  const { certificate, key } = redis.tls;
  if ((certificate === undefined) !== (key === undefined)) {
    const message = 'certificate and key go together; no client certificate is used';
    context.warn(`redis.tls.${certificate === undefined ? 'key' : 'certificate'}`, message);
  }
  if (redis.unstableresp3) {
    context.warn('redis.unstableresp3', 'has no effect: it is an option of the Go client');
  }
  if (redis.addrs.length > 0 && storage.cache.blobdescriptor !== 'redis') {
    context.warn('redis', 'nothing uses redis: set storage.cache.blobdescriptor to redis');
  }
}

function checkProxy(context: RuleContext): void {
  const { remoteurl } = context.draft.proxy;
  if (remoteurl === undefined) {
    for (const key of ['username', 'password', 'exec']) {
      const path = `proxy.${key}`;
      if (context.isGiven(path)) context.warn(path, 'has no effect without proxy.remoteurl');
    }
  } else if (!isHttpUrl(remoteurl)) {
    context.fault('proxy.remoteurl', 'must be an http or https URL', maskedUrl(remoteurl));
  }
}
