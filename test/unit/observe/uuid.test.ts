import { describe, expect, it } from 'vitest';
import { formatUuidV7, uuidV7 } from '../../../src/observe/uuid.ts';

describe('formatUuidV7', () => {
  it('matches the example of RFC 9562, appendix A.6', () => {
    // unix_ts_ms 0x017F22E279B0, rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F
    const random = Uint8Array.from([0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f]);
    expect(formatUuidV7(0x017f22e279b0, random)).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
  });

  it('sets version and variant whatever the random bytes are', () => {
    expect(formatUuidV7(0xffffffffffff, new Uint8Array(10).fill(0xff))).toBe(
      'ffffffff-ffff-7fff-bfff-ffffffffffff',
    );
    expect(formatUuidV7(0, new Uint8Array(10))).toBe('00000000-0000-7000-8000-000000000000');
  });

  it('reads its random bytes from the offset', () => {
    const random = Uint8Array.from([9, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(formatUuidV7(0, random, 3)).toBe(formatUuidV7(0, random.subarray(3)));
  });
});

describe('uuidV7', () => {
  it('gives distinct, well-formed ids across refills of the random pool', () => {
    const ids = Array.from({ length: 2000 }, () => uuidV7());
    expect(new Set(ids).size).toBe(2000);
    for (const id of ids) {
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
  });

  it('sorts by time', () => {
    const ids = [1_700_000_000_000, 1_700_000_000_001, 1_800_000_000_000].map((t) => uuidV7(t));
    expect(ids.toSorted()).toEqual(ids);
  });
});
