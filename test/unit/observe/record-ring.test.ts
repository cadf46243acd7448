import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { lineMaker } from '../../../src/observe/line-maker.ts';
import type { LineRecipe } from '../../../src/observe/line-output.ts';
import {
  createLinePutter,
  createLineTaker,
} from '../../../src/observe/log-thread/changed-values.ts';
import {
  createRingMemory,
  maxValueBytes,
  type PlainValue,
  RingReader,
  RingWriter,
} from '../../../src/observe/log-thread/record-ring.ts';

function aRing(sizeBytes: number): { writer: RingWriter; reader: RingReader } {
  const memory = createRingMemory(sizeBytes);
  return { writer: new RingWriter(memory), reader: new RingReader(memory) };
}

function put(writer: RingWriter, tag: number, value: PlainValue): boolean {
  if (!writer.begin(tag, maxValueBytes(value))) {
    return false;
  }
  writer.value(value);
  writer.end();
  return true;
}

function readAll(reader: RingReader): [number, PlainValue][] {
  const read: [number, PlainValue][] = [];
  reader.readAll((tag) => read.push([tag, reader.value()]));
  return read;
}

const plainValue = fc.oneof(
  fc.constantFrom(undefined, null, true, false, -0, Number.NaN, 2 ** 53),
  fc.double(),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
);

describe('RecordRing', () => {
  it('gives back what was put, in order, however often it wraps', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.tuple(fc.nat(40), plainValue), { maxLength: 6 }), { maxLength: 80 }),
        (rounds) => {
          const { writer, reader } = aRing(16 * 1024);
          for (const round of rounds) {
            expect(round.every(([tag, value]) => put(writer, tag, value))).toBe(true);
            expect(readAll(reader)).toEqual(round);
            expect(reader.isEmpty).toBe(true);
          }
        },
      ),
    );
  });

  it('has no room for more than its size, loses nothing of what it took, and goes on once read', () => {
    const { writer, reader } = aRing(1024);
    let taken = 0;
    while (put(writer, taken, 'x'.repeat(20))) {
      taken += 1;
    }
    // One unit for the header, and at most three bytes reserved for each character.
    expect(taken).toBeGreaterThanOrEqual(1024 / (8 + 72) - 1);
    expect(taken).toBeLessThan(1024 / 32 + 1);
    expect(readAll(reader).map(([tag]) => tag)).toEqual(Array.from({ length: taken }, (_, n) => n));
    expect(put(writer, 99, 'again')).toBe(true);
    expect(readAll(reader)).toEqual([[99, 'again']]);
  });

  it('waits once for a reader that stands still, not for each record', () => {
    const { writer } = aRing(1024);
    const waiting = vi.spyOn(Atomics, 'wait');
    while (put(writer, 0, 'x'.repeat(20))) {}
    expect(waiting).toHaveBeenCalled();
    waiting.mockClear();
    for (let count = 0; count < 100; count += 1) {
      expect(put(writer, 0, 'x'.repeat(20))).toBe(false);
    }
    expect(waiting).not.toHaveBeenCalled();
    waiting.mockRestore();
  });

  it('keeps positions right past the point where they start again', () => {
    const { writer, reader } = aRing(4096);
    const value = 'y'.repeat(300);
    for (let count = 0; count < 200_000; count += 1) {
      put(writer, count % 7, value);
      if (count % 3 === 0) {
        reader.readAll(() => {
          if (reader.value() !== value) throw new Error('torn');
        });
      }
    }
  });
});

describe('lines as records of what changed', () => {
  const keys = ['http.request.method', 'http.response.status', 'vars.name', 'http.request.uri'];
  const recipes: LineRecipe[] = [
    {
      kind: 'record',
      format: { name: 'text', startMs: 0 },
      level: 'info',
      message: 'done',
      fixed: { service: 'registry' },
      keys,
    },
    {
      kind: 'record',
      format: { name: 'json', startMs: 0 },
      level: 'info',
      message: 'done',
      fixed: {},
      keys: [...keys, 'vars.digest'],
    },
  ];
  const someValue = fc.constantFrom<PlainValue>(
    undefined,
    'a',
    'b "q"',
    'é✓',
    200,
    404,
    true,
    null,
  );

  it('prints the lines that their values print at once, of several kinds in turn', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.nat(1), fc.nat(5), fc.array(someValue, { minLength: 5, maxLength: 5 })),
        ),
        (lines) => {
          const { writer, reader } = aRing(64 * 1024);
          const putters = recipes.map((_, tag) => createLinePutter(writer, tag));
          const takers = recipes.map((recipe) => createLineTaker(reader, lineMaker(recipe)));
          const expected: string[] = [];
          const printed: string[] = [];
          for (const [tag, timeMs, all] of lines) {
            const recipe = recipes[tag] as Extract<LineRecipe, { kind: 'record' }>;
            const values = all.slice(0, recipe.keys.length);
            expect(putters[tag]?.(timeMs, values)).toBe('put');
            expected.push(lineMaker(recipe)(timeMs, values));
            if (timeMs === 0) {
              reader.readAll((read) => printed.push(takers[read]?.() ?? ''));
            }
          }
          reader.readAll((read) => printed.push(takers[read]?.() ?? ''));
          expect(printed).toEqual(expected);
        },
      ),
    );
  });

  it('leaves what no record can hold to the caller, and the next line is right all the same', () => {
    const { writer, reader } = aRing(4096);
    const putLine = createLinePutter(writer, 0);
    const take = createLineTaker(reader, (_timeMs, values) => values.slice(0, 2).join());
    expect(putLine(0, ['a', 1])).toBe('put');
    expect(putLine(0, [{ an: 'object' }, 2])).toBe('odd');
    expect(putLine(0, ['x'.repeat(5000), 2])).toBe('odd');
    expect(putLine(0, new Array(33).fill('too many'))).toBe('odd');
    expect(putLine(0, ['a', 3])).toBe('put');
    const printed: string[] = [];
    reader.readAll(() => printed.push(take()));
    expect(printed).toEqual(['a,1', 'a,3']);
  });

  it('forgets nothing of the line before when there was no room', () => {
    const { writer, reader } = aRing(1024);
    const putLine = createLinePutter(writer, 0);
    const take = createLineTaker(reader, (_timeMs, values) => values.slice(0, 1).join());
    const printed: string[] = [];
    const expected: string[] = [];
    for (let count = 0; count < 300; count += 1) {
      const value = `value ${count}`;
      if (putLine(0, [value]) === 'put') {
        expected.push(value);
      } else {
        reader.readAll(() => printed.push(take()));
        // Not put a moment ago: must not count as known.
        expect(putLine(0, [value])).toBe('put');
        expected.push(value);
      }
    }
    reader.readAll(() => printed.push(take()));
    expect(printed).toEqual(expected);
  });
});
