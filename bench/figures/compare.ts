/**
 * What got worse since the baseline, by ratios to the other registries and never by absolute times: another machine, or
 * a busier one, slows both. What could not be compared is named, so that silence means that nothing got worse. Pure.
 */

import { number, times } from './format.ts';
import { oursOf, type Results } from './results.ts';
import { type CaseSummary, type Ratio, summarizeAll } from './summary.ts';

export interface Change {
  readonly profile: string;
  readonly caseName: string;
  readonly server: string;
  readonly what: 'rate' | 'CPU a unit' | 'peak memory';
  readonly before: number;
  readonly now: number;
  /** Above 1 is better, whatever `what` is. */
  readonly factor: number;
  /** Rates only: the runs of then and now overlap, so it may be chance. */
  readonly isWithinSpread: boolean;
}

export interface Comparison {
  /** Changes beyond the tolerance, worst first. Cases that only the new results have are left out. */
  readonly changes: readonly Change[];
  /** Cases in which our server failed: worse than any figure. */
  readonly failed: readonly string[];
  /** What the baseline has and the new results have not, though ours did not fail there. */
  readonly missed: readonly string[];
  /** Ratios that both have. */
  readonly comparedCount: number;
}

/** @param tolerance  What a ratio may change without being told: 0.1 is a tenth. */
export function compare(before: Results, now: Results, tolerance: number): Comparison {
  const failed = failuresOfOurs(now);
  const summaries = new Map(summarizeAll(now).map((each) => [keyOf(each), each]));
  const profiles = new Set(now.cases.map(({ profile }) => profile));
  const found: Change[] = [];
  const missed: string[] = [];
  const absentProfiles = new Set<string>();
  const absentServers = new Set<string>();
  const servers = new Set(now.servers.map(({ name }) => name));
  let comparedCount = 0;
  for (const old of summarizeAll(before)) {
    if (failed.has(keyOf(old))) {
      continue;
    }
    const summary = summaries.get(keyOf(old));
    for (const oldRatio of old.ratios) {
      const ratio = summary?.ratios.find(({ server }) => server === oldRatio.server);
      if (summary !== undefined && ratio !== undefined) {
        comparedCount += 1;
        found.push(...changesOfRatio(summary, oldRatio, ratio));
      } else if (!profiles.has(old.profile)) {
        absentProfiles.add(old.profile);
      } else if (!servers.has(oldRatio.server)) {
        absentServers.add(oldRatio.server);
      } else {
        missed.push(
          `${caseName(old)} against ${oldRatio.server}: ${whyMissed(now, old, oldRatio)}`,
        );
      }
    }
  }
  if (absentProfiles.size > 0) {
    missed.push(`profiles ${[...absentProfiles].join(', ')}: not run`);
  }
  missed.push(...[...absentServers].map((server) => `any case against ${server}: not run`));
  return {
    changes: found
      .filter(({ factor }) => factor < 1 - tolerance || factor > 1 / (1 - tolerance))
      .sort((one, other) => one.factor - other.factor),
    failed: [...failed.values()],
    missed,
    comparedCount,
  };
}

export function isWorse(change: Change): boolean {
  return change.factor < 1;
}

export function changeText(change: Change): string {
  const { profile, caseName, server, what, before, now, isWithinSpread } = change;
  const chance = isWithinSpread ? ' (runs overlap: may be chance)' : '';
  const percent = number(Math.abs(change.factor - 1) * 100);
  const direction = isWorse(change) ? 'worse' : 'better';
  return `(${profile}) ${caseName}: ${what} against ${server} was ${times(before)}, is ${times(now)}: ${percent} % ${direction}${chance}`;
}

/** By the key of the case. */
function failuresOfOurs(results: Results): ReadonlyMap<string, string> {
  const ours = oursOf(results);
  const failed = new Map<string, string>();
  for (const each of results.cases) {
    const error = each.failures.find(({ server }) => server === ours)?.error;
    const hasRun = each.servers.some(({ server, runs }) => server === ours && runs.length > 0);
    if (error !== undefined || !hasRun) {
      failed.set(keyOf(each), `${caseName(each)}: ${ours} failed: ${error ?? 'no run'}`);
    }
  }
  return failed;
}

function whyMissed(now: Results, old: CaseSummary, { server }: Ratio): string {
  const result = now.cases.find((each) => keyOf(each) === keyOf(old));
  const failure = result?.failures.find((each) => each.server === server);
  return failure === undefined ? 'not run' : `failed: ${failure.error}`;
}

function changesOfRatio(summary: CaseSummary, old: Ratio, ratio: Ratio): Change[] {
  const where = { profile: summary.profile, caseName: summary.name, server: ratio.server };
  const overlap = ratio.rate.high >= old.rate.low && ratio.rate.low <= old.rate.high;
  const all: Change[] = [
    {
      ...where,
      what: 'rate',
      before: old.rate.median,
      now: ratio.rate.median,
      factor: ratio.rate.median / old.rate.median,
      isWithinSpread: overlap,
    },
    {
      ...where,
      what: 'CPU a unit',
      before: old.cpu,
      now: ratio.cpu,
      factor: old.cpu / ratio.cpu,
      isWithinSpread: false,
    },
    {
      ...where,
      what: 'peak memory',
      before: old.memory,
      now: ratio.memory,
      factor: old.memory / ratio.memory,
      isWithinSpread: false,
    },
  ];
  return all.filter(({ factor }) => Number.isFinite(factor));
}

interface CaseId {
  readonly profile: string;
  readonly name: string;
}

function keyOf({ profile, name }: CaseId): string {
  return `${profile} ${name}`;
}

function caseName({ profile, name }: CaseId): string {
  return `(${profile}) ${name}`;
}
