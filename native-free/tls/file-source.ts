/**
 * TLS from `http.tls.certificate` and `key`: loads, checks that they belong together, and takes in new files while
 * running. A broken new set leaves the old one in use.
 */

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions, type TLSSocket } from 'node:tls';
import { errorText } from '../../src/errors.ts';
import type { TlsOptions } from '../../src/http/options.ts';
import type { Logger } from '../../src/observe/logger.ts';
import {
  clientCertOptions,
  clientRefusal,
  protocolOptions,
  readClientCas,
  readPem,
  tlsFault,
} from './context-options.ts';
import type { TlsSource } from './tls-source.ts';
import { type FileWatch, watchFiles } from './watch-files.ts';

export interface FileSourceParts {
  readonly logger: Logger;
  /** For tests; the default looks every few seconds. */
  readonly watchIntervalMs?: number;
}

/** @throws (from `start`) CodedError `TLS_CONFIG_INVALID`, one line for an operator. */
export function createFileTlsSource(options: TlsOptions, parts: FileSourceParts): TlsSource {
  const { logger, watchIntervalMs } = parts;
  const listeners: ((context: SecureContextOptions) => void)[] = [];
  const paths = [options.certificate ?? '', options.key ?? '', ...options.clientcas];
  let protocols: SecureContextOptions = {};
  let current: SecureContextOptions | undefined;
  let watch: FileWatch | undefined;

  async function load(): Promise<SecureContextOptions> {
    const pair = await loadPair(options.certificate ?? '', options.key ?? '');
    const ca = await readClientCas(options.clientcas);
    const context = { ...protocols, ...pair, ...(ca.length > 0 ? { ca } : {}) };
    try {
      createSecureContext(context);
    } catch (error) {
      throw tlsFault(`http.tls: OpenSSL refuses the certificate: ${errorText(error)}`, error);
    }
    return context;
  }

  async function reload(): Promise<void> {
    try {
      const context = await load();
      current = context;
      for (const apply of listeners) apply(context);
      logger.info('TLS certificate reloaded', { certificate: options.certificate });
    } catch (error) {
      logger.error('TLS certificate not reloaded, the old one stays in use', {
        error: errorText(error),
      });
    }
  }

  return {
    get options() {
      if (current === undefined) throw new TypeError('TLS source not started');
      return { ...current, ...clientCertOptions(options) };
    },
    onReload: (apply) => listeners.push(apply),
    refusal: (socket: TLSSocket) => clientRefusal(options, socket),
    async start(): Promise<void> {
      if (current !== undefined) return;
      protocols = protocolOptions(options, logger);
      current = await load();
      watch = await watchFiles(paths, reload, watchIntervalMs);
    },
    listening() {},
    reload,
    async stop(): Promise<void> {
      watch?.stop();
    },
  };
}

async function loadPair(
  certificatePath: string,
  keyPath: string,
): Promise<{ cert: string; key: string }> {
  if (keyPath === '') throw tlsFault('http.tls.key: missing, http.tls.certificate needs one');
  if (certificatePath === '') {
    throw tlsFault('http.tls.certificate: missing, http.tls.key needs one');
  }
  const cert = await readPem(certificatePath, 'http.tls.certificate');
  const key = await readPem(keyPath, 'http.tls.key');
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(cert);
  } catch (error) {
    throw tlsFault(`http.tls.certificate: ${certificatePath} holds no PEM certificate`, error);
  }
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(key);
  } catch (error) {
    throw tlsFault(`http.tls.key: ${keyPath} holds no PEM private key without passphrase`, error);
  }
  if (!leaf.checkPrivateKey(privateKey)) {
    throw tlsFault(`http.tls: ${keyPath} is not the key of ${certificatePath}`);
  }
  return { cert, key };
}
