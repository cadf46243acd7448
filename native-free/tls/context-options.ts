/**
 * From `http.tls` to the options of Node's TLS server that do not depend on where certificates come from:
 * versions, cipher suites, client certificates. Reads the CA files; every fault is one line that names the key.
 */

import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import {
  getCiphers,
  type TlsOptions as NodeTlsOptions,
  type SecureContextOptions,
  type SecureVersion,
  type TLSSocket,
} from 'node:tls';
import { CodedError, errorText } from '../../src/errors.ts';
import type { TlsOptions } from '../../src/http/options.ts';
import type { Logger } from '../../src/observe/logger.ts';
import { chooseCiphers, isDefaultSuites } from './cipher-suites.ts';

const versions: Readonly<Record<TlsOptions['minimumtls'], SecureVersion>> = {
  'tls1.0': 'TLSv1',
  'tls1.1': 'TLSv1.1',
  'tls1.2': 'TLSv1.2',
  'tls1.3': 'TLSv1.3',
};

/** A fault in `http.tls`, told in one line. */
export function tlsFault(message: string, cause?: unknown): CodedError {
  return new CodedError('TLS_CONFIG_INVALID', message, cause === undefined ? {} : { cause });
}

/**
 * Versions and cipher suites. Warns of what is unsafe, unavailable or without effect.
 * @throws CodedError `TLS_CONFIG_INVALID` when no suite is left.
 */
export function protocolOptions(
  options: Pick<TlsOptions, 'minimumtls' | 'ciphersuites'>,
  logger: Logger,
): SecureContextOptions {
  const { minimumtls } = options;
  const minVersion = versions[minimumtls];
  const names = options.ciphersuites;
  if (minimumtls === 'tls1.3') {
    if (names.some((name) => name.includes('_WITH_')) && !isDefaultSuites(names)) {
      logger.warn('http.tls.ciphersuites has no effect: TLS 1.3 has its own suites');
    }
    return { minVersion };
  }
  const allowsOlder = minimumtls === 'tls1.0' || minimumtls === 'tls1.1';
  if (allowsOlder) {
    logger.warn(`http.tls.minimumtls: ${minimumtls} is unsafe, clients should use tls1.2 or later`);
  }
  const { ciphers, unavailable } = chooseCiphers(names, allowsOlder, new Set(getCiphers()));
  if (unavailable.length > 0) {
    logger.warn('http.tls.ciphersuites: left out what this OpenSSL does not have', {
      ciphersuites: unavailable,
      openssl: process.versions.openssl,
    });
  }
  if (ciphers === '') {
    if (unavailable.length > 0) {
      throw tlsFault('http.tls.ciphersuites: none of these is available in this OpenSSL');
    }
    // Only suites of TLS 1.3 were named.
    return { minVersion: 'TLSv1.3' };
  }
  // OpenSSL 3 signs the older handshakes (MD5 and SHA-1) at security level 0 only.
  return { minVersion, ciphers: allowsOlder ? `${ciphers}:@SECLEVEL=0` : ciphers };
}

/** The client CAs of all files together; empty when none are configured. */
export async function readClientCas(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    const text = await readPem(path, 'http.tls.clientcas');
    const pems = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
    if (pems.length === 0) throw tlsFault(`http.tls.clientcas: ${path} holds no certificate`);
    for (const pem of pems) {
      try {
        new X509Certificate(pem);
      } catch (error) {
        throw tlsFault(`http.tls.clientcas: ${path} holds a broken certificate`, error);
      }
      found.push(pem);
    }
  }
  return found;
}

export async function readPem(path: string, key: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw tlsFault(`${key}: cannot read ${path}: ${errorText(error)}`, error);
  }
}

/** How the handshake asks for a client certificate; checks beyond it are in clientRefusal. */
export function clientCertOptions(
  options: Pick<TlsOptions, 'clientauth' | 'clientcas'>,
): Pick<NodeTlsOptions, 'requestCert' | 'rejectUnauthorized'> {
  if (options.clientcas.length === 0) return { requestCert: false };
  const mustVerify = options.clientauth === 'require-and-verify-client-cert';
  return { requestCert: true, rejectUnauthorized: mustVerify };
}

/** Why the client is turned away after its handshake, by `http.tls.clientauth`. */
export function clientRefusal(
  options: Pick<TlsOptions, 'clientauth' | 'clientcas'>,
  socket: TLSSocket,
): string | undefined {
  if (options.clientcas.length === 0) {
    return undefined;
  }
  // Asked in every mode: it also clears OpenSSL's error of a signature that does not fit, which the connection's next
  // read would else take for its own.
  const hasCertificate = Object.keys(socket.getPeerCertificate()).length > 0;
  if (options.clientauth === 'request-client-cert') {
    return undefined;
  }
  if (options.clientauth === 'require-any-client-cert') {
    return hasCertificate ? undefined : 'no client certificate';
  }
  if (!hasCertificate) {
    return options.clientauth === 'verify-client-cert-if-given'
      ? undefined
      : 'no client certificate';
  }
  return socket.authorized ? undefined : `client certificate: ${socket.authorizationError}`;
}
