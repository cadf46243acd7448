/** The results as text for a terminal: one block for each case, one line for each server. */

import {
  addedMemory,
  cpuTime,
  latency,
  mebibytes,
  number,
  oneUnit,
  percent,
  times,
} from './format.ts';
import type { CaseResult, Results } from './results.ts';
import { type CaseSummary, type ServerSummary, summarize } from './summary.ts';

/** From here the client, not the server, is likely the limit. */
export const busyClientShare = 0.9;
const columns = [17, 11, 7, 9, 12, 11, 12, 12, 10, 10] as const;

export function machineText({ machine, servers, takenAt, isQuick }: Results): string {
  const memory = number(machine.memoryBytes / 1024 ** 3);
  const lines = [
    `${machine.cores} x ${machine.cpu}, ${memory} GiB, Linux ${machine.kernel}, Node ${machine.node}`,
    `storage: ${machine.storage}; priority ${machine.isRaised ? 'raised' : 'as usual'}; ${takenAt}`,
    ...servers.map(({ name, version }) => `${name}: ${version}`),
  ];
  if (machine.loadAtStart > 0.5) {
    const load = machine.loadAtStart.toFixed(1);
    lines.push(`The machine was not quiet: load ${load} at the start. Trust ratios with care.`);
  }
  if (isQuick) {
    lines.push('Small sizes, short runs (--quick): no figures to keep.');
  }
  return `${lines.join('\n')}\n`;
}

/** What the columns mean, for a terminal and for the report. */
export function legendTexts(ours: string): readonly string[] {
  return [
    'median: of the runs, the more the better. spread: half the distance from the lowest to the highest run, as a share of the median.',
    `ours/its: the median of ${ours} over that of the server in whose row it stands; above 1, ${ours} is faster.`,
    'CPU: processor time of the server. peak: most resident memory; over rest: what of it the load added.',
    'p50, p99: half of the requests or pushes, and 99 of 100, took no longer.',
  ];
}

/** Meaning and names of the columns. */
export function headText(ours: string): string {
  const names = [
    'server',
    'median',
    'spread',
    'ours/its',
    'CPU a unit',
    'CPU s/GiB',
    'peak',
    'over rest',
    'p50',
    'p99',
  ];
  const legend = legendTexts(ours).map((line) => `${line}\n`);
  return `${legend.join('')}\n    ${row(names)}\n`;
}

/** @param ours  Name of the server that is compared with each of the others. */
export function caseText(result: CaseResult, ours: string): string {
  const summary = summarize(result, ours);
  const lines = [`(${result.profile}) ${result.name}, ${result.unit}`];
  for (const server of summary.servers) {
    lines.push(`    ${serverRow(summary, server)}`);
    lines.push(...remarks(summary, server).map((remark) => `      ${remark}`));
  }
  for (const { server, error } of result.failures) {
    lines.push(`    ${server}: failed: ${error}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Notes of a server's runs, and a warning where the client was the limit. */
export function remarks(summary: CaseSummary, server: ServerSummary): string[] {
  const texts = Object.entries(server.notes).map(([name, value]) => `${name}: ${number(value)}`);
  if (server.loadShare > busyClientShare && summary.unit === 'requests/s') {
    const cores = server.loadShare.toFixed(2);
    const alone = number(1000 / server.cpuMsPerUnit);
    texts.push(`client took ${cores} of a core; by its CPU the server does ${alone}/s a core`);
  }
  return texts;
}

function serverRow(summary: CaseSummary, server: ServerSummary): string {
  const ratio = summary.ratios.find((each) => each.server === server.server);
  return row([
    server.server,
    number(server.rate.median),
    percent(server.rate.relative),
    ratio === undefined ? '' : times(ratio.rate.median),
    `${cpuTime(server.cpuMsPerUnit)}/${oneUnit(summary.unit)}`,
    server.cpuSecondsPerGiB === undefined ? '' : number(server.cpuSecondsPerGiB),
    mebibytes(server.peakBytes),
    addedMemory(server.peakBytes, server.restBytes),
    latency(server.p50Ms),
    latency(server.p99Ms),
  ]);
}

function row(cells: readonly string[]): string {
  return cells
    .map((cell, index) => {
      const width = columns[index] ?? 10;
      return index === 0 ? cell.padEnd(width) : cell.padStart(width);
    })
    .join(' ')
    .trimEnd();
}
