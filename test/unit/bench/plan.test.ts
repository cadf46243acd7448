import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { plan } from '../../../bench/commands/plan.ts';
import { parseSize } from '../../../bench/figures/parse-size.ts';
import { planFor, planText, storageText, whyNoPlan } from '../../../bench/figures/plan.ts';
import { pushCost } from '../../../bench/figures/push-cost.ts';
import type { CaseResult, Results } from '../../../bench/figures/results.ts';
import { aCase, aResults } from './a-results.ts';

const mib = 1024 ** 2;
const gib = 1024 ** 3;
const kib64 = 64 * 1024;

/** Images or layers of a profile that cost ours so many CPU seconds each, and theirs twice that. */
function pushed(profile: 'a' | 'c' | 'd', name: string, seconds: number): CaseResult {
  const sizeBytes = profile === 'a' ? 5 * kib64 : parseSize(name.split(',')[0] ?? '');
  const layers = 4;
  const count = profile === 'a' ? layers : (layers * sizeBytes) / mib;
  const measured = aCase(
    { ours: [count], theirs: [count] },
    { profile, name },
    { bytes: layers * sizeBytes },
  );
  return {
    ...measured,
    servers: measured.servers.map((each, index) => ({
      ...each,
      runs: each.runs.map((run) => ({ ...run, cpuSeconds: layers * seconds * (index + 1) })),
    })),
  };
}

/** 1 ms an object and 1 s a GiB, whatever the size. */
const even = [
  pushed('a', '8 connections', 0.007 + (5 * kib64) / gib),
  pushed('c', '64 MiB, 1 connection', 0.001 + 1 / 16),
];
/** As measured: the bytes of middle layers cost more than those of large ones. */
const uneven = [
  pushed('a', '8 connections', 0.0124),
  pushed('d', '4 MiB, 8 connections', 0.012),
  pushed('c', '64 MiB, 1 connection', 0.11),
  pushed('c', '64 MiB, 4 connections', 0.12),
  pushed('c', '1 GiB, 1 connection', 1.8),
];

function secondsOf(results: Results, layers: number, layerBytes: number): readonly number[] {
  return planFor(results, { pushesPerSecond: 1, layers, layerBytes }).map(
    ({ cpuSecondsPerImage }) => cpuSecondsPerImage,
  );
}

describe('plan', () => {
  it('splits the cost of a push into objects and bytes', () => {
    const cost = pushCost(aResults(even), 'ours');
    expect(cost?.secondsPerObject).toBeCloseTo(0.001);
    expect(cost?.layerSeconds(10 * mib)).toBeCloseTo(0.001 + 10 / 1024);
  });

  it('gives back what was measured, for each size that was', () => {
    const subsets = [uneven, uneven.filter(({ profile }) => profile !== 'd'), uneven.slice(0, 2)];
    for (const cases of subsets) {
      const results = aResults(cases);
      for (const [index, name] of ['ours', 'theirs'].entries()) {
        const cost = pushCost(results, name);
        const layer = (sizeBytes: number) => (cost?.layerSeconds(sizeBytes) ?? 0) / (index + 1);
        expect(secondsOf(results, 5, kib64)[index]).toBeCloseTo(0.0124 * (index + 1), 10);
        const sizes = new Set(cases.slice(1).map((each) => each.name.split(',')[0]));
        const measured = { '4 MiB': 0.012, '64 MiB': 0.115, '1 GiB': 1.8 };
        for (const [size, seconds] of Object.entries(measured)) {
          if (sizes.has(size)) {
            expect(layer(parseSize(size)), size).toBeCloseTo(seconds, 10);
          }
        }
      }
    }
  });

  it('lies between the measured sizes in between, and goes on by bytes beyond them', () => {
    const cost = pushCost(aResults(uneven), 'ours');
    expect(cost?.layerSeconds(34 * mib)).toBeCloseTo((0.012 + 0.115) / 2);
    expect(cost?.layerSeconds(2 * gib)).toBeCloseTo(3.6);
  });

  it('counts cores at the share they are to be filled to', () => {
    const load = { pushesPerSecond: 10, layers: 8, layerBytes: gib / 16 };
    const cores = planFor(aResults(even), load, 0.5).map((each) => each.cores);
    expect(cores[0]).toBeCloseTo((10 * (0.01 + 0.5)) / 0.5);
    expect(cores[1]).toBeCloseTo((10 * 2 * (0.01 + 0.5)) / 0.5);
  });

  it('never takes the cost of an object below nothing, and still gives back what was measured', () => {
    const results = aResults([
      pushed('a', '8 connections', 0.001),
      pushed('d', '4 MiB, 8 connections', 1),
    ]);
    expect(pushCost(results, 'ours')?.secondsPerObject).toBe(0);
    expect(secondsOf(results, 5, kib64)[0]).toBeCloseTo(0.001);
  });

  it('says what it lacks instead of guessing', () => {
    const lacking = 'runs of ours in profiles a and c (or d) are needed';
    for (const cases of [even.slice(0, 1), even.slice(1), []]) {
      expect(whyNoPlan(aResults(cases))).toBe(lacking);
      expect(planText(aResults(cases))).toBe('');
    }
    const failed = even.map((each) => ({ ...each, servers: each.servers.slice(1) }));
    expect(whyNoPlan(aResults(failed))).toBe(lacking);
    expect(whyNoPlan(aResults(even, { isQuick: true }))).toContain('--quick');
    expect(whyNoPlan(aResults(even))).toBeUndefined();
  });

  it('prints a load, its cores and what storage must take', () => {
    const load = { pushesPerSecond: 16, layers: 5, layerBytes: kib64 };
    const text = planText(aResults(even), [load]);
    expect(text).toContain('16 pushes/s of images of 5 x 64.0 KiB need: ours ');
    expect(text).toContain('storage takes 5.00 MiB/s and 752 syncs/s');
    expect(text).toContain('One process of ours reached 4.00 images/s of profile (a) here');
  });

  it('counts the syncs of docs/performance.md, 47 for an image of five layers', () => {
    const syncs = [1, 5, 10].map((layers) =>
      storageText({ pushesPerSecond: 1, layers, layerBytes: mib }),
    );
    expect(syncs).toEqual([
      'storage takes 1.00 MiB/s and 23.0 syncs/s',
      'storage takes 5.00 MiB/s and 47.0 syncs/s',
      'storage takes 10.0 MiB/s and 77.0 syncs/s',
    ]);
  });
});

describe('the command', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'longshore-plan-'));
    store('2026-01-02.json', aResults(even));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  function store(name: string, content: unknown): string {
    writeFileSync(join(folder, name), JSON.stringify(content));
    return join(folder, name);
  }

  it('answers by the newest results that can be planned by, and names those it passes over', () => {
    store('2026-01-03.json', aResults(even.slice(0, 1)));
    store('2026-01-04.json', aResults(even, { isQuick: true }));
    const lines = plan(['--folder', folder]).split('\n');
    expect(lines[0]).toMatch(/^Passed over .*2026-01-04\.json: taken with --quick/);
    expect(lines[1]).toMatch(/^Passed over .*2026-01-03\.json: runs of ours in profiles a and c/);
    expect(lines[2]).toMatch(/^By .*2026-01-02\.json, taken /);
    expect(lines).toHaveLength(11);
  });

  it('refuses results named that cannot be planned by', () => {
    const quick = store('quick.json', aResults(even, { isQuick: true }));
    expect(() => plan(['--results', quick])).toThrow('quick.json: taken with --quick');
    const lists = store('lists.json', aResults([]));
    expect(() => plan(['--results', lists])).toThrow('lists.json: runs of ours');
    const shapeless = store('shapeless.json', { format: 1 });
    expect(() => plan(['--results', shapeless])).toThrow('shapeless.json is not a results file');
  });

  it('refuses numbers that are no load', () => {
    const unfit = [
      ['--pushes', 'Infinity'],
      ['--pushes=-1'],
      ['--pushes', 'many'],
      ['--pushes', '1', '--layers', '2.5'],
      ['--pushes', '1', '--layers', '0'],
      ['--pushes', '1', '--layers', '1e300'],
      ['--pushes', '1', '--layer-size', '0'],
      ['--pushes', '1', '--layer-size', '9'.repeat(400)],
      ['--layers', '2'],
    ];
    for (const args of unfit) {
      expect(() => plan(['--folder', folder, ...args]), args.join(' ')).toThrow(RangeError);
    }
    expect(plan(['--folder', folder, '--pushes', '0.5', '--layers', '3'])).toContain(
      '0.5 pushes/s',
    );
  });
});

describe('size', () => {
  it('reads bytes, KiB, MiB and GiB', () => {
    expect(['512', '64KiB', '4 MiB', '1.5GiB'].map(parseSize)).toEqual([
      512,
      kib64,
      4 * 1024 ** 2,
      1.5 * gib,
    ]);
  });

  it('refuses what it does not know', () => {
    for (const text of ['', '64kb', '-1', 'MiB', '1 2KiB']) {
      expect(() => parseSize(text), text).toThrow(RangeError);
    }
  });
});
