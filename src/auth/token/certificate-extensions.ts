/**
 * Reads the extensions of an X.509 certificate out of its DER: Node shows neither path lengths nor critical marks,
 * and a chain check must heed both (RFC 5280 4.2). Pure; used by certificate-chain.ts.
 */

import { TokenRefused } from './token-refused.ts';

export interface CertificateExtensions {
  /** `pathLenConstraint`: how many intermediates may stand below; `undefined` = no limit. */
  readonly maxPathLength: number | undefined;
  /** A critical extension whose meaning is not checked here, by its DER object id in hex. */
  readonly unknownCritical: string | undefined;
}

const basicConstraints = '551d13';
/** Checked by OpenSSL (key usage) or of no weight for signed tokens: alternative names, policies, extended usage. */
const understood = new Set([basicConstraints, '551d0f', '551d25', '551d11', '551d12', '551d20']);

interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

/** @throws TokenRefused when the DER does not hold together */
export function readExtensions(der: Buffer): CertificateExtensions {
  const [certificate] = elements(der);
  const [toBeSigned] = elements(certificate?.content ?? Buffer.alloc(0));
  const wrapper = elements(toBeSigned?.content ?? Buffer.alloc(0)).find(({ tag }) => tag === 0xa3);
  let maxPathLength: number | undefined;
  let unknownCritical: string | undefined;
  const [list] = wrapper === undefined ? [] : elements(wrapper.content);
  for (const extension of list === undefined ? [] : elements(list.content)) {
    const parts = elements(extension.content);
    const id = parts[0]?.content.toString('hex') ?? '';
    const isCritical = parts.some(({ tag, content }) => tag === 0x01 && content[0] !== 0);
    if (isCritical && !understood.has(id)) unknownCritical = id;
    const value = parts.find(({ tag }) => tag === 0x04)?.content;
    if (id === basicConstraints && value !== undefined) maxPathLength = pathLengthOf(value);
  }
  return { maxPathLength, unknownCritical };
}

function pathLengthOf(value: Buffer): number | undefined {
  const [sequence] = elements(value);
  const integer = elements(sequence?.content ?? Buffer.alloc(0)).find(({ tag }) => tag === 0x02);
  return integer === undefined ? undefined : Number.parseInt(integer.content.toString('hex'), 16);
}

/** The elements that lie side by side in `der`. Only one-byte tags and lengths of up to four bytes occur here. */
function elements(der: Buffer): readonly Element[] {
  const found: Element[] = [];
  let at = 0;
  while (at < der.length) {
    const tag = der[at] ?? 0;
    const first = der[at + 1] ?? 0x80;
    let length = first;
    at += 2;
    if (first >= 0x80) {
      const count = first - 0x80;
      if (count < 1 || count > 4 || at + count > der.length) throw broken();
      length = der.readUIntBE(at, count);
      at += count;
    }
    if (at + length > der.length) throw broken();
    found.push({ tag, content: der.subarray(at, at + length) });
    at += length;
  }
  return found;
}

function broken(): TokenRefused {
  return new TokenRefused('a certificate is not well-formed DER');
}
