import { getCiphers } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { chooseCiphers, toOpenSslName } from '../../../../native-free/tls/cipher-suites.ts';
import { cipherSuiteNames, defaultCipherSuites } from '../../../../src/http/tls-suites.ts';

const available = new Set(getCiphers());

describe('cipher suite names', () => {
  it.each([
    ['TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
    ['TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
    ['TLS_RSA_WITH_AES_128_CBC_SHA', 'AES128-SHA'],
    ['TLS_RSA_WITH_AES_128_CBC_SHA256', 'AES128-SHA256'],
    ['TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256', 'ECDHE-ECDSA-AES128-SHA256'],
    ['TLS_RSA_WITH_3DES_EDE_CBC_SHA', 'DES-CBC3-SHA'],
    ['TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA', 'ECDHE-RSA-DES-CBC3-SHA'],
    ['TLS_RSA_WITH_RC4_128_SHA', 'RC4-SHA'],
    ['TLS_ECDHE_ECDSA_WITH_RC4_128_SHA', 'ECDHE-ECDSA-RC4-SHA'],
  ])('%s is %s to OpenSSL', (name, expected) => {
    expect(toOpenSslName(name)).toBe(expected);
  });

  it('lacks nothing of the list but RC4 and 3DES', () => {
    const { unavailable } = chooseCiphers(cipherSuiteNames, false, available);
    expect(unavailable.filter((name) => !/RC4|3DES/.test(name))).toEqual([]);
  });

  it('keeps the order given', () => {
    const names = ['TLS_RSA_WITH_AES_128_CBC_SHA', 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'];
    expect(chooseCiphers(names, false, available).ciphers).toBe(
      'AES128-SHA:ECDHE-RSA-AES128-GCM-SHA256',
    );
  });

  it('adds suites for older versions to the default list only', () => {
    expect(chooseCiphers([], true, available).ciphers).toContain(':AES128-SHA');
    expect(chooseCiphers(defaultCipherSuites, true, available).ciphers).toContain(':AES128-SHA');
    expect(chooseCiphers([], false, available).ciphers).not.toContain(':AES128-SHA');
    const own = chooseCiphers(['TLS_RSA_WITH_AES_256_CBC_SHA'], true, available);
    expect(own.ciphers).toBe('AES256-SHA');
  });
});
