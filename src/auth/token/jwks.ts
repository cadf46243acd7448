/** Reads a JSON Web Key Set file (RFC 7517) into keys by their ids. Pure; used by trusted-keys.ts. */

import { createPublicKey, createSecretKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { CodedError, errorText } from '../../errors.ts';
import { signingAlgorithms } from '../options.ts';
import { keyIdsOf } from './key-id.ts';
import { describeKey, type SigningKey } from './signing-key.ts';

export interface Jwks {
  readonly byId: ReadonlyMap<string, SigningKey>;
  /** Entries left out, and why. Holds no key material. */
  readonly remarks: readonly string[];
}

/** A set may hold private keys by mistake: only these members are ever looked at. */
const publicMembers: Readonly<Record<string, readonly string[]>> = {
  RSA: ['n', 'e'],
  EC: ['crv', 'x', 'y'],
  OKP: ['crv', 'x'],
};

/**
 * Keys under their own `kid` (a later one of the same name wins) and, for public keys, under their thumbprints.
 * Entries that cannot verify signatures (`use: enc`, unknown kinds) are left out with a remark.
 *
 * @throws CodedError `TOKEN_KEYS_INVALID` when the text is not a key set or a known kind of key is broken
 */
export function parseJwks(content: Buffer): Jwks {
  const byId = new Map<string, SigningKey>();
  const literal = new Map<string, SigningKey>();
  const remarks: string[] = [];
  for (const [index, entry] of entriesOf(content).entries()) {
    const name = `key ${index + 1}${typeof entry['kid'] === 'string' ? ` (${entry['kid']})` : ''}`;
    const reason = unusable(entry);
    if (reason !== undefined) {
      remarks.push(`${name} is ignored: ${reason}`);
      continue;
    }
    let key: KeyObject;
    try {
      key = importKey(entry);
    } catch (cause) {
      // The cause of OpenSSL names no key material.
      throw fault(`${name} is broken: ${errorText(cause)}`, cause);
    }
    const { alg } = entry;
    const signingKey = describeKey(key, typeof alg === 'string' ? alg : undefined);
    if (signingKey === undefined) {
      remarks.push(`${name} is ignored: unsupported kind or curve`);
      continue;
    }
    if (key.type === 'public') for (const id of keyIdsOf(key)) byId.set(id, signingKey);
    if (typeof entry['kid'] === 'string') literal.set(entry['kid'], signingKey);
  }
  return { byId: new Map([...byId, ...literal]), remarks };
}

function entriesOf(content: Buffer): readonly Record<string, unknown>[] {
  let document: unknown;
  try {
    document = JSON.parse(content.toString('utf8'));
  } catch (cause) {
    // The parser's own message quotes the text, which may hold symmetric keys.
    throw fault('not JSON', undefined, cause);
  }
  const keys = isObject(document) ? document['keys'] : undefined;
  if (!Array.isArray(keys) || !keys.every(isObject)) throw fault('no list "keys" of objects');
  return keys;
}

function unusable(entry: Record<string, unknown>): string | undefined {
  const { kty, use, key_ops: operations, alg } = entry;
  if (use !== undefined && use !== 'sig') return 'its use is not sig';
  if (Array.isArray(operations) && !operations.includes('verify')) return 'its key_ops lack verify';
  if (typeof alg === 'string' && !(signingAlgorithms as readonly string[]).includes(alg)) {
    return `its alg ${alg} is not supported`;
  }
  return kty === 'oct' || (typeof kty === 'string' && Object.hasOwn(publicMembers, kty))
    ? undefined
    : 'unknown kty';
}

function importKey(entry: Record<string, unknown>): KeyObject {
  const kty = String(entry['kty']);
  if (kty === 'oct') {
    const { k } = entry;
    if (typeof k !== 'string' || k === '') throw new Error('no k');
    return createSecretKey(k, 'base64url');
  }
  const jwk: JsonWebKey = { kty };
  for (const member of publicMembers[kty] ?? []) {
    const value = entry[member];
    if (typeof value !== 'string') throw new Error(`no ${member}`);
    jwk[member] = value;
  }
  return createPublicKey({ key: jwk, format: 'jwk' });
}

function fault(text: string, ...causes: unknown[]): CodedError {
  return new CodedError('TOKEN_KEYS_INVALID', `failed to parse jwks: ${text}`, {
    cause: causes[0],
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
