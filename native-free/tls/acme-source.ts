/**
 * TLS with certificates from Let's Encrypt or another ACME server, by `http.tls.letsencrypt`: one certificate for each
 * configured host, fetched when the front end listens, renewed before it ends, never for a name that is not configured.
 */

import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { errorText } from '../../src/errors.ts';
import type { ListenAddress } from '../../src/http/exchange.ts';
import type { TlsOptions } from '../../src/http/options.ts';
import { tryHostName } from '../../src/http/tls-hosts.ts';
import type { Logger } from '../../src/observe/logger.ts';
import { createAcmeCache, type HostCertificate } from './acme-cache.ts';
import { createAcmeOrders } from './acme-order.ts';
import {
  clientCertOptions,
  clientRefusal,
  protocolOptions,
  readClientCas,
  tlsFault,
} from './context-options.ts';
import type { TlsSource } from './tls-source.ts';
import { type FileWatch, watchFiles } from './watch-files.ts';

const monthMs = 30 * 24 * 3_600_000;
const checkMs = 3_600_000;
const firstRetryMs = 60_000;
/** How soon to look for the certificate that another process is ordering. */
const otherOrderMs = 5_000;

export interface AcmeSourceParts {
  readonly logger: Logger;
  /** For tests. */
  readonly now?: () => number;
  readonly pollMs?: number;
  readonly httpChallengeAddress?: Extract<ListenAddress, { kind: 'tcp' }>;
}

interface Host {
  readonly name: string;
  certificate: HostCertificate | undefined;
  context: SecureContext | undefined;
  /** The order under way: handshakes without a certificate wait for it. */
  ordering: Promise<void> | undefined;
  retryMs: number;
  timer: NodeJS.Timeout | undefined;
}

/** When to renew: 30 days before the end, or a third of the lifetime if that is less. */
export function renewAtMs(certificate: { notBeforeMs: number; notAfterMs: number }): number {
  const lifetimeMs = certificate.notAfterMs - certificate.notBeforeMs;
  return certificate.notAfterMs - Math.min(monthMs, lifetimeMs / 3);
}

/** @throws (from `start`) CodedError `TLS_CONFIG_INVALID`, one line for an operator. */
export function createAcmeTlsSource(options: TlsOptions, parts: AcmeSourceParts): TlsSource {
  const { logger, now = Date.now } = parts;
  const settings = options.letsencrypt;
  if (settings?.cachefile === undefined) throw new TypeError('letsencrypt.cachefile missing');
  const cache = createAcmeCache(settings.cachefile);
  const orders = createAcmeOrders({
    directoryUrl: settings.directoryurl,
    email: settings.email,
    cache,
    logger,
    httpChallengeAddress: parts.httpChallengeAddress ?? { kind: 'tcp', host: '', port: 80 },
    pollMs: parts.pollMs ?? 5_000,
  });
  const hosts = new Map<string, Host>();
  const listeners: ((context: SecureContextOptions) => void)[] = [];
  let shared: SecureContextOptions = {};
  let protocols: SecureContextOptions = {};
  let watch: FileWatch | undefined;
  let isRunning = false;

  /** Options that all hosts share; their contexts are made anew with them. */
  async function loadShared(): Promise<void> {
    const ca = await readClientCas(options.clientcas);
    shared = { ...protocols, ...(ca.length > 0 ? { ca } : {}) };
    for (const host of hosts.values()) adopt(host, host.certificate);
  }

  function adopt(host: Host, certificate: HostCertificate | undefined): void {
    host.certificate = certificate;
    if (certificate === undefined) return;
    host.context = createSecureContext({ ...shared, key: certificate.key, cert: certificate.cert });
  }

  function isDue({ certificate }: Host): boolean {
    return certificate === undefined || renewAtMs(certificate) <= now();
  }

  /** False while another process with the same folder orders. */
  async function renew(host: Host): Promise<boolean> {
    const unlock = await cache.lock(host.name);
    if (unlock === undefined) return false;
    try {
      // What the other process ordered before it gave the lock back.
      const kept = await cache.certificate(host.name);
      if (kept !== undefined && kept.notAfterMs > now()) adopt(host, kept);
      if (!isDue(host)) return true;
      adopt(host, await orders.order(host.name));
      logger.info('certificate fetched', {
        host: host.name,
        expires: new Date(host.certificate?.notAfterMs ?? 0).toISOString(),
      });
      return true;
    } finally {
      await unlock();
    }
  }

  async function keepFresh(host: Host): Promise<void> {
    try {
      if (isDue(host) && !(await renew(host))) {
        schedule(host, otherOrderMs);
        return;
      }
      host.retryMs = firstRetryMs;
      schedule(host, checkMs);
    } catch (error) {
      logger.error('certificate order failed', {
        host: host.name,
        error: errorText(error),
        retry: `in ${Math.round(host.retryMs / 1000)} s`,
      });
      schedule(host, host.retryMs);
      host.retryMs = Math.min(checkMs, host.retryMs * 2);
    }
  }

  function check(host: Host): Promise<void> {
    host.ordering ??= keepFresh(host).finally(() => {
      host.ordering = undefined;
    });
    return host.ordering;
  }

  function schedule(host: Host, delayMs: number): void {
    clearTimeout(host.timer);
    if (!isRunning) return;
    host.timer = setTimeout(() => void check(host), delayMs);
    host.timer.unref();
  }

  /** One host after the other: a start with many must not look like an attack to the ACME server. */
  async function checkAll(): Promise<void> {
    for (const host of hosts.values()) await check(host);
  }

  async function contextFor(servername: string): Promise<SecureContext> {
    const host = hosts.get(servername.toLowerCase());
    if (host === undefined) throw new Error(`host ${servername} is not configured`);
    if (host.context === undefined) await host.ordering;
    if (host.context === undefined) throw new Error(`no certificate for ${servername} yet`);
    return host.context;
  }

  async function reload(): Promise<void> {
    try {
      await loadShared();
      for (const apply of listeners) apply(shared);
    } catch (error) {
      logger.error('client CAs not reloaded, the old ones stay in use', {
        error: errorText(error),
      });
    }
    await checkAll();
  }

  return {
    get options() {
      return {
        ...shared,
        ...clientCertOptions(options),
        SNICallback: answerWith((servername) => contextFor(servername)),
      };
    },
    challengeOptions: {
      minVersion: 'TLSv1.2',
      SNICallback: answerWith(async (servername) => {
        // Only configured names reach the file system.
        const host = hosts.get(servername.toLowerCase());
        const context = host === undefined ? undefined : await orders.challengeContext(host.name);
        if (context === undefined) throw new Error(`no challenge open for ${servername}`);
        return context;
      }),
    },
    onReload: (apply) => listeners.push(apply),
    refusal: (socket) => clientRefusal(options, socket),
    async start(): Promise<void> {
      if (isRunning) return;
      await cache.open();
      protocols = protocolOptions(options, logger);
      for (const name of hostNames(settings.hosts)) {
        hosts.set(name, {
          name,
          certificate: await cache.certificate(name),
          context: undefined,
          ordering: undefined,
          retryMs: firstRetryMs,
          timer: undefined,
        });
      }
      await loadShared();
      if (hosts.size === 0) {
        logger.warn('http.tls.letsencrypt.hosts is empty: every TLS connection will be refused');
      }
      if (settings.email === undefined) {
        logger.warn('http.tls.letsencrypt.email is not set: nobody is told of problems');
      }
      watch = await watchFiles(options.clientcas, reload);
      isRunning = true;
    },
    listening(): void {
      void checkAll();
    },
    reload,
    async stop(): Promise<void> {
      isRunning = false;
      watch?.stop();
      for (const host of hosts.values()) clearTimeout(host.timer);
    },
  };
}

function hostNames(configured: readonly string[]): string[] {
  return configured.map((written) => {
    const name = tryHostName(written);
    if (name === undefined) {
      throw tlsFault(`http.tls.letsencrypt.hosts: ${written} is no host name`);
    }
    return name;
  });
}

function answerWith(
  find: (servername: string) => Promise<SecureContext>,
): (servername: string, done: (error: Error | null, context?: SecureContext) => void) => void {
  return (servername, done) => {
    find(servername).then(
      (context) => done(null, context),
      (error: Error) => done(error),
    );
  };
}
