import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { baselineName, newestOrBaseline, newestResults } from '../../../bench/figures/stored.ts';
import { aCase, aResults } from './a-results.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-stored-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

function store(name: string): void {
  writeFileSync(join(folder, name), JSON.stringify(aResults([aCase({ ours: [2], theirs: [1] })])));
}

describe('results that were kept', () => {
  it('takes the newest of one’s own, whatever else lies there', () => {
    for (const name of ['2026-01-02.json', '2026-01-10.json', '2025-12-31.json', baselineName]) {
      store(name);
    }
    store('2026-02-01.html');
    expect(newestResults(folder).path).toBe(join(folder, '2026-01-10.json'));
    expect(newestOrBaseline(folder).path).toBe(join(folder, '2026-01-10.json'));
  });

  it('takes the baseline before there are any, where it may', () => {
    store(baselineName);
    expect(newestOrBaseline(folder).path).toBe(join(folder, baselineName));
    expect(() => newestResults(folder)).toThrow('run npm run bench first');
  });

  it('says what to do where there is nothing', () => {
    expect(() => newestOrBaseline(folder)).toThrow(`no results in ${folder}: run npm run bench`);
  });
});
