/**
 * Makes the connection to Redis that the `redis` section asks for: single server, sentinels or cluster. One connection
 * (a cluster: one per node) carries all commands side by side. Redis being down stops nothing: commands fail at once.
 */

import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { Cluster, type CommonRedisOptions, Redis } from 'ioredis';
import { CodedError, errorText } from '../../errors.ts';
import type { Logger } from '../../observe/logger.ts';
import type { RedisOptions } from './redis-options.ts';

export type RedisClient = Redis | Cluster;

const firstReconnectMs = 100;
const longestReconnectMs = 3_000;

/** @throws CodedError `OPTION_INVALID` a TLS file cannot be read */
export async function createRedisClient(
  options: RedisOptions,
  logger: Logger,
): Promise<RedisClient> {
  const tls = await readTls(options.tls);
  const client = connect(options, tls);
  logStateOf(client, logger);
  return client;
}

function connect(options: RedisOptions, tls: ConnectionOptions | undefined): RedisClient {
  const { addrs, mastername } = options;
  const common = commonOptions(options);
  if (mastername !== undefined) {
    return new Redis({
      ...common,
      ...(tls === undefined ? {} : { tls, sentinelTLS: tls, enableTLSForSentinelMode: true }),
      sentinels: addrs.map(tcpAddress),
      name: mastername,
      ...ifGiven('sentinelUsername', options.sentinelusername),
      ...ifGiven('sentinelPassword', options.sentinelpassword?.reveal()),
      sentinelRetryStrategy: reconnectDelay,
      db: options.db,
    });
  }
  if (addrs.length > 1) {
    return new Cluster(addrs.map(tcpAddress), {
      enableOfflineQueue: false,
      clusterRetryStrategy: reconnectDelay,
      maxRedirections: options.maxredirects,
      scaleReads: options.routerandomly ? 'all' : options.readonly ? 'slave' : 'master',
      slotsRefreshTimeout: options.dialtimeout > 0 ? options.dialtimeout : 10_000,
      redisOptions: { ...common, ...(tls === undefined ? {} : { tls }) },
    });
  }
  const [addr = ''] = addrs;
  const at = addr.startsWith('/') ? { path: addr } : tcpAddress(addr);
  return new Redis({
    ...common,
    ...at,
    ...(tls === undefined ? {} : { tls: { ...tls, ...serverName(at) } }),
    db: options.db,
  });
}

function commonOptions(options: RedisOptions): Omit<CommonRedisOptions, 'replyMapping'> {
  const { clientname, dialtimeout, disableidentity, identitysuffix, password, username } = options;
  const limitMs = Math.max(options.readtimeout, options.writetimeout ?? 0);
  return {
    // Fails at once while there is no connection: asking storage is quicker than waiting.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: reconnectDelay,
    protocol: options.protocol === 2 ? 2 : 3,
    disableClientInfo: disableidentity,
    ...(dialtimeout > 0 ? { connectTimeout: dialtimeout } : { connectTimeout: 0 }),
    // A server that went silent is left: the next connection may find a live one.
    ...(limitMs > 0 ? { commandTimeout: limitMs, socketTimeout: limitMs } : {}),
    ...ifGiven('connectionName', clientname),
    ...ifGiven('clientInfoTag', identitysuffix),
    ...ifGiven('username', username),
    ...ifGiven('password', password?.reveal()),
  };
}

function reconnectDelay(times: number): number {
  return Math.min(longestReconnectMs, firstReconnectMs * 2 ** Math.min(times - 1, 10));
}

/** TLS as the section says: `enabled` decides, and without it any file turns TLS on. */
async function readTls(options: RedisOptions['tls']): Promise<ConnectionOptions | undefined> {
  const { certificate, clientcas, enabled, key, rootcas } = options;
  const authorities = [...rootcas, ...clientcas];
  const hasFile = certificate !== undefined || key !== undefined || authorities.length > 0;
  if (!(enabled ?? hasFile)) {
    return undefined;
  }
  const ca = await Promise.all(authorities.map((path) => readPem('rootcas', path)));
  if (certificate === undefined || key === undefined) {
    return ca.length === 0 ? {} : { ca };
  }
  const [cert, keyPem] = await Promise.all([
    readPem('certificate', certificate),
    readPem('key', key),
  ]);
  return { cert, key: keyPem, ...(ca.length === 0 ? {} : { ca }) };
}

async function readPem(option: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new CodedError('OPTION_INVALID', `redis.tls.${option}: ${errorText(error)}`, {
      cause: error,
    });
  }
}

function tcpAddress(addr: string): { host: string; port: number } {
  const [, bracketed, plain = '', port] = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$/.exec(addr) ?? [];
  return { host: (bracketed ?? plain) || 'localhost', port: Number(port) };
}

/** Node sends no name of its own accord, and servers behind one address choose by it. */
function serverName(at: { host: string } | { path: string }): { servername?: string } {
  return !('host' in at) || isIP(at.host) !== 0 ? {} : { servername: at.host };
}

function ifGiven<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V });
}

/** One line when it goes and one when it comes, not one per failed attempt. */
function logStateOf(client: RedisClient, logger: Logger): void {
  let isDown = false;
  client.on('ready', () => {
    if (isDown) logger.info('redis is back: the descriptor cache is used again');
    isDown = false;
  });
  client.on('error', (error: Error) => {
    if (!isDown) {
      logger.warn('redis does not answer: serving without the descriptor cache', { error });
    }
    isDown = true;
  });
}
