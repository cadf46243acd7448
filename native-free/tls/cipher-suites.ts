/**
 * The document's cipher suite names (IANA) as OpenSSL's, for Node's `ciphers` option.
 * Says which of them this OpenSSL lacks (RC4, mostly 3DES); TLS 1.3 suites are never restricted, as in Distribution.
 */

import { defaultCipherSuites } from '../../src/http/tls-suites.ts';

/** Suites that TLS 1.0 and 1.1 have at all; the document's default list holds none. */
const olderVersionSuites = [
  'TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA',
  'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA',
  'TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA',
  'TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA',
  'TLS_RSA_WITH_AES_256_CBC_SHA',
  'TLS_RSA_WITH_AES_128_CBC_SHA',
];

const tls13Suites = new Set([
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
]);

export interface CipherChoice {
  /** For Node's `ciphers`; empty when only TLS 1.3 is left. */
  readonly ciphers: string;
  /** Names from the list that this OpenSSL cannot do. */
  readonly unavailable: readonly string[];
}

/** True when the operator left the list as it is. */
export function isDefaultSuites(names: readonly string[]): boolean {
  return names.length === 0 || names.join() === defaultCipherSuites.join();
}

/**
 * @param names          As configured; empty means the default list.
 * @param allowsOlder    True when TLS 1.0 or 1.1 is accepted: the default list then grows by suites those versions have.
 * @param available      OpenSSL names this build has, lower case (`tls.getCiphers()`).
 */
export function chooseCiphers(
  names: readonly string[],
  allowsOlder: boolean,
  available: ReadonlySet<string>,
): CipherChoice {
  const wanted: readonly string[] = isDefaultSuites(names)
    ? [...defaultCipherSuites, ...(allowsOlder ? olderVersionSuites : [])]
    : names;
  const usable: string[] = [];
  const unavailable: string[] = [];
  for (const name of wanted) {
    if (tls13Suites.has(name)) continue;
    const openSslName = toOpenSslName(name);
    if (available.has(openSslName.toLowerCase())) usable.push(openSslName);
    else unavailable.push(name);
  }
  return { ciphers: usable.join(':'), unavailable };
}

/**
 * `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` -> `ECDHE-RSA-AES128-GCM-SHA256`. OpenSSL leaves out what is usual: RSA key
 * exchange, CBC, the hash of ChaCha20 suites; and calls 3DES by another name.
 */
export function toOpenSslName(name: string): string {
  return name
    .replace(/^TLS_RSA_WITH_/, '')
    .replace(/^TLS_/, '')
    .replace('_WITH_', '_')
    .replace('3DES_EDE_CBC', 'DES_CBC3')
    .replace(/AES_(128|256)/, 'AES$1')
    .replace(/(AES\d+)_CBC/, '$1')
    .replace('RC4_128', 'RC4')
    .replace('CHACHA20_POLY1305_SHA256', 'CHACHA20_POLY1305')
    .replaceAll('_', '-');
}
