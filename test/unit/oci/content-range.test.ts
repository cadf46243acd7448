/** Ranges of uploads and downloads, against plain models. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatHeldRange, parseRange, tryParseChunkRange } from '../../../src/oci/content-range.ts';

const size = fc.integer({ min: 0, max: 60 });
const position = fc.integer({ min: 0, max: 80 });

describe('Content-Range of a chunk', () => {
  test('is read in every form seen in the wild', () => {
    const form = fc.constantFrom(
      (range: string) => range,
      (range: string) => `bytes ${range}`,
      (range: string) => `bytes=${range}`,
      (range: string) => `bytes ${range}/*`,
      (range: string) => `${range}/1000000`,
      (range: string) => ` ${range} `,
      (range: string) => `Bytes = ${range.replace('-', ' - ')}/*`,
    );
    const big = fc.integer({ min: 0, max: 2 ** 49 });
    fc.assert(
      fc.property(form, big, big, (print, start, end) => {
        const expected = start <= end ? { start, end } : undefined;
        expect(tryParseChunkRange(print(`${start}-${end}`))).toEqual(expected);
      }),
    );
  });

  test('is never read as anything but two exact numbers in order', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'0159-/* bytes=x'), maxLength: 30 }),
        (text) => {
          const range = tryParseChunkRange(text);
          if (range !== undefined) {
            expect(Number.isSafeInteger(range.start) && Number.isSafeInteger(range.end)).toBe(true);
            expect(range.start).toBeLessThanOrEqual(range.end);
            expect(text.replaceAll(' ', '')).toMatch(/^(bytes=?)?\d+-\d+(\/(\*|\d+))?$/);
          }
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('what is held is printed so that it can be read again', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 49 }), (sizeBytes) => {
        expect(tryParseChunkRange(formatHeldRange(sizeBytes))).toEqual({
          start: 0,
          end: sizeBytes - 1,
        });
      }),
    );
    expect(formatHeldRange(0)).toBe('0-0');
  });
});

describe('Range of a download', () => {
  type Spec = { readonly text: string; readonly bytes: (size: number) => number[] };
  const upTo = (start: number, end: number): number[] =>
    Array.from({ length: Math.max(0, end - start + 1) }, (_, index) => start + index);

  const spec: fc.Arbitrary<Spec> = fc.oneof(
    fc.tuple(position, position).map(([a, b]) => {
      const [start, end] = [Math.min(a, b), Math.max(a, b)];
      return { text: `${start}-${end}`, bytes: (of: number) => upTo(start, Math.min(end, of - 1)) };
    }),
    position.map((start) => ({ text: `${start}-`, bytes: (of: number) => upTo(start, of - 1) })),
    position.map((length) => ({
      text: `-${length}`,
      bytes: (of: number) => upTo(Math.max(0, of - length), of - 1),
    })),
  );

  test('selects the bytes that RFC 9110 says, part by part', () => {
    fc.assert(
      fc.property(size, fc.array(spec, { minLength: 1, maxLength: 5 }), (sizeBytes, specs) => {
        const result = parseRange(`bytes=${specs.map(({ text }) => text).join(', ')}`, sizeBytes);
        const wanted = specs.map(({ bytes }) => bytes(sizeBytes)).filter((part) => part.length > 0);
        const sum = wanted.reduce((total, part) => total + part.length, 0);
        if (wanted.length === 0) {
          expect(result.kind).toBe(sizeBytes === 0 ? 'whole' : 'unsatisfiable');
        } else if (sum > sizeBytes) {
          expect(result.kind).toBe('whole');
        } else {
          const parts = result.kind === 'parts' ? result.parts : [];
          expect(parts.map(({ start, end }) => upTo(start, end))).toEqual(wanted);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('whatever the text, the parts lie inside and add up to no more than there is', () => {
    fc.assert(
      fc.property(
        size,
        fc.string({ unit: fc.constantFrom(...'0129-, bytes='), maxLength: 40 }),
        (sizeBytes, text) => {
          const result = parseRange(`bytes=${text}`, sizeBytes);
          let sum = 0;
          for (const { start, end } of result.kind === 'parts' ? result.parts : []) {
            expect(start).toBeGreaterThanOrEqual(0);
            expect(end).toBeGreaterThanOrEqual(start);
            expect(end).toBeLessThan(sizeBytes);
            sum += end - start + 1;
          }
          expect(sum).toBeLessThanOrEqual(sizeBytes);
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('other units are malformed, many parts are served whole', () => {
    expect(parseRange('lines=0-1', 10).kind).toBe('malformed');
    const many = `bytes=${Array.from({ length: 100 }, (_, index) => `${index}-${index}`).join(',')}`;
    expect(parseRange(many, 1000).kind).toBe('whole');
  });
});
