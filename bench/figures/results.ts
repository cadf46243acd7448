/** The results file: runs as they were measured, so that every derived figure can be computed again. */

import { readFileSync } from 'node:fs';
import { errorText } from '../../src/errors.ts';
import type { Unit } from '../profiles/profile.ts';
import type { Machine } from '../suite/machine.ts';
import { checkResults } from './results-schema.ts';

export interface Results {
  readonly format: 1;
  readonly takenAt: string;
  /** Why the run ended before its end; absent when it did not. */
  readonly cut?: string;
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
  /** Of servers that failed, the runs before that. */
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

/** Name of the server that all others are held against. */
export function oursOf({ servers }: Results): string {
  return servers[0]?.name ?? '';
}

/** Throws with the file's name when it is missing or not a results file of this format. */
export function readResults(path: string): Results {
  const text = readFileSync(path, 'utf8');
  try {
    return checkResults(JSON.parse(text));
  } catch (error) {
    throw new RangeError(`${path} is not a results file of this version: ${errorText(error)}`, {
      cause: error,
    });
  }
}
