import { describe, expect, it } from 'vitest';
import { headText, legendTexts } from '../../../bench/figures/table.ts';
import { Html, html } from '../../../bench/report/escape.ts';
import { reportPage } from '../../../bench/report/page.ts';
import { aCase, aResults } from './a-results.ts';

const hostile = `<img src=x onerror='a'>&"`;

describe('html template', () => {
  it('escapes values in text and in attributes', () => {
    expect(html`<p title="${hostile}">${hostile}</p>`.text).toBe(
      '<p title="&lt;img src=x onerror=&#39;a&#39;&gt;&amp;&quot;">&lt;img src=x onerror=&#39;a&#39;&gt;&amp;&quot;</p>',
    );
  });

  it('takes templates as they are, one or many', () => {
    expect(html`<ul>${[html`<li>1</li>`, html`<li>2</li>`]}</ul>${new Html('<b>')}`.text).toBe(
      '<ul><li>1</li><li>2</li></ul><b>',
    );
  });
});

describe('report', () => {
  it('lets no name, message or fact of the machine become markup', () => {
    const result = aCase(
      { ours: [1], theirs: [1] },
      {
        title: hostile,
        question: hostile,
        name: hostile,
        failures: [{ server: hostile, error: hostile }],
      },
      { notes: { [hostile]: 1 } },
    );
    const base = aResults([result]);
    const page = reportPage({
      ...base,
      machine: { ...base.machine, cpu: hostile, storage: hostile },
      servers: [
        { name: 'ours', version: hostile },
        { name: 'theirs', version: hostile },
      ],
    });
    expect(page).not.toContain('<img');
    expect(page.split('&lt;img').length).toBeGreaterThan(8);
  });

  it('asks nothing of the network', () => {
    const page = reportPage(aResults([aCase({ ours: [5, 6], theirs: [1, 2] })]));
    expect(page).not.toMatch(/https?:|\/\/|src=|@import|url\(|<script|<link/);
    expect(page).toContain("default-src 'none'");
  });

  it('draws a bar and a ratio for each case', () => {
    const page = reportPage(aResults([aCase({ ours: [50], theirs: [10] })]));
    expect(page).toContain('aria-label="(a) CI push: 8 connections: 5.0x"');
    expect(page).toContain('<rect class="f0" width="1000.0"');
    expect(page).toContain('<rect class="f1" width="200.0"');
  });

  it('draws no broken number when a server did nothing', () => {
    const page = reportPage(aResults([aCase({ ours: [0], theirs: [0] })]));
    expect(page).not.toMatch(/NaN|Infinity/);
  });

  it('explains its words, and the terminal does it alike', () => {
    const page = reportPage(aResults([aCase({ ours: [50], theirs: [10] })]));
    for (const text of legendTexts('ours')) {
      expect(page).toContain(`<li>${text}</li>`);
      expect(headText('ours')).toContain(text);
    }
    const words = legendTexts('ours').join(' ');
    for (const name of ['median', 'spread', 'ours/its', 'CPU', 'peak', 'over rest', 'p50', 'p99']) {
      expect(words, name).toMatch(new RegExp(`(^|[ .])${name}[:,]`));
    }
    expect(page).toContain('lowest and the highest ratio of runs that were taken one after the');
  });

  it('shows the figures of all cases of a profile, none of them folded away', () => {
    const cases = ['8 connections', '64 connections'].map((name) =>
      aCase({ ours: [50], theirs: [10] }, { name }, { bytes: 1024 ** 3, peakBytes: 3 * 1024 ** 2 }),
    );
    const page = reportPage(aResults(cases)).replaceAll(/<details>.*?<\/details>/gs, '');
    expect(page.split('<th>CPU s/GiB</th><th>peak memory</th>')).toHaveLength(2);
    for (const { name } of cases) {
      expect(page).toContain(`>${name}, images/s</th>`);
    }
    expect(page.split('<td>0.500</td><td>3.00 MiB</td>')).toHaveLength(5);
  });

  it('tells why a run was cut', () => {
    const page = reportPage(aResults([], { cut: 'ended by SIGINT' }));
    expect(page).toContain('ended by SIGINT');
  });

  it('warns of figures that are not to be kept', () => {
    const base = aResults([], { isQuick: true });
    const page = reportPage({ ...base, machine: { ...base.machine, loadAtStart: 3 } });
    expect(page).toContain('--quick');
    expect(page).toContain('load 3.0 at the start');
  });
});
