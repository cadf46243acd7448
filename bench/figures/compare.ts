/**
 * What got worse since the baseline, by ratios to the other registries and never by absolute times: another machine, or
 * a busier one, slows both. Pure.
 */

import { number, times } from './format.ts';
import type { Results } from './results.ts';
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

/** Changes beyond `tolerance` (0.1 is a tenth), worst first. Cases in one of the two files only are left out. */
export function changes(before: Results, now: Results, tolerance: number): readonly Change[] {
  const old = new Map(summarizeAll(before).map((each) => [keyOf(each), each]));
  return summarizeAll(now)
    .flatMap((summary) => changesOf(old.get(keyOf(summary)), summary))
    .filter(({ factor }) => factor < 1 - tolerance || factor > 1 / (1 - tolerance))
    .sort((one, other) => one.factor - other.factor);
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

function changesOf(before: CaseSummary | undefined, now: CaseSummary): Change[] {
  return now.ratios.flatMap((ratio) => {
    const old = before?.ratios.find((each) => each.server === ratio.server);
    return old === undefined ? [] : changesOfRatio(now, old, ratio);
  });
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

function keyOf({ profile, name }: CaseSummary): string {
  return `${profile} ${name}`;
}
