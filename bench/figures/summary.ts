/** From runs to the figures that are printed: one summary for each case and server; pure. */

import { type CaseResult, oursOf, type Results, type Run, type ServerRuns } from './results.ts';
import { median, ratioOf, type Spread, spreadOf } from './statistics.ts';

export interface ServerSummary {
  readonly server: string;
  readonly rate: Spread;
  readonly rates: readonly number[];
  /** Of the server for one image, request, push or MiB. */
  readonly cpuMsPerUnit: number;
  /** Absent where too few bytes moved to mean anything. */
  readonly cpuSecondsPerGiB?: number;
  readonly peakBytes: number;
  /** Absent in results of before it was measured. */
  readonly restBytes?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  /** Share of one core that the client took: near 1, it and not the server was the limit. */
  readonly loadShare: number;
  readonly notes: Readonly<Record<string, number>>;
}

export interface CaseSummary {
  readonly profile: string;
  readonly name: string;
  readonly unit: string;
  /** Without those that have no run. */
  readonly servers: readonly ServerSummary[];
  /** Our rate over each other's, and our CPU and memory likewise (below 1 is better); none where ours failed. */
  readonly ratios: readonly Ratio[];
}

export interface Ratio {
  readonly server: string;
  readonly rate: Spread;
  readonly cpu: number;
  readonly memory: number;
}

const gib = 1024 ** 3;
/** Below a kilobyte a unit, bytes are headers and cost nothing of note. */
const leastBytesPerUnit = 1024;

/** @param ours  Name of the server that is compared with each of the others. */
export function summarize(result: CaseResult, ours: string): CaseSummary {
  const servers = result.servers.filter(({ runs }) => runs.length > 0).map(summarizeServer);
  const our = servers.find(({ server }) => server === ours);
  const others = servers.filter(({ server }) => server !== ours);
  return {
    profile: result.profile,
    name: result.name,
    unit: result.unit,
    servers,
    ratios: our === undefined ? [] : others.map((other) => compare(our, other)),
  };
}

export function summarizeAll(results: Results): readonly CaseSummary[] {
  const ours = oursOf(results);
  return results.cases.map((result) => summarize(result, ours));
}

function summarizeServer({ server, restBytes, runs }: ServerRuns): ServerSummary {
  const rates = runs.map((run) => run.count / run.seconds);
  const count = sum(runs, (run) => run.count);
  const bytes = sum(runs, (run) => run.bytes);
  const cpu = sum(runs, (run) => run.cpuSeconds);
  const p50s = runs.flatMap((run) => (run.p50Ms === undefined ? [] : [run.p50Ms]));
  const p99s = runs.flatMap((run) => (run.p99Ms === undefined ? [] : [run.p99Ms]));
  return {
    server,
    rate: spreadOf(rates),
    rates,
    cpuMsPerUnit: (cpu / count) * 1000,
    ...(bytes / count >= leastBytesPerUnit ? { cpuSecondsPerGiB: (cpu / bytes) * gib } : {}),
    peakBytes: Math.max(...runs.map((run) => run.peakBytes)),
    ...(restBytes === undefined ? {} : { restBytes }),
    ...(p50s.length > 0 ? { p50Ms: median(p50s) } : {}),
    ...(p99s.length > 0 ? { p99Ms: median(p99s) } : {}),
    loadShare: sum(runs, (run) => run.loadCpuSeconds) / sum(runs, (run) => run.seconds),
    notes: medianNotes(runs),
  };
}

function compare(ours: ServerSummary, other: ServerSummary): Ratio {
  return {
    server: other.server,
    rate: ratioOf(ours.rates, other.rates),
    cpu: ours.cpuMsPerUnit / other.cpuMsPerUnit,
    memory: ours.peakBytes / other.peakBytes,
  };
}

function medianNotes(runs: readonly Run[]): Record<string, number> {
  const names = new Set(runs.flatMap((run) => Object.keys(run.notes ?? {})));
  const notes: Record<string, number> = {};
  for (const name of names) {
    notes[name] = median(runs.flatMap((run) => run.notes?.[name] ?? []));
  }
  return notes;
}

function sum(runs: readonly Run[], of: (run: Run) => number): number {
  return runs.reduce((total, run) => total + of(run), 0);
}
