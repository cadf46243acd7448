import { createHash, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { calculateJwkThumbprint } from 'jose';
import { describe, expect, it } from 'vitest';
import { verifyChain } from '../../../../src/auth/token/certificate-chain.ts';
import { parseJwks } from '../../../../src/auth/token/jwks.ts';
import { keyIdsOf, libtrustId, thumbprints } from '../../../../src/auth/token/key-id.ts';
import { type Certificate, jwkOf, keyFor, makeCertificate } from '../../../support/token-keys.ts';

describe('key ids', () => {
  it.each(['RS256', 'ES256', 'ES384', 'ES512', 'EdDSA'])(
    'have the RFC 7638 thumbprint of a key for %s',
    async (algorithm) => {
      const { publicKey } = keyFor(algorithm);
      expect(thumbprints(publicKey)[0]).toBe(
        await calculateJwkThumbprint(jwkOf(publicKey) as never),
      );
    },
  );

  it('match the example of RFC 7638', () => {
    const key = createPublicKey({
      format: 'jwk',
      key: {
        kty: 'RSA',
        n: '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw',
        e: 'AQAB',
      },
    });
    expect(thumbprints(key)).toEqual(['NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs']);
  });

  it('have both thumbprints of an elliptic key with a leading zero byte', () => {
    for (;;) {
      const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const { x = '', y } = publicKey.export({ format: 'jwk' });
      const bytes = Buffer.from(x, 'base64url');
      if (bytes[0] !== 0 || bytes[1] === 0) continue;
      const short = bytes.subarray(1).toString('base64url');
      const text = `{"crv":"P-256","kty":"EC","x":"${short}","y":"${y}"}`;
      expect(thumbprints(publicKey)).toHaveLength(2);
      if (Buffer.from(y ?? '', 'base64url')[0] === 0) continue;
      expect(thumbprints(publicKey)[1]).toBe(createHash('sha256').update(text).digest('base64url'));
      return;
    }
  });

  it("have libtrust's form: twelve groups of base32", () => {
    const { publicKey } = keyFor('ES256');
    expect(libtrustId(publicKey)).toMatch(/^([A-Z2-7]{4}:){11}[A-Z2-7]{4}$/);
    expect(keyIdsOf(publicKey)).toContain(libtrustId(publicKey));
  });
});

describe('JWKS', () => {
  const parse = (keys: unknown): ReturnType<typeof parseJwks> =>
    parseJwks(Buffer.from(JSON.stringify({ keys })));

  it('gives keys under their kid and under their thumbprint', () => {
    const { publicKey } = keyFor('ES256');
    const { byId } = parse([jwkOf(publicKey, { kid: 'mine' })]);
    expect(byId.get('mine')?.curve).toBe('P-256');
    expect(byId.get(thumbprints(publicKey)[0] ?? '')).toBe(byId.get('mine'));
  });

  it('lets a later key of the same kid win', () => {
    const { byId } = parse([
      jwkOf(keyFor('ES256').publicKey, { kid: 'k' }),
      jwkOf(keyFor('EdDSA').publicKey, { kid: 'k' }),
    ]);
    expect(byId.get('k')?.kind).toBe('Ed25519');
  });

  it('uses the public half only of a private key', () => {
    const { privateKey } = keyFor('RS256');
    const { byId } = parse([jwkOf(privateKey, { kid: 'k' })]);
    expect(byId.get('k')?.key.type).toBe('public');
  });

  it('leaves out keys that are not for signatures, with a remark', () => {
    const { publicKey } = keyFor('RS256');
    const { byId, remarks } = parse([
      jwkOf(publicKey, { kid: 'enc', use: 'enc' }),
      jwkOf(publicKey, { kid: 'oaep', alg: 'RSA-OAEP' }),
      jwkOf(publicKey, { kid: 'ops', key_ops: ['encrypt'] }),
      { kty: 'AKP', kid: 'new' },
    ]);
    expect(byId.size).toBe(0);
    expect(remarks).toHaveLength(4);
    expect(remarks[0]).toBe('key 1 (enc) is ignored: its use is not sig');
  });

  it.each([
    ['not JSON', 'secret-key-material', /^failed to parse jwks: not JSON$/],
    ['no list', '{"kty":"oct","k":"secret"}', /^failed to parse jwks: no list "keys"/],
    ['a broken key', '{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}', /key 1 is broken/],
    ['a key without members', '{"keys":[{"kty":"RSA","n":"AQAB"}]}', /key 1 is broken: no e/],
  ])('is refused with %s', (_case, text, message) => {
    expect(() => parseJwks(Buffer.from(text))).toThrow(message);
  });
});

describe('certificate chain', () => {
  const now = Date.now();
  const roots = (...list: Certificate[]) => list.map(({ pem }) => new X509Certificate(pem));
  const chain = (...list: Certificate[]) => list.map(({ base64 }) => base64);

  it('leads from a leaf over intermediates in any order to a root', () => {
    const root = makeCertificate({ name: 'root', isCa: true, notAfter: '20480101000000Z' });
    const upper = makeCertificate({ name: 'upper', isCa: true, issuer: root });
    const lower = makeCertificate({ name: 'lower', isCa: true, issuer: upper });
    const leaf = makeCertificate({ name: 'leaf', issuer: lower });
    const verified = verifyChain(chain(leaf, upper, lower), roots(root), now);
    expect(verified.validUntilMs).toBe(Date.UTC(2048, 0, 1));
    expect(verified.leaf.subject).toBe('CN=leaf');
    expect(() => verifyChain(chain(leaf, lower), roots(root), now)).toThrow('does not lead');
  });

  it('needs no issuer when the leaf itself is in the bundle', () => {
    const own = makeCertificate({ name: 'own' });
    expect(verifyChain(chain(own), roots(own), now).leaf.subject).toBe('CN=own');
  });

  it('breaks at a certificate that is no CA, has expired, or is not valid yet', () => {
    const root = makeCertificate({ name: 'root', isCa: true });
    const noCa = makeCertificate({ name: 'no ca', issuer: root });
    const under = makeCertificate({ name: 'leaf', issuer: noCa });
    const past = makeCertificate({ name: 'past', issuer: root, notAfter: '20210101000000Z' });
    const future = makeCertificate({ name: 'future', issuer: root, notBefore: '20480101000000Z' });
    const noSigning = makeCertificate({
      name: 'no signing',
      isCa: true,
      issuer: root,
      keyUsage: 'digitalSignature',
    });
    const underNoSigning = makeCertificate({ name: 'leaf', issuer: noSigning });
    for (const list of [
      chain(under, noCa),
      chain(past),
      chain(future),
      chain(underNoSigning, noSigning),
    ]) {
      expect(() => verifyChain(list, roots(root), now)).toThrow('does not lead');
    }
  });

  it('breaks when a root of the same name has another key', () => {
    const root = makeCertificate({ name: 'root', isCa: true });
    const impostor = makeCertificate({ name: 'root', isCa: true });
    const leaf = makeCertificate({ name: 'leaf', issuer: impostor });
    expect(() => verifyChain(chain(leaf, impostor), roots(root), now)).toThrow('does not lead');
  });

  it('heeds path lengths and refuses critical extensions that it does not know', () => {
    const root = makeCertificate({ name: 'root', isCa: true, pathLength: 0 });
    const between = makeCertificate({ name: 'between', isCa: true, issuer: root });
    const direct = makeCertificate({ name: 'direct', issuer: root });
    const deep = makeCertificate({ name: 'deep', issuer: between });
    const odd = makeCertificate({
      name: 'odd',
      issuer: root,
      extensions: ['1.2.3.4.5=critical,ASN1:UTF8String:odd'],
    });
    expect(verifyChain(chain(direct), roots(root), now).leaf.subject).toBe('CN=direct');
    expect(() => verifyChain(chain(deep, between), roots(root), now)).toThrow('does not lead');
    expect(() => verifyChain(chain(odd), roots(root), now)).toThrow('does not lead');
  });

  it.each([[undefined], [[]], [['AAAA']], [[1]], ['text'], [Array(11).fill('AAAA')]])(
    'is refused when x5c is %j',
    (x5c) => {
      expect(() => verifyChain(x5c, [], now)).toThrow(/x5c/);
    },
  );

  it('is searched within a bound, however many ways cross-signing offers', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
    const key = keyFor('ES256').privateKey;
    const root = makeCertificate({ name: 'elsewhere', isCa: true });
    // All of one name and key, so that each may be the issuer of each.
    const same = names.map(() => makeCertificate({ name: 'same', isCa: true, key }));
    const [first] = same;
    const leaf = makeCertificate({ name: 'leaf', ...(first ? { issuer: first } : {}) });
    expect(() => verifyChain(chain(leaf, ...same), roots(root), now)).toThrow('too long to check');
  });
});
