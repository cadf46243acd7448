/** What makes results fit to be held against a baseline, and to become one. Pure. */

import { compare } from './compare.ts';
import { oursOf, type Results } from './results.ts';
import { summarizeAll } from './summary.ts';

/**
 * Why two results must not be compared at all, `undefined` when they may. A sync costs milliseconds on a disk and
 * nothing in memory, so that ratios of one say nothing of the other.
 */
export function whyIncomparable(baseline: Results, now: Results): string | undefined {
  const [old, own] = [baseline, now].map(({ machine }) => storageKind(machine.storage));
  return old === own ? undefined : `taken on ${own}, the baseline on ${old}`;
}

/** What else differs in how the two were taken; they may be compared, with care. */
export function differences(baseline: Results, now: Results): readonly string[] {
  const all: [string, string | number, string | number][] = [
    ['rate client', baseline.rateClient, now.rateClient],
    ['seconds of a run', baseline.seconds, now.seconds],
  ];
  return all
    .filter(([, old, own]) => old !== own)
    .map(([what, old, own]) => `${what}: ${old} in the baseline, ${own} now`);
}

/** Why results may not take the baseline's place; empty when they may. What it has, the new one must have. */
export function whyNoBaseline(baseline: Results | undefined, now: Results): readonly string[] {
  const { failed, missed } = compare(baseline ?? now, now, 0);
  const incomparable = baseline === undefined ? undefined : whyIncomparable(baseline, now);
  const hasRatio = summarizeAll(now).some(({ ratios }) => ratios.length > 0);
  return [
    ...(now.cut === undefined ? [] : [`the run was cut: ${now.cut}`]),
    ...(incomparable === undefined ? [] : [incomparable]),
    ...failed,
    ...failuresOfOthers(now),
    ...missed.map((what) => `the baseline has more: ${what}`),
    ...(hasRatio ? [] : ['no case has a ratio to another registry']),
  ];
}

function failuresOfOthers(results: Results): string[] {
  const ours = oursOf(results);
  return results.cases.flatMap(({ profile, name, failures }) =>
    failures
      .filter(({ server }) => server !== ours)
      .map(({ server, error }) => `(${profile}) ${name}: ${server} failed: ${error}`),
  );
}

/** `ext4` of `ext4 on /dev/sda`. */
function storageKind(storage: string): string {
  return storage.split(' ')[0] ?? '';
}
