/**
 * Checks the certificate chain of a token's `x5c` against the root bundle, as crypto/x509 of Go does for any key
 * usage: signatures, validity dates, CA marks, path lengths. Pure; no revocation lists, as in Distribution.
 */

import { X509Certificate } from 'node:crypto';
import { readExtensions } from './certificate-extensions.ts';
import { TokenRefused } from './token-refused.ts';

export interface VerifiedChain {
  readonly leaf: X509Certificate;
  /** The earliest end of validity in the chain. */
  readonly validUntilMs: number;
}

const maxCertificates = 10;
/** Cross-signed certificates could make the search long; Go has such a budget too. */
const maxSignatureChecks = 50;

/**
 * @param x5c  RFC 7515 4.1.6: base64 DER, leaf first; the others are intermediates in any order.
 * @throws TokenRefused when no chain ends at a root. A leaf that is itself in the bundle needs no chain.
 */
export function verifyChain(
  x5c: unknown,
  roots: readonly X509Certificate[],
  nowMs: number,
): VerifiedChain {
  if (!Array.isArray(x5c) || x5c.length === 0 || x5c.length > maxCertificates) {
    throw new TokenRefused(`x5c is not a list of 1 to ${maxCertificates} certificates`);
  }
  const [leaf, ...intermediates] = x5c.map(parseCertificate);
  if (leaf === undefined) throw new TokenRefused('x5c is empty');
  let signatureChecks = 0;

  function isIssuedBy(child: X509Certificate, parent: X509Certificate, below: number): boolean {
    // checkIssued compares names, key ids and the key usage; it checks no signature.
    if (!parent.ca || !child.checkIssued(parent)) return false;
    const { maxPathLength } = readExtensions(parent.raw);
    if (maxPathLength !== undefined && below > maxPathLength) return false;
    signatureChecks += 1;
    if (signatureChecks > maxSignatureChecks) {
      throw new TokenRefused('the certificates of x5c take too long to check');
    }
    return child.verify(parent.publicKey);
  }

  /** End of validity of the best chain found from `certificate` up; `below` counts intermediates under its issuer. */
  function climb(
    certificate: X509Certificate,
    path: readonly X509Certificate[],
  ): number | undefined {
    if (!isSound(certificate, nowMs)) return undefined;
    const end = Date.parse(certificate.validTo);
    if (roots.some((root) => root.fingerprint256 === certificate.fingerprint256)) return end;
    const below = path.length;
    for (const root of roots) {
      if (isSound(root, nowMs) && isIssuedBy(certificate, root, below)) {
        return Math.min(end, Date.parse(root.validTo));
      }
    }
    const nextPath = [...path, certificate];
    for (const parent of intermediates) {
      if (nextPath.includes(parent) || !isIssuedBy(certificate, parent, below)) continue;
      const parentEnd = climb(parent, nextPath);
      if (parentEnd !== undefined) return Math.min(end, parentEnd);
    }
    return undefined;
  }

  const validUntilMs = climb(leaf, []);
  if (validUntilMs === undefined) {
    throw new TokenRefused(
      'the certificate of x5c does not lead to the root bundle, or is not valid now',
    );
  }
  return { leaf, validUntilMs };
}

function isSound(certificate: X509Certificate, nowMs: number): boolean {
  return (
    nowMs >= Date.parse(certificate.validFrom) &&
    nowMs <= Date.parse(certificate.validTo) &&
    readExtensions(certificate.raw).unknownCritical === undefined
  );
}

function parseCertificate(encoded: unknown): X509Certificate {
  try {
    if (typeof encoded !== 'string') throw new TypeError('not text');
    return new X509Certificate(Buffer.from(encoded, 'base64'));
  } catch (cause) {
    throw new TokenRefused('x5c holds something that is not a certificate', { cause });
  }
}
