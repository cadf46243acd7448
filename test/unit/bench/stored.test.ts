import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { baselineName, newestFit, newestResults } from '../../../bench/figures/stored.ts';
import { aCase, aResults } from './a-results.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-stored-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

function store(name: string): void {
  writeFileSync(join(folder, name), JSON.stringify(aResults([aCase({ ours: [2], theirs: [1] })])));
}

function anyIsFit(): undefined {}

describe('results that were kept', () => {
  it('takes the newest of one’s own, whatever else lies there', () => {
    for (const name of ['2026-01-02.json', '2026-01-10.json', '2025-12-31.json', baselineName]) {
      store(name);
    }
    store('2026-02-01.html');
    expect(newestResults(folder).path).toBe(join(folder, '2026-01-10.json'));
    expect(newestFit(folder, anyIsFit).path).toBe(join(folder, '2026-01-10.json'));
  });

  it('takes the newest that is fit, the baseline last, and tells why it passes over others', () => {
    for (const name of ['2026-01-02.json', '2026-01-10.json', baselineName]) {
      store(name);
    }
    const fitFrom = (wanted: number): string => {
      let asked = 0;
      return newestFit(folder, () => (asked++ < wanted ? `no ${asked}` : undefined)).path;
    };
    expect(fitFrom(1)).toBe(join(folder, '2026-01-02.json'));
    expect(fitFrom(2)).toBe(join(folder, baselineName));
    expect(() => fitFrom(3)).toThrow(/no fit results.*01-10\.json: no 1.*baseline\.json: no 3/s);
  });

  it('takes the baseline before there are any, where it may', () => {
    store(baselineName);
    expect(newestFit(folder, anyIsFit).path).toBe(join(folder, baselineName));
    expect(() => newestResults(folder)).toThrow('run npm run bench first');
  });

  it('says what to do where there is nothing', () => {
    expect(() => newestResults(folder)).toThrow(`no results in ${folder}: run npm run bench`);
    expect(() => newestFit(folder, anyIsFit)).toThrow(`no fit results in ${folder}: run npm run`);
  });
});
