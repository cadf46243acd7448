/** The report: one HTML file that asks nothing of the network, with a chart and a table for every profile. */

import {
  addedMemory,
  cpuTime,
  latency,
  mebibytes,
  number,
  oneUnit,
  percent,
  times,
} from '../figures/format.ts';
import { compareMemory, type MemoryComparison, restText } from '../figures/memory.ts';
import {
  boundTexts,
  loadName,
  planFor,
  plannedBusyShare,
  storageText,
  usualLoads,
  whyNoPlan,
} from '../figures/plan.ts';
import { type CaseResult, oursOf, type Results } from '../figures/results.ts';
import {
  type CaseSummary,
  type ServerSummary,
  summarize,
  summarizeAll,
} from '../figures/summary.ts';
import { legendTexts, remarks } from '../figures/table.ts';
import { colourClass, cpuChart, rateChart, ratioChart } from './chart.ts';
import { Html, html } from './escape.ts';
import { styleSheet } from './style.ts';

export function reportPage(results: Results): string {
  const title = `${results.servers.map(({ name }) => name).join(' and ')}, measured side by side`;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${new Html(styleSheet)}</style>
</head>
<body>
<main>
<header><h1>${headline(results)}</h1>
<p class="soft">Same machine, same kind of configuration, runs taken in turn. Bars end at the median; a thin mark stands for each run.</p>
${legend(results)}</header>
${warnings(results)}
${overviews(results)}
${legendCard(results)}
${groupByProfile(results.cases).map((group) => profileCard(results, group))}
${memoryCard(results)}
${planCard(results)}
${machineCard(results)}
</main>
</body>
</html>
`;
  return page.text;
}

/** The title, its names kept from breaking at a hyphen. */
function headline({ servers }: Results): Html {
  const names = servers.map(
    ({ name }, index) => html`${index === 0 ? '' : ' and '}<span class="name">${name}</span>`,
  );
  return html`${names}, measured side by side`;
}

function legend({ servers }: Results): Html {
  const items = servers.map(
    ({ name }, index) => html`<li><i class="${colourClass(index)}"></i>${name}</li>`,
  );
  return html`<ul class="legend">${items}</ul>`;
}

function warnings({ isQuick, machine, cut }: Results): Html {
  const texts: string[] = [];
  if (cut !== undefined) {
    texts.push(`The run was cut, and these are the cases done by then: ${cut}`);
  }
  if (isQuick) {
    texts.push('Taken with --quick: small sizes and short runs, to show that the benches work.');
  }
  if (machine.loadAtStart > 0.5) {
    const load = machine.loadAtStart.toFixed(1);
    texts.push(`Something else was running (load ${load} at the start): trust ratios with care.`);
  }
  return html`${texts.map((text) => html`<p class="card warn">${text}</p>`)}`;
}

/** How many times as fast, one chart for each other server. */
function overviews(results: Results): Html {
  const [ours, ...others] = results.servers;
  const titles = new Map(results.cases.map(({ profile, title }) => [profile, title]));
  const cards = others.map(
    ({ name }) => html`<section class="card"><h2>${ours?.name ?? ''} against ${name}</h2>
<p class="soft">Rate as a multiple of ${name}’s, on a logarithmic scale: right of the dashed line, ${ours?.name ?? ''} is faster. Bars end at the ratio of medians; the two thin marks are the lowest and the highest ratio of runs that were taken one after the other.</p>
${ratioChart(summarizeAll(results), name, titles)}</section>`,
  );
  return html`${cards}`;
}

function legendCard(results: Results): Html {
  const items = legendTexts(oursOf(results)).map((text) => html`<li>${text}</li>`);
  return html`<section class="card"><h2>How to read the tables</h2><ul class="soft">${items}</ul></section>`;
}

function profileCard(results: Results, cases: readonly CaseResult[]): Html {
  const [first] = cases;
  const names = results.servers.map(({ name }) => name);
  const summaries = cases.map((result) => summarize(result, oursOf(results)));
  return html`<section class="card">
<h2>(${first?.profile ?? ''}) ${first?.title ?? ''}</h2>
<p class="soft">${first?.question ?? ''}</p>
${cases.map((result, index) => caseSection(result, summaries[index], names))}
${figuresTable(summaries)}
<details><summary>CPU as bars</summary>
${summaries.map((summary) => html`<h3>${summary.name}</h3>${cpuChart(summary, names)}`)}
</details>
</section>`;
}

function caseSection(
  result: CaseResult,
  summary: CaseSummary | undefined,
  names: readonly string[],
): Html {
  const failed = result.failures.map(
    ({ server, error }) => html`<p class="failed">${server} failed: ${error}</p>`,
  );
  if (summary === undefined) {
    return html`${failed}`;
  }
  const notes = summary.servers.flatMap((server) =>
    remarks(summary, server).map(
      (remark) => html`<p class="remark">${server.server}: ${remark}</p>`,
    ),
  );
  return html`<h3>${result.name}</h3>
${rateChart(summary, names)}${failed}${notes}`;
}

/** Of all cases of a profile; the server compared with all others has no ratio of its own. */
function figuresTable(summaries: readonly CaseSummary[]): Html {
  const heads = [
    '',
    'median',
    'spread',
    'ours/its',
    'CPU',
    'CPU s/GiB',
    'peak memory',
    'over rest',
    'p50',
    'p99',
  ];
  const rows = summaries.map((summary) => [
    html`<tr><th class="case" colspan="${heads.length}">${summary.name}, ${summary.unit}</th></tr>`,
    ...summary.servers.map((server) => tableRow(cells(summary, server), 'td')),
  ]);
  return html`<div class="scroll"><table><thead>${tableRow(heads, 'th')}</thead><tbody>${rows.flat()}</tbody></table></div>`;
}

function cells(summary: CaseSummary, server: ServerSummary): string[] {
  const ratio = summary.ratios.find((each) => each.server === server.server);
  return [
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
  ];
}

function tableRow(texts: readonly string[], kind: 'td' | 'th'): Html {
  const all = texts.map((text) =>
    kind === 'td' ? html`<td>${text}</td>` : html`<th>${text}</th>`,
  );
  return html`<tr>${all}</tr>`;
}

function memoryCard(results: Results): Html {
  const rest = restText(results);
  if (rest === '') {
    return html``;
  }
  const ours = results.servers[0]?.name ?? '';
  return html`<section class="card"><h2>Memory</h2>
<p class="soft">At rest, before any load: ${rest}.</p>
${compareMemory(results).map((each) => memoryTable(each, ours))}</section>`;
}

function memoryTable({ server, fixedBytes, cases }: MemoryComparison, ours: string): Html {
  const rows = cases.map(
    ({ profile, name, peakBytes, withoutFixedBytes, otherPeakBytes, ratio }) => [
      `(${profile}) ${name}`,
      mebibytes(peakBytes),
      mebibytes(withoutFixedBytes),
      mebibytes(otherPeakBytes),
      times(ratio),
    ],
  );
  const heads = ['', `${ours}, peak`, 'less fixed cost', `${server}, peak`, 'of its'];
  return html`<p class="soft">Runtime and threads of ${ours} take ${mebibytes(fixedBytes)} more than ${server} whatever they do: its fixed cost. The rest of its peak is held against ${server}’s.</p>
<div class="scroll"><table><thead>${tableRow(heads, 'th')}</thead><tbody>${rows.map((row) => tableRow(row, 'td'))}</tbody></table></div>`;
}

function planCard(results: Results): Html {
  if (whyNoPlan(results) !== undefined) {
    return html``;
  }
  const rows = usualLoads.map((load) => {
    const plans = planFor(results, load);
    const needs = results.servers.map(({ name }) => {
      const plan = plans.find(({ server }) => server === name);
      return plan === undefined ? '–' : number(plan.cores);
    });
    return tableRow([loadName(load), ...needs, storageText(load)], 'td');
  });
  const heads = ['load', ...results.servers.map(({ name }) => `${name}, cores`), 'and'];
  return html`<section class="card"><h2>Machines for a load</h2>
<p class="soft">From CPU seconds of the images and layers that were pushed, cores filled to ${plannedBusyShare * 100} %. For your own load: npm run bench:plan -- --pushes N --layers L --layer-size S.</p>
<div class="scroll"><table><thead>${tableRow(heads, 'th')}</thead><tbody>${rows}</tbody></table></div>
${boundTexts(results).map((text) => html`<p class="soft">${text}</p>`)}</section>`;
}

function machineCard({ machine, servers, takenAt, seconds, rateClient }: Results): Html {
  const facts: [string, string][] = [
    [
      'Machine',
      `${machine.cores} x ${machine.cpu}, ${number(machine.memoryBytes / 1024 ** 3)} GiB`,
    ],
    ['Kernel', `Linux ${machine.kernel}`],
    ['Storage', machine.storage],
    ['Node', machine.node],
    ...servers.map(({ name, version }): [string, string] => [name, version]),
    ['Runs', `of ${seconds} s; request rates by ${rateClient}; client on the same cores`],
    ['Priority', machine.isRaised ? 'raised for servers and client alike' : 'as usual'],
    ['Taken', takenAt],
  ];
  const items = facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`);
  return html`<section class="card"><h2>Taken on</h2><dl class="facts">${items}</dl></section>`;
}

function groupByProfile(cases: readonly CaseResult[]): readonly (readonly CaseResult[])[] {
  const groups = new Map<string, CaseResult[]>();
  for (const result of cases) {
    groups.set(result.profile, [...(groups.get(result.profile) ?? []), result]);
  }
  return [...groups.values()];
}
