import { expect, it } from 'vitest';
import { latency } from '../../../bench/figures/format.ts';
import { caseText } from '../../../bench/figures/table.ts';
import { reportPage } from '../../../bench/report/page.ts';
import { aCase, aResults } from './a-results.ts';

it('writes no latency that was counted as zero whole milliseconds as nothing', () => {
  expect([undefined, 0, 0.0421, 0.673, 2].map(latency)).toEqual([
    '',
    '<1 ms',
    '0.042 ms',
    '0.673 ms',
    '2.00 ms',
  ]);
  const results = aResults([aCase({ ours: [1], theirs: [1] }, {}, { p50Ms: 0, p99Ms: 0 })]);
  const text = caseText(results.cases[0] ?? expect.fail(), 'ours');
  expect(text.match(/<1 ms +<1 ms$/gm)).toHaveLength(2);
  expect(reportPage(results)).toContain('<td>&lt;1 ms</td><td>&lt;1 ms</td>');
});
