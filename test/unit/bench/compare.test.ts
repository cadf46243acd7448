import { describe, expect, it } from 'vitest';
import { changes, changeText, isWorse } from '../../../bench/figures/compare.ts';
import { aCase, aResults } from './a-results.ts';

const steady = { ours: [100, 100], theirs: [20, 20] };

describe('comparison with the baseline', () => {
  it('sees nothing when the whole machine is slower', () => {
    const before = aResults([aCase(steady)]);
    const slower = aResults([
      aCase({ ours: [25, 25], theirs: [5, 5] }, {}, { cpuSeconds: 2, seconds: 4 }),
    ]);
    expect(changes(before, slower, 0.1)).toEqual([]);
  });

  it('names a ratio that fell, and the CPU with it', () => {
    const found = changes(
      aResults([aCase(steady)]),
      aResults([aCase({ ours: [50, 50], theirs: [20, 20] })]),
      0.1,
    );
    expect(found.map(({ what }) => what)).toEqual(['rate', 'CPU a unit']);
    expect(found.every(isWorse)).toBe(true);
    expect(changeText(found[0] ?? expect.fail())).toBe(
      '(a) 8 connections: rate against theirs was 5.0x, is 2.5x: 50.0 % worse',
    );
  });

  it('says when runs overlap', () => {
    const [first] = changes(
      aResults([aCase({ ours: [60, 100, 100], theirs: [20, 20, 20] })]),
      aResults([aCase({ ours: [50, 70, 80], theirs: [20, 20, 20] })]),
      0.1,
    );
    expect(first).toMatchObject({ what: 'rate', isWithinSpread: true });
  });

  it('tells what got better as better', () => {
    const [best] = changes(
      aResults([aCase(steady)]),
      aResults([aCase({ ours: [200, 200], theirs: [20, 20] })]),
      0.1,
    );
    expect(best && isWorse(best)).toBe(false);
  });

  it('passes over cases that one of the two lacks', () => {
    const other = aResults([aCase({ ours: [1], theirs: [1] }, { name: '64 connections' })]);
    expect(changes(aResults([aCase(steady)]), other, 0.1)).toEqual([]);
  });
});
