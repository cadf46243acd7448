/**
 * Names of public keys as token servers write them into `kid`: RFC 7638 thumbprints and libtrust's older form.
 * Pure; used when the trusted keys are loaded.
 */

import { createHash, type KeyObject } from 'node:crypto';

/** Every `kid` by which a token may mean this public key. */
export function keyIdsOf(key: KeyObject): readonly string[] {
  return [...thumbprints(key), libtrustId(key)];
}

/**
 * RFC 7638 with SHA-256, base64url. An elliptic key whose coordinate starts with a zero byte has a second one:
 * Distribution drops such bytes before hashing, and token servers that share its code do the same.
 */
export function thumbprints(key: KeyObject): readonly string[] {
  const jwk = key.export({ format: 'jwk' });
  switch (jwk.kty) {
    case 'RSA':
      return [sha256Json({ e: jwk.e, kty: jwk.kty, n: jwk.n })];
    case 'EC': {
      const members = (x: unknown, y: unknown): object => ({ crv: jwk.crv, kty: jwk.kty, x, y });
      const exact = sha256Json(members(jwk.x, jwk.y));
      const short = sha256Json(members(withoutLeadingZeros(jwk.x), withoutLeadingZeros(jwk.y)));
      return exact === short ? [exact] : [exact, short];
    }
    case 'OKP':
      return [sha256Json({ crv: jwk.crv, kty: jwk.kty, x: jwk.x })];
    default:
      return [];
  }
}

/** `ABCD:EFGH:…`: base32 of the first 240 bits of SHA-256 over the key's DER, in twelve groups of four. */
export function libtrustId(key: KeyObject): string {
  const der = key.export({ type: 'spki', format: 'der' });
  const digest = createHash('sha256').update(der).digest().subarray(0, 30);
  return (base32(digest).match(/.{4}/g) ?? []).join(':');
}

function sha256Json(value: object): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('base64url');
}

function withoutLeadingZeros(coordinate: string | undefined): string {
  const bytes = Buffer.from(coordinate ?? '', 'base64url');
  const start = bytes.findIndex((byte) => byte !== 0);
  return bytes.subarray(Math.max(start, 0)).toString('base64url');
}

const base32Alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** RFC 4648 base32 of a length that needs no padding (a multiple of five bytes). */
function base32(bytes: Buffer): string {
  let text = '';
  let pending = 0;
  let bits = 0;
  for (const byte of bytes) {
    pending = ((pending << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += base32Alphabet[(pending >> bits) & 31];
    }
  }
  return text;
}
