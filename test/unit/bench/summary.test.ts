import { describe, expect, it } from 'vitest';
import type { CaseResult } from '../../../bench/figures/results.ts';
import { type CaseSummary, summarize as summarizeFor } from '../../../bench/figures/summary.ts';
import { aCase, aRun } from './a-results.ts';

function summarize(result: CaseResult): CaseSummary {
  return summarizeFor(result, 'ours');
}

describe('summary of a case', () => {
  it('divides the server’s CPU by what it did', () => {
    const [ours, theirs] = summarize(aCase({ ours: [200, 300], theirs: [50] })).servers;
    expect(ours?.cpuMsPerUnit).toBeCloseTo(2);
    expect(theirs?.cpuMsPerUnit).toBeCloseTo(10);
  });

  it('compares the first server with each other one', () => {
    const { ratios } = summarize(aCase({ ours: [200], theirs: [50] }));
    expect(ratios).toHaveLength(1);
    expect(ratios[0]).toMatchObject({ server: 'theirs', cpu: 0.25, memory: 1 });
    expect(ratios[0]?.rate.median).toBe(4);
  });

  it('gives CPU a GiB only where bytes moved', () => {
    const few = summarize(aCase({ ours: [100], theirs: [100] }, {}, { bytes: 100 * 1023 }));
    expect(few.servers[0]?.cpuSecondsPerGiB).toBeUndefined();
    const many = summarize(aCase({ ours: [1], theirs: [1] }, {}, { bytes: 1024 ** 3 / 2 }));
    expect(many.servers[0]?.cpuSecondsPerGiB).toBeCloseTo(1);
  });

  it('leaves out a server without a run', () => {
    const summary = summarize(aCase({ ours: [100], theirs: [] }));
    expect(summary.servers.map(({ server }) => server)).toEqual(['ours']);
    expect(summary.ratios).toEqual([]);
  });

  it('compares nothing when ours failed, however many others there are', () => {
    const others = ['theirs', 'third'].map((server) => ({ server, runs: [aRun()] }));
    for (const servers of [[{ server: 'ours', runs: [] }, ...others], others]) {
      expect(summarize(aCase({ ours: [], theirs: [] }, { servers })).ratios).toEqual([]);
    }
  });

  it('takes the median of notes and latencies, and the highest peak', () => {
    const summary = summarize(
      aCase(
        { ours: [], theirs: [] },
        {
          servers: [
            {
              server: 'ours',
              runs: [1, 2, 6].map((value) => ({
                count: 1,
                seconds: 1,
                bytes: 0,
                cpuSeconds: 1,
                loadCpuSeconds: 0.5,
                peakBytes: value,
                p99Ms: value,
                notes: { kept: value },
              })),
            },
          ],
        },
      ),
    );
    expect(summary.servers[0]).toMatchObject({
      peakBytes: 6,
      p99Ms: 2,
      notes: { kept: 2 },
      loadShare: 0.5,
    });
    expect(summary.servers[0]).not.toHaveProperty('p50Ms');
  });
});
