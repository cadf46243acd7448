/**
 * Bars as inline SVG. Each bar is an SVG of its own, stretched to the width there is, and all words stay HTML beside
 * it: so nothing shrinks on a phone. The bar ends at the median; a thin mark stands for each run.
 */

import { cpuTime, number, oneUnit, times } from '../figures/format.ts';
import type { CaseSummary } from '../figures/summary.ts';
import { type Html, html } from './escape.ts';

const width = 1000;
const height = 20;
/** Colours there are; further servers share the last. */
const colours = 4;

export function colourClass(index: number): string {
  return `f${Math.min(index, colours - 1)}`;
}

/** One bar for each server of a case, on a common scale from zero. */
export function rateChart(summary: CaseSummary, names: readonly string[]): Html {
  const most = Math.max(...summary.servers.map(({ rate }) => rate.high), 0);
  const rows = summary.servers.map(({ server, rate, rates }) => {
    const end = share(rate.median, most);
    const marks = rates.map((value) => mark(share(value, most)));
    const label = `${server}: ${number(rate.median)} ${summary.unit}`;
    return html`<dt><span>${server}</span></dt>
<dd>${bar(label, end, names.indexOf(server), marks)}</dd>
<dd class="value">${number(rate.median)}<small>${summary.unit}</small></dd>`;
  });
  return html`<dl class="bars">${rows}</dl>`;
}

/** How many times as fast as another server, case by case, on a logarithmic scale with a line at equal. */
export function ratioChart(
  summaries: readonly CaseSummary[],
  other: string,
  titles: ReadonlyMap<string, string>,
): Html {
  const ratios = summaries.flatMap((summary) => {
    const found = summary.ratios.find(({ server }) => server === other);
    return found === undefined ? [] : [{ summary, rate: found.rate }];
  });
  const ends = ratios.flatMap(({ rate }) => [rate.low, rate.high]).filter((each) => each > 0);
  const low = Math.min(0.8, ...ends);
  const high = Math.max(2, ...ends);
  const place = (value: number): number =>
    Number.isFinite(value) && value > 0
      ? (Math.log(value / low) / Math.log(high / low)) * width
      : 0;
  const one = place(1);
  const rows = ratios.map(({ summary, rate }, index) => {
    const end = place(rate.median);
    const title = `(${summary.profile}) ${titles.get(summary.profile) ?? ''}`;
    const name = `${title}: ${summary.name}`;
    const isFirst = ratios[index - 1]?.summary.profile !== summary.profile;
    const group = isFirst ? html`<dt class="group">${title}</dt>` : html``;
    return html`${group}<dt><span>${summary.name}</span></dt>
<dd><svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label="${`${name}: ${times(rate.median)}`}">
<rect class="rail" width="${width}" height="${height}" rx="3"/>
<rect class="${colourClass(rate.median < 1 ? 1 : 0)}" x="${px(Math.min(one, end))}" width="${px(Math.abs(end - one))}" y="3" height="${height - 6}"/>
${mark(place(rate.low))}${mark(place(rate.high))}
<line class="one" x1="${px(one)}" x2="${px(one)}" y1="0" y2="${height}"/></svg></dd>
<dd class="value">${times(rate.median)}</dd>`;
  });
  return html`<dl class="bars">${rows}</dl>`;
}

/** CPU that one unit costs each server, smaller is better. */
export function cpuChart(summary: CaseSummary, names: readonly string[]): Html {
  const most = Math.max(...summary.servers.map(({ cpuMsPerUnit }) => cpuMsPerUnit), 0);
  const unit = `CPU/${oneUnit(summary.unit)}`;
  const rows = summary.servers.map(({ server, cpuMsPerUnit }) => {
    const label = `${server}: ${cpuTime(cpuMsPerUnit)} ${unit}`;
    return html`<dt><span>${server}</span></dt>
<dd>${bar(label, share(cpuMsPerUnit, most), names.indexOf(server), [])}</dd>
<dd class="value">${cpuTime(cpuMsPerUnit)}<small>${unit}</small></dd>`;
  });
  return html`<dl class="bars">${rows}</dl>`;
}

function bar(label: string, end: number, colour: number, marks: readonly Html[]): Html {
  return html`<svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label="${label}">
<rect class="rail" width="${width}" height="${height}" rx="3"/>
<rect class="${colourClass(Math.max(0, colour))}" width="${px(end)}" height="${height}" rx="3"/>${marks}</svg>`;
}

function mark(x: number): Html {
  return html`<line class="run" x1="${px(x)}" x2="${px(x)}" y1="0" y2="${height}"/>`;
}

function share(value: number, most: number): number {
  return most > 0 && Number.isFinite(value) ? (value / most) * width : 0;
}

function px(value: number): string {
  return value.toFixed(1);
}
