/** Builds results of two servers, for tests of what is derived from them. */

import type { CaseResult, Results, Run } from '../../../bench/figures/results.ts';

export function aRun(run: Partial<Run> = {}): Run {
  return {
    count: 100,
    seconds: 1,
    bytes: 0,
    cpuSeconds: 0.5,
    loadCpuSeconds: 0.1,
    peakBytes: 1024 ** 2,
    ...run,
  };
}

/** A case whose runs have these rates, ours first; `run` goes into each of them. */
export function aCase(
  rates: { ours: readonly number[]; theirs: readonly number[] },
  parts: Partial<CaseResult> = {},
  run: Partial<Run> = {},
): CaseResult {
  const runs = (all: readonly number[]): Run[] => all.map((count) => aRun({ ...run, count }));
  return {
    profile: 'a',
    title: 'CI push',
    question: 'How many?',
    name: '8 connections',
    unit: 'images/s',
    servers: [
      { server: 'ours', runs: runs(rates.ours) },
      { server: 'theirs', runs: runs(rates.theirs) },
    ],
    failures: [],
    ...parts,
  };
}

export function aResults(cases: readonly CaseResult[], parts: Partial<Results> = {}): Results {
  return {
    format: 1,
    takenAt: '2026-01-02T03:04:05.000Z',
    isQuick: false,
    seconds: 2,
    rateClient: 'autocannon',
    machine: {
      cpu: 'a processor',
      cores: 2,
      memoryBytes: 8 * 1024 ** 3,
      kernel: '6.1',
      node: 'v20.20.2',
      longshore: '0.1.0',
      storage: 'ext4 on /dev/sda',
      loadAtStart: 0,
      isRaised: true,
    },
    servers: [
      { name: 'ours', version: '1' },
      { name: 'theirs', version: '2' },
    ],
    cases,
    ...parts,
  };
}
