import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { guard } from '../../../bench/commands/guard.ts';
import type { Results } from '../../../bench/figures/results.ts';
import { aCase, aResults } from './a-results.ts';

const steady = aCase({ ours: [100], theirs: [20] });
const failed = aCase(
  { ours: [], theirs: [20] },
  { failures: [{ server: 'ours', error: 'refused' }] },
);
const inMemory = { ...aResults([steady]).machine, storage: 'tmpfs on tmpfs' };
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-guard-'));
  store(
    'baseline.json',
    aResults([steady, aCase({ ours: [9], theirs: [1] }, { name: 'another' })]),
  );
});

afterEach(() => rmSync(folder, { recursive: true }));

function store(name: string, content: unknown): void {
  writeFileSync(join(folder, name), JSON.stringify(content));
}

function run(results: unknown, ...args: string[]): { code: number; lines: readonly string[] } {
  store('2026-01-02.json', results);
  const lines: string[] = [];
  const code = guard(['--folder', folder, ...args], (line) => lines.push(line));
  return { code, lines };
}

function baseline(): Results {
  return JSON.parse(readFileSync(join(folder, 'baseline.json'), 'utf8'));
}

describe('guard', () => {
  it('passes results as good as the baseline, and names what they lack', () => {
    const { code, lines } = run(aResults([steady]));
    expect(code).toBe(0);
    expect(lines[0]).toBe('not compared: (a) another against theirs: not run');
    expect(lines[1]).toMatch(/: 0 worse by more than 10 %, in 1 cases, by rate, CPU and memory$/);
  });

  it('fails results in which ours failed', () => {
    const another = aCase({ ours: [9], theirs: [1] }, { name: 'another' });
    const { code, lines } = run(aResults([failed, another]));
    expect(code).toBe(1);
    expect(lines).toContain('(a) 8 connections: ours failed: refused');
    expect(lines.at(-1)).toContain(': 1 worse');
  });

  it('refuses to call nothing a comparison', () => {
    for (const cases of [[], [failed], [aCase({ ours: [1], theirs: [1] }, { profile: 'k' })]]) {
      expect(() => run(aResults(cases))).toThrow('nothing could be compared');
    }
  });

  it('refuses results of another kind of storage, and tells of what else differs', () => {
    expect(() => run(aResults([steady], { machine: inMemory }))).toThrow(
      'was taken on tmpfs, the baseline on ext4',
    );
    const { lines } = run(aResults([steady], { rateClient: 'lean' }));
    expect(lines[0]).toBe('trust with care: rate client: autocannon in the baseline, lean now');
  });

  it('refuses what is no results file, with its name', () => {
    for (const content of [{ format: 1 }, [], null, { ...aResults([steady]), servers: [] }]) {
      expect(() => run(content)).toThrow(
        /2026-01-02\.json is not a results file of this version: /,
      );
    }
    writeFileSync(join(folder, '2026-01-03.json'), '{"format":');
    expect(() => run(aResults([steady]))).toThrow(/2026-01-03\.json is not a results file/);
  });

  it('takes a baseline only when nothing is lost by it', () => {
    const before = baseline();
    const unfit: [Partial<Results>, string][] = [
      [{ cases: [failed] }, 'ours failed: refused'],
      [{ cases: [steady] }, 'the baseline has more: (a) another against theirs: not run'],
      [{ cases: [] }, 'no case has a ratio'],
      [{ cut: 'ended by SIGINT' }, 'the run was cut: ended by SIGINT'],
      [{ machine: inMemory }, 'taken on tmpfs'],
      [{ isQuick: true }, 'taken with --quick'],
    ];
    for (const [parts, reason] of unfit) {
      expect(() => run({ ...before, ...parts }, '--accept'), reason).toThrow(reason);
      expect(baseline()).toEqual(before);
    }
    const better = { ...before, takenAt: 'later' };
    expect(run(better, '--accept').code).toBe(0);
    expect(baseline()).toEqual(better);
  });

  it('takes the first baseline as any', () => {
    rmSync(join(folder, 'baseline.json'));
    expect(() => run(aResults([failed]), '--accept')).toThrow('ours failed');
    expect(run(aResults([steady]), '--accept').code).toBe(0);
  });
});
