/**
 * Digests `algorithm:encoded`: parse, print, and the table of algorithms. Pure; image-spec descriptor.md "Digests".
 */

import { createHash } from 'node:crypto';
import { CodedError } from '../errors.ts';

/** Accepted algorithms with the length of their lower-case hex form. */
export const digestAlgorithms = {
  sha256: 64,
  sha384: 96,
  sha512: 128,
} as const;

export type DigestAlgorithm = keyof typeof digestAlgorithms;

/** A digest that was checked: `sha256:<64 hex>`, `sha384:<96 hex>` or `sha512:<128 hex>`. */
export type Digest = string & { readonly __digest: true };

/** What distribution stores blobs under, whatever a client asked for. */
export const canonicalAlgorithm = 'sha256';

/** Digest of no bytes; the only blob whose upload may lack a data file. */
export const emptyDigest: Digest =
  'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' as Digest;

const hexOnly = /^[0-9a-f]+$/;
/** A digest's grammar as a route accepts it, looser than what `parseDigest` takes. */
const digestGrammar = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/;

export function isDigestAlgorithm(text: string): text is DigestAlgorithm {
  return Object.hasOwn(digestAlgorithms, text);
}

/** The digest, or what is wrong with the text in Distribution's words. */
export function checkDigest(text: string): { digest: Digest } | { fault: string } {
  if (!digestGrammar.test(text)) {
    return { fault: 'invalid checksum digest format' };
  }
  const colon = text.indexOf(':');
  const algorithm = text.slice(0, colon);
  if (!isDigestAlgorithm(algorithm)) {
    return { fault: 'unsupported digest algorithm' };
  }
  const encoded = text.slice(colon + 1);
  if (encoded.length !== digestAlgorithms[algorithm]) {
    return { fault: 'invalid checksum digest length' };
  }
  return hexOnly.test(encoded)
    ? { digest: text as Digest }
    : { fault: 'invalid checksum digest format' };
}

export function tryParseDigest(text: string): Digest | undefined {
  const result = checkDigest(text);
  return 'digest' in result ? result.digest : undefined;
}

/** @throws `DIGEST_INVALID` with Distribution's text as detail */
export function parseDigest(text: string): Digest {
  const result = checkDigest(text);
  if ('digest' in result) {
    return result.digest;
  }
  throw new CodedError('DIGEST_INVALID', 'provided digest did not match uploaded content', {
    detail: result.fault,
  });
}

export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(':')) as DigestAlgorithm;
}

export function encodedOf(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

export function digestOf(algorithm: DigestAlgorithm, hex: string): Digest {
  return `${algorithm}:${hex}` as Digest;
}

/** Digest of bytes in memory. */
export function digestBytes(
  bytes: Uint8Array | string,
  algorithm: DigestAlgorithm = 'sha256',
): Digest {
  return digestOf(algorithm, createHash(algorithm).update(bytes).digest('hex'));
}
