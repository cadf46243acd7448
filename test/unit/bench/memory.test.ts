import { describe, expect, it } from 'vitest';
import { compareMemory, memoryText, restsOf } from '../../../bench/figures/memory.ts';
import type { CaseResult } from '../../../bench/figures/results.ts';
import { summarizeAll } from '../../../bench/figures/summary.ts';
import { caseText } from '../../../bench/figures/table.ts';
import { reportPage } from '../../../bench/report/page.ts';
import { aCase, aResults, aRun } from './a-results.ts';

const mib = 1024 ** 2;

function measured(
  name: string,
  ours: { rest: number; peak: number },
  theirs: { rest: number; peak: number },
): CaseResult {
  const server = (server: string, { rest, peak }: { rest: number; peak: number }) => ({
    server,
    restBytes: rest * mib,
    runs: [aRun({ peakBytes: peak * mib })],
  });
  return aCase(
    { ours: [], theirs: [] },
    { name, servers: [server('ours', ours), server('theirs', theirs)] },
  );
}

const results = aResults([
  measured('small', { rest: 100, peak: 150 }, { rest: 20, peak: 80 }),
  measured('large', { rest: 102, peak: 250 }, { rest: 20, peak: 100 }),
]);
const before = aResults([aCase({ ours: [5], theirs: [1] })]);

describe('memory at rest', () => {
  it('is the median over the starts', () => {
    expect(restsOf(summarizeAll(results))).toEqual([
      { server: 'ours', bytes: 101 * mib },
      { server: 'theirs', bytes: 20 * mib },
    ]);
  });

  it('is what our peak is freed of before it is held against another', () => {
    expect(compareMemory(results)).toEqual([
      {
        server: 'theirs',
        fixedBytes: 81 * mib,
        cases: [
          expect.objectContaining({ name: 'small', withoutFixedBytes: 69 * mib, ratio: 69 / 80 }),
          expect.objectContaining({ name: 'large', withoutFixedBytes: 169 * mib, ratio: 1.69 }),
        ],
      },
    ]);
  });

  it('stands in the foot of the table with the cases above the aim', () => {
    expect(memoryText(results)).toBe(
      [
        'Memory at rest, before any load: ours 101 MiB, theirs 20.0 MiB',
        'Fixed cost of runtime and threads against theirs: 81.0 MiB. Peaks less that are at or below its in 1 of 2 cases; above in',
        '  (a) large: 169 MiB against 100 MiB, 1.7x',
        '',
      ].join('\n'),
    );
  });

  it('stands beside the peak and in the report', () => {
    expect(caseText(results.cases[0] as CaseResult, 'ours')).toMatch(/150 MiB +\+50\.0 MiB/);
    const page = reportPage(results);
    expect(page).toContain('ours 101 MiB, theirs 20.0 MiB');
    expect(page).toContain('take 81.0 MiB more than theirs');
  });

  it('is left out of results of before it was measured', () => {
    expect(compareMemory(before)).toEqual([]);
    expect(memoryText(before)).toBe('');
    expect(reportPage(before)).not.toContain('<h2>Memory</h2>');
    expect(caseText(before.cases[0] as CaseResult, 'ours')).not.toContain('+');
  });
});
