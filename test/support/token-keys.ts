/** Keys and certificates for token tests, made by node:crypto and the openssl command. */

import { execFileSync } from 'node:child_process';
import {
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** A key pair (or a shared secret) that fits the algorithm. */
export function keyFor(algorithm: string): KeyPair {
  const curves: Record<string, string> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };
  if (algorithm.startsWith('HS')) {
    const secret = createSecretKey(randomBytes(64));
    return { privateKey: secret, publicKey: secret };
  }
  if (algorithm === 'EdDSA') return generateKeyPairSync('ed25519');
  const namedCurve = curves[algorithm];
  return namedCurve === undefined
    ? generateKeyPairSync('rsa', { modulusLength: 2048 })
    : generateKeyPairSync('ec', { namedCurve });
}

/** The JWKS entry of a key; symmetric keys too. */
export function jwkOf(key: KeyObject, extra: object = {}): JsonWebKey {
  return { ...key.export({ format: 'jwk' }), ...extra };
}

export interface Certificate extends KeyPair {
  readonly pem: string;
  /** As `x5c` holds it. */
  readonly base64: string;
}

export interface CertificateWish {
  readonly name: string;
  readonly issuer?: Certificate;
  readonly isCa?: boolean;
  readonly pathLength?: number;
  readonly keyUsage?: string;
  readonly extensions?: readonly string[];
  readonly notBefore?: string;
  readonly notAfter?: string;
  readonly key?: KeyObject;
}

/** A certificate, self-signed without `issuer`. Dates as openssl's `ca` reads them (YYYYMMDDHHMMSSZ). */
export function makeCertificate(wish: CertificateWish): Certificate {
  const folder = mkdtempSync(join(tmpdir(), 'longshore-cert-'));
  try {
    const privateKey = wish.key ?? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const at = (file: string): string => join(folder, file);
    const signer = wish.issuer?.privateKey ?? privateKey;
    writeFileSync(at('key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    writeFileSync(at('signer.pem'), signer.export({ type: 'pkcs8', format: 'pem' }));
    if (wish.issuer) writeFileSync(at('signer.crt'), wish.issuer.pem);
    writeFileSync(at('index.txt'), '');
    const pathLength = wish.pathLength === undefined ? '' : `,pathlen:${wish.pathLength}`;
    writeFileSync(
      at('ca.cnf'),
      [
        '[req]',
        'distinguished_name=dn',
        '[dn]',
        '[ca]',
        'default_ca=own',
        '[own]',
        `database=${at('index.txt')}`,
        `new_certs_dir=${folder}`,
        'rand_serial=yes',
        'default_md=sha256',
        'policy=any',
        'unique_subject=no',
        '[any]',
        'commonName=supplied',
        '[ext]',
        `basicConstraints=critical,CA:${wish.isCa ? 'TRUE' : 'FALSE'}${pathLength}`,
        'subjectKeyIdentifier=hash',
        ...(wish.keyUsage ? [`keyUsage=${wish.keyUsage}`] : []),
        ...(wish.extensions ?? []),
      ].join('\n'),
    );
    const openssl = (...args: string[]): void => {
      execFileSync('openssl', args, { stdio: 'pipe' });
    };
    openssl(
      ...['req', '-new', '-config', at('ca.cnf'), '-key', at('key.pem')],
      ...['-subj', `/CN=${wish.name}`, '-out', at('csr.pem')],
    );
    openssl(
      ...['ca', '-batch', '-notext', '-config', at('ca.cnf'), '-extensions', 'ext'],
      ...['-in', at('csr.pem'), '-out', at('crt.pem'), '-keyfile', at('signer.pem')],
      ...(wish.issuer ? ['-cert', at('signer.crt')] : ['-selfsign']),
      ...['-startdate', wish.notBefore ?? '20200101000000Z'],
      ...['-enddate', wish.notAfter ?? '20490101000000Z'],
    );
    const pem = readFileSync(at('crt.pem'), 'utf8');
    return {
      pem,
      base64: pem.replace(/-----[^-]+-----|\s/g, ''),
      privateKey: createPrivateKey(readFileSync(at('key.pem'))),
      publicKey: createPublicKey(pem),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
