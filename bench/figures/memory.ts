/**
 * What memory is for: that which a server holds at rest (its runtime and threads), and what a load adds. Pure.
 *
 *   fixed cost  = ours at rest - its at rest        what a process of ours takes more, whatever it does
 *   without it  = our peak - fixed cost             what to hold against its peak
 */

import { mebibytes, times } from './format.ts';
import type { Results } from './results.ts';
import { median } from './statistics.ts';
import { type CaseSummary, summarizeAll } from './summary.ts';

/** Memory of a server before load, over the profiles for which it was started. */
export interface Rest {
  readonly server: string;
  readonly bytes: number;
}

/** Our memory against another server's. */
export interface MemoryComparison {
  readonly server: string;
  readonly fixedBytes: number;
  readonly cases: readonly MemoryCase[];
}

export interface MemoryCase {
  readonly profile: string;
  readonly name: string;
  readonly peakBytes: number;
  /** Our peak less the fixed cost. */
  readonly withoutFixedBytes: number;
  readonly otherPeakBytes: number;
  /** Of the two before; 1 or less is the aim. */
  readonly ratio: number;
}

/** Empty for results of before it was measured. */
export function restsOf(summaries: readonly CaseSummary[]): readonly Rest[] {
  const all = new Map<string, number[]>();
  for (const { server, restBytes } of summaries.flatMap(({ servers }) => servers)) {
    if (restBytes !== undefined) {
      all.set(server, [...(all.get(server) ?? []), restBytes]);
    }
  }
  return [...all].map(([server, bytes]) => ({ server, bytes: median(bytes) }));
}

/** With each other server whose memory at rest is known, as is ours. */
export function compareMemory(results: Results): readonly MemoryComparison[] {
  const summaries = summarizeAll(results);
  const rests = restsOf(summaries);
  const [ours, ...others] = results.servers.map(({ name }) => name);
  const ourRest = rests.find(({ server }) => server === ours);
  return others.flatMap((server) => {
    const rest = rests.find((each) => each.server === server);
    if (ourRest === undefined || rest === undefined) {
      return [];
    }
    const fixedBytes = ourRest.bytes - rest.bytes;
    const cases = summaries.flatMap((summary) => {
      const our = summary.servers.find((each) => each.server === ours);
      const its = summary.servers.find((each) => each.server === server);
      return our === undefined || its === undefined
        ? []
        : [memoryCase(summary, our.peakBytes, its.peakBytes, fixedBytes)];
    });
    return [{ server, fixedBytes, cases }];
  });
}

function memoryCase(
  { profile, name }: CaseSummary,
  peakBytes: number,
  otherPeakBytes: number,
  fixedBytes: number,
): MemoryCase {
  const withoutFixedBytes = peakBytes - fixedBytes;
  const ratio = withoutFixedBytes / otherPeakBytes;
  return { profile, name, peakBytes, withoutFixedBytes, otherPeakBytes, ratio };
}

/** One sentence for each server at rest: `longshore 104 MiB, docker-registry 25.1 MiB`. */
export function restText(results: Results): string {
  return restsOf(summarizeAll(results))
    .map(({ server, bytes }) => `${server} ${mebibytes(bytes)}`)
    .join(', ');
}

/** The foot of the printed table; empty for results of before memory at rest was measured. */
export function memoryText(results: Results): string {
  const rest = restText(results);
  if (rest === '') {
    return '';
  }
  const lines = [`Memory at rest, before any load: ${rest}`];
  for (const { server, fixedBytes, cases } of compareMemory(results)) {
    const above = cases.filter(({ ratio }) => ratio > 1);
    lines.push(
      `Fixed cost of runtime and threads against ${server}: ${mebibytes(fixedBytes)}. Peaks less that are at or below its in ${cases.length - above.length} of ${cases.length} cases${above.length === 0 ? '.' : '; above in'}`,
      ...above.map(
        ({ profile, name, withoutFixedBytes, otherPeakBytes, ratio }) =>
          `  (${profile}) ${name}: ${mebibytes(withoutFixedBytes)} against ${mebibytes(otherPeakBytes)}, ${times(ratio)}`,
      ),
    );
  }
  return `${lines.join('\n')}\n`;
}
