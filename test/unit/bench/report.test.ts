import { describe, expect, it } from 'vitest';
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

  it('warns of figures that are not to be kept', () => {
    const base = aResults([], { isQuick: true });
    const page = reportPage({ ...base, machine: { ...base.machine, loadAtStart: 3 } });
    expect(page).toContain('--quick');
    expect(page).toContain('load 3.0 at the start');
  });
});
