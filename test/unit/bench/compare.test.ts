import { describe, expect, it } from 'vitest';
import { differences, whyIncomparable, whyNoBaseline } from '../../../bench/figures/baseline.ts';
import { changeText, compare, isWorse } from '../../../bench/figures/compare.ts';
import type { CaseResult, Results } from '../../../bench/figures/results.ts';
import { aCase, aResults } from './a-results.ts';

const steady = { ours: [100, 100], theirs: [20, 20] };
const other = aCase(steady, { name: '64 connections' });

function changes(before: Results, now: Results) {
  return compare(before, now, 0.1).changes;
}

/** A case in which this server failed; how a suite and how an edited file tell it. */
function failing(server: 'ours' | 'theirs'): readonly CaseResult[] {
  const rates = { ...steady, [server]: [] };
  const told = aCase(rates, { failures: [{ server, error: 'refused' }] });
  return [
    told,
    { ...told, servers: told.servers.filter((each) => each.server !== server) },
    { ...told, servers: [] },
  ];
}

describe('comparison with the baseline', () => {
  it('sees nothing when the whole machine is slower', () => {
    const before = aResults([aCase(steady)]);
    const slower = aResults([
      aCase({ ours: [25, 25], theirs: [5, 5] }, {}, { cpuSeconds: 2, seconds: 4 }),
    ]);
    expect(compare(before, slower, 0.1)).toEqual({
      changes: [],
      failed: [],
      missed: [],
      comparedCount: 1,
    });
  });

  it('names a ratio that fell, and the CPU with it', () => {
    const found = changes(
      aResults([aCase(steady)]),
      aResults([aCase({ ours: [50, 50], theirs: [20, 20] })]),
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
    );
    expect(first).toMatchObject({ what: 'rate', isWithinSpread: true });
  });

  it('tells what got better as better', () => {
    const [best] = changes(
      aResults([aCase(steady)]),
      aResults([aCase({ ours: [200, 200], theirs: [20, 20] })]),
    );
    expect(best && isWorse(best)).toBe(false);
  });

  it('names cases that the new results lack, and passes over those that only they have', () => {
    expect(compare(aResults([aCase(steady), other]), aResults([other]), 0.1)).toMatchObject({
      missed: ['(a) 8 connections against theirs: not run'],
      comparedCount: 1,
    });
    expect(compare(aResults([other]), aResults([other, aCase(steady)]), 0.1).missed).toEqual([]);
  });

  it('names whole profiles that were not run in one line', () => {
    const before = aResults([
      other,
      aCase(steady, { profile: 'b' }),
      aCase(steady, { profile: 'c' }),
    ]);
    expect(compare(before, aResults([other]), 0.1).missed).toEqual(['profiles b, c: not run']);
    expect(compare(before, aResults([]), 0.1)).toMatchObject({
      missed: ['profiles a, b, c: not run'],
      comparedCount: 0,
    });
  });

  it('names a registry that is not there, or failed', () => {
    const alone = aResults([aCase({ ...steady, theirs: [] }), other]);
    const before = aResults([aCase(steady), other]);
    expect(compare(before, alone, 0.1).missed).toEqual([
      '(a) 8 connections against theirs: not run',
    ]);
    const servers = alone.servers.slice(0, 1);
    const lone = [
      aCase({ ...steady, theirs: [] }),
      { ...other, servers: other.servers.slice(0, 1) },
    ];
    expect(compare(before, aResults(lone, { servers }), 0.1).missed).toEqual([
      'any case against theirs: not run',
    ]);
    const [told] = failing('theirs');
    expect(compare(aResults([aCase(steady)]), aResults(told ? [told] : []), 0.1).missed).toEqual([
      '(a) 8 connections against theirs: failed: refused',
    ]);
  });

  it('takes a case that ours failed for worse, also one that the baseline lacks', () => {
    for (const before of [aResults([aCase(steady)]), aResults([])]) {
      for (const each of failing('ours')) {
        expect(compare(before, aResults([each]), 0.1)).toEqual({
          changes: [],
          failed: ['(a) 8 connections: ours failed: refused'],
          missed: [],
          comparedCount: 0,
        });
      }
    }
    const silent = aCase({ ...steady, ours: [] });
    expect(compare(aResults([]), aResults([silent]), 0.1).failed).toEqual([
      '(a) 8 connections: ours failed: no run',
    ]);
  });

  it('takes a case that ours failed after some runs for failed', () => {
    const late = aCase(steady, { failures: [{ server: 'ours', error: 'gone' }] });
    expect(compare(aResults([aCase(steady)]), aResults([late]), 0.1)).toMatchObject({
      failed: ['(a) 8 connections: ours failed: gone'],
      comparedCount: 0,
    });
  });
});

describe('what was measured', () => {
  const base = aResults([aCase(steady)]);
  const on = (storage: string): Results => ({ ...base, machine: { ...base.machine, storage } });

  it('is of one kind of storage, whatever the disk', () => {
    expect(whyIncomparable(base, on('ext4 on /dev/vdb'))).toBeUndefined();
    expect(whyIncomparable(base, on('tmpfs on tmpfs'))).toBe(
      'taken on tmpfs, the baseline on ext4',
    );
  });

  it('is told where client or seconds differ', () => {
    expect(differences(base, base)).toEqual([]);
    expect(differences(base, { ...base, rateClient: 'lean', seconds: 1 })).toEqual([
      'rate client: autocannon in the baseline, lean now',
      'seconds of a run: 2 in the baseline, 1 now',
    ]);
  });
});

describe('a new baseline', () => {
  const baseline = aResults([aCase(steady)]);

  it('has all that the one before has, and no failure', () => {
    expect(whyNoBaseline(undefined, baseline)).toEqual([]);
    expect(whyNoBaseline(baseline, aResults([aCase(steady), other]))).toEqual([]);
    expect(whyNoBaseline(baseline, aResults([other]))).toEqual([
      'the baseline has more: (a) 8 connections against theirs: not run',
    ]);
    for (const server of ['ours', 'theirs'] as const) {
      for (const each of failing(server)) {
        expect(whyNoBaseline(undefined, aResults([other, each]))).toContain(
          `(a) 8 connections: ${server} failed: refused`,
        );
      }
    }
  });

  it('is of a run that was not cut, on the same kind of storage, against somebody', () => {
    expect(whyNoBaseline(baseline, { ...baseline, cut: 'ended by SIGINT' })).toEqual([
      'the run was cut: ended by SIGINT',
    ]);
    const machine = { ...baseline.machine, storage: 'tmpfs on tmpfs' };
    expect(whyNoBaseline(baseline, { ...baseline, machine })).toEqual([
      'taken on tmpfs, the baseline on ext4',
    ]);
    for (const cases of [[], [aCase({ ...steady, theirs: [] })]]) {
      expect(whyNoBaseline(undefined, aResults(cases))).toEqual([
        'no case has a ratio to another registry',
      ]);
    }
  });
});
