/**
 * Verifies one registry token: form, key, signature, claims, in that order. Called by token.ts for tokens that it has
 * not met yet.
 *
 *   header -> algorithm allowed -> key chosen (x5c | jwk | kid) -> key fits algorithm -> signature -> claims
 */

import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import type { Grant } from '../access.ts';
import { verifyChain } from './certificate-chain.ts';
import { acceptClaims, type ClaimRules } from './claims.ts';
import { describeKey, misfit, type SigningKey } from './signing-key.ts';
import { parseJsonObject } from './strict-json.ts';
import { TokenRefused } from './token-refused.ts';
import type { KeySet } from './trusted-keys.ts';

/** Beyond what any front end lets through as a header; a bound of our own, for callers that have none. */
export const maxTokenLength = 65_536;

export interface VerifyTokenRules extends ClaimRules {
  readonly algorithms: ReadonlySet<string>;
}

export interface VerifiedToken {
  readonly grant: Grant;
  /** When the token, or a certificate that vouches for it, ends. */
  readonly validUntilMs: number;
}

interface ChosenKey {
  readonly signingKey: SigningKey;
  readonly validUntilMs: number;
}

/** Loads what checks signatures: 3 MiB that a registry without tokens saves. */
export async function loadVerifier(): Promise<void> {
  await import('jose');
}

/** @throws TokenRefused with the check that failed */
export async function verifyToken(
  token: string,
  keys: KeySet,
  rules: VerifyTokenRules,
  nowMs: number,
): Promise<VerifiedToken> {
  const header = readHeader(token);
  const algorithm = header['alg'];
  if (typeof algorithm !== 'string' || !rules.algorithms.has(algorithm)) {
    throw new TokenRefused('alg is not one of the configured signing algorithms');
  }
  if (header['crit'] !== undefined) throw new TokenRefused('crit names extensions: none is known');
  const chosen = chooseKey(header, keys, nowMs);
  const reason = misfit(chosen.signingKey, algorithm);
  if (reason !== undefined) throw new TokenRefused(reason);
  const payload = await checkSignature(token, chosen.signingKey.key, algorithm);
  const claims = acceptClaims(parseJsonObject(payload, 'payload'), rules, nowMs);
  return {
    grant: claims.grant,
    validUntilMs: Math.min(claims.validUntilMs, chosen.validUntilMs),
  };
}

function readHeader(token: string): Record<string, unknown> {
  if (token.length > maxTokenLength) throw new TokenRefused('the token is too long');
  const parts = token.split('.');
  if (parts.length !== 3 || !parts.every((part) => /^[A-Za-z0-9_-]*$/.test(part))) {
    throw new TokenRefused('not a compact JWS');
  }
  return parseJsonObject(Buffer.from(parts[0] ?? '', 'base64url'), 'header');
}

/** A key counts only when the bundle or the JWKS vouch for it; what the token itself brings is never trusted. */
function chooseKey(header: Record<string, unknown>, keys: KeySet, nowMs: number): ChosenKey {
  const { jwk, kid, x5c } = header;
  const embedded = jwk === undefined ? undefined : readEmbeddedKey(jwk);
  if (x5c !== undefined) return keyOfChain(x5c, keys, nowMs);
  if (embedded !== undefined) {
    if (embedded.x5c === undefined) return trustedKey(embedded.kid, keys);
    const chosen = keyOfChain(embedded.x5c, keys, nowMs);
    if (!chosen.signingKey.key.equals(embedded.key)) {
      throw new TokenRefused('jwk and its x5c hold different keys');
    }
    return chosen;
  }
  return trustedKey(kid, keys);
}

function readEmbeddedKey(jwk: unknown): { key: KeyObject; kid: unknown; x5c: unknown } {
  if (typeof jwk !== 'object' || jwk === null) throw new TokenRefused('jwk is not an object');
  const { kty, kid, x5c, d, k } = jwk as Record<string, unknown>;
  if (kty === 'oct' || d !== undefined || k !== undefined) {
    throw new TokenRefused('jwk is not a public key');
  }
  try {
    const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
    return { key, kid, x5c };
  } catch (cause) {
    throw new TokenRefused('jwk is not a valid public key', { cause });
  }
}

function keyOfChain(x5c: unknown, keys: KeySet, nowMs: number): ChosenKey {
  const { leaf, validUntilMs } = verifyChain(x5c, keys.roots, nowMs);
  const signingKey = describeKey(leaf.publicKey);
  if (signingKey === undefined) throw new TokenRefused('x5c: unsupported kind of key');
  return { signingKey, validUntilMs };
}

function trustedKey(kid: unknown, keys: KeySet): ChosenKey {
  if (typeof kid !== 'string' || kid === '') throw new TokenRefused('no x5c, jwk or kid');
  const signingKey = keys.byId.get(kid);
  if (signingKey === undefined) throw new TokenRefused('kid is not a trusted key');
  return { signingKey, validUntilMs: Number.POSITIVE_INFINITY };
}

async function checkSignature(
  token: string,
  key: KeyObject,
  algorithm: string,
): Promise<Uint8Array> {
  const { compactVerify } = await import('jose');
  try {
    const { payload } = await compactVerify(token, key, { algorithms: [algorithm] });
    return payload;
  } catch (cause) {
    throw new TokenRefused('the signature is wrong', { cause });
  }
}
