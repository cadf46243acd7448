/**
 * A key that may verify tokens, and which algorithms it may be used with. Pure.
 * This table is what stops algorithm confusion: a public key never fits HS*, nor a curve another curve's algorithm.
 */

import type { KeyObject } from 'node:crypto';

export interface SigningKey {
  readonly key: KeyObject;
  readonly kind: 'RSA' | 'EC' | 'Ed25519' | 'secret';
  /** NIST name, for EC keys. */
  readonly curve?: string;
  /** The one algorithm that a JWKS entry allows, when it says so. */
  readonly onlyAlgorithm?: string;
}

const curves: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
};
const minRsaBits = 2048;
/** RFC 7518 3.2: an HMAC secret is at least as long as the hash. */
const minSecretBytes: Readonly<Record<string, number>> = { HS256: 32, HS384: 48, HS512: 64 };
const curveOf: Readonly<Record<string, string>> = {
  ES256: 'P-256',
  ES384: 'P-384',
  ES512: 'P-521',
};

/** `undefined` for kinds of keys that no supported algorithm uses. */
export function describeKey(key: KeyObject, onlyAlgorithm?: string): SigningKey | undefined {
  const only = onlyAlgorithm === undefined ? {} : { onlyAlgorithm };
  if (key.type === 'secret') return { key, kind: 'secret', ...only };
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return { key, kind: 'RSA', ...only };
    case 'ed25519':
      return { key, kind: 'Ed25519', ...only };
    case 'ec': {
      const curve = curves[key.asymmetricKeyDetails?.namedCurve ?? ''];
      return curve === undefined ? undefined : { key, kind: 'EC', curve, ...only };
    }
    default:
      return undefined;
  }
}

/** Why the key must not be used with the algorithm, or `undefined` when it may. */
export function misfit(signingKey: SigningKey, algorithm: string): string | undefined {
  const { key, kind, curve, onlyAlgorithm } = signingKey;
  if (onlyAlgorithm !== undefined && onlyAlgorithm !== algorithm) {
    return `the key is for ${onlyAlgorithm} only`;
  }
  switch (algorithm.slice(0, 2)) {
    case 'HS':
      if (kind !== 'secret') return `${algorithm} needs a symmetric key`;
      return (key.symmetricKeySize ?? 0) < (minSecretBytes[algorithm] ?? Number.POSITIVE_INFINITY)
        ? `the key is too short for ${algorithm}`
        : undefined;
    case 'RS':
    case 'PS':
      if (kind !== 'RSA') return `${algorithm} needs an RSA key`;
      return (key.asymmetricKeyDetails?.modulusLength ?? 0) < minRsaBits
        ? `the RSA key has fewer than ${minRsaBits} bits`
        : undefined;
    case 'ES':
      return kind === 'EC' && curve === curveOf[algorithm]
        ? undefined
        : `${algorithm} needs a key on ${curveOf[algorithm]}`;
    case 'Ed':
      return kind === 'Ed25519' ? undefined : `${algorithm} needs an Ed25519 key`;
    default:
      return `${algorithm} is not supported`;
  }
}
