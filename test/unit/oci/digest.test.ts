import { describe, expect, it } from 'vitest';
import { checkDigest, digestBytes, emptyDigest, tryParseDigest } from '../../../src/oci/digest.ts';

describe('digest', () => {
  it('accepts the three algorithms at their exact length', () => {
    for (const [algorithm, length] of Object.entries({ sha256: 64, sha384: 96, sha512: 128 })) {
      const text = `${algorithm}:${'a'.repeat(length)}`;
      expect(tryParseDigest(text)).toBe(text);
      expect(checkDigest(`${text}a`)).toEqual({ fault: 'invalid checksum digest length' });
    }
  });

  it('names what is wrong in the words of Distribution', () => {
    expect(checkDigest('md5:abc')).toEqual({ fault: 'unsupported digest algorithm' });
    expect(checkDigest('sha256')).toEqual({ fault: 'invalid checksum digest format' });
    expect(checkDigest(`sha256:${'A'.repeat(64)}`)).toEqual({
      fault: 'invalid checksum digest format',
    });
  });

  it('knows the digest of nothing', () => {
    expect(digestBytes('')).toBe(emptyDigest);
  });
});
