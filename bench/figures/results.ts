/** The results file: runs as they were measured, so that every derived figure can be computed again. */

import { readFileSync } from 'node:fs';
import type { Unit } from '../profiles/profile.ts';
import type { Machine } from '../suite/machine.ts';

export interface Results {
  readonly format: 1;
  readonly takenAt: string;
  readonly isQuick: boolean;
  readonly seconds: number;
  readonly rateClient: string;
  readonly machine: Machine;
  /** The first is ours. */
  readonly servers: readonly ServerName[];
  readonly cases: readonly CaseResult[];
}

export interface ServerName {
  readonly name: string;
  readonly version: string;
}

export interface CaseResult {
  /** Letter of the profile. */
  readonly profile: string;
  readonly title: string;
  readonly question: string;
  readonly name: string;
  readonly unit: Unit;
  /** In the order of `servers`, without those that failed. */
  readonly servers: readonly ServerRuns[];
  readonly failures: readonly { readonly server: string; readonly error: string }[];
}

export interface ServerRuns {
  readonly server: string;
  /** Resident memory once it had started, before any load; absent in results of before it was measured. */
  readonly restBytes?: number;
  readonly runs: readonly Run[];
}

export interface Run {
  readonly count: number;
  readonly seconds: number;
  readonly bytes: number;
  /** Of the server, all its processes. */
  readonly cpuSeconds: number;
  /** Of the client. */
  readonly loadCpuSeconds: number;
  readonly peakBytes: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly notes?: Readonly<Record<string, number>>;
}

/** Throws with the file's name when it is missing or not a results file of this format. */
export function readResults(path: string): Results {
  const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'));
  const isResults =
    typeof parsed === 'object' && parsed !== null && 'format' in parsed && parsed.format === 1;
  if (!isResults) {
    throw new RangeError(`${path} is not a results file of this version`);
  }
  return parsed as Results;
}
