import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatGoDuration, tryParseGoDuration } from '../../../src/options/go-duration.ts';

describe('parsing', () => {
  test.each([
    ['10s', 10_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['100ms', 100],
    ['2h10m', 7_800_000],
    ['1us', 0.001],
    ['1µs', 0.001],
    ['1μs', 0.001],
    ['5ns', 0.000005],
    ['.5s', 500],
    ['1.s', 1000],
    ['-1m', -60_000],
    ['+1m', 60_000],
    ['0', 0],
    ['-0s', 0],
    ['168h', 604_800_000],
  ])('%s is %d ms', (text, milliseconds) => {
    expect(tryParseGoDuration(text)).toBe(milliseconds);
  });

  test.each(['', '-', '10', '3000 s', '1d', 's', '.s', '1h 30m', '1hm', '10S', '1e3s', '9999999h'])(
    '%j is no duration',
    (text) => {
      expect(tryParseGoDuration(text)).toBeUndefined();
    },
  );
});

describe('printing', () => {
  test.each([
    [0, '0s'],
    [5_400_000, '1h30m0s'],
    [604_800_000, '168h0m0s'],
    [1500, '1.5s'],
    [90_000, '1m30s'],
    [100, '100ms'],
    [1.5, '1.5ms'],
    [0.0015, '1.5µs'],
    [0.00001, '10ns'],
    [-1000, '-1s'],
  ])('%d ms is %s', (milliseconds, text) => {
    expect(formatGoDuration(milliseconds)).toBe(text);
  });

  test('what is printed parses back to the same', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e12, max: 1e12 }), (milliseconds) => {
        expect(tryParseGoDuration(formatGoDuration(milliseconds))).toBeCloseTo(milliseconds, 3);
      }),
    );
  });
});
