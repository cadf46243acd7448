import { describe, expect, it } from 'vitest';
import { formatUuidV7, numberedUuidV7, uuidV7 } from '../../../src/observe/uuid.ts';

describe('formatUuidV7', () => {
  it('matches the example of RFC 9562, appendix A.6', () => {
    // unix_ts_ms 0x017F22E279B0, rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F
    expect(formatUuidV7(0x017f22e279b0, 'cc318c4dc0c0c07398f')).toBe(
      '017f22e2-79b0-7cc3-98c4-dc0c0c07398f',
    );
  });

  it('sets version and variant whatever the random digits are', () => {
    expect(formatUuidV7(0xffffffffffff, 'f'.repeat(19))).toBe(
      'ffffffff-ffff-7fff-bfff-ffffffffffff',
    );
    expect(formatUuidV7(0, '0'.repeat(19))).toBe('00000000-0000-7000-8000-000000000000');
  });

  it('reads its random digits from the offset', () => {
    const digits = 'fff0123456789abcdef0123';
    expect(formatUuidV7(1, digits, 3)).toBe(formatUuidV7(1, digits.slice(3)));
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

describe('numberedUuidV7', () => {
  it('gives distinct, well-formed, sorted ids within and beyond the count of one millisecond', () => {
    const ids = [1_700_000_000_000, 1_700_000_000_001].flatMap((timeMs) =>
      Array.from({ length: 4000 }, () => numberedUuidV7(timeMs)),
    );
    expect(new Set(ids).size).toBe(8000);
    expect(ids.toSorted()).toEqual(ids);
    for (const id of ids) {
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
    const overflowing = Array.from({ length: 10_000 }, () => numberedUuidV7(1_800_000_000_000));
    expect(new Set(overflowing).size).toBe(10_000);
  });

  it('shares no random digits between milliseconds', () => {
    const tails = [1, 2, 3].map((timeMs) => numberedUuidV7(timeMs).slice(19));
    expect(new Set(tails).size).toBe(3);
  });
});
