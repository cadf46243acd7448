/** The report's style sheet: light and dark, from a phone's width up. Series colours hold their contrast in both. */

export const styleSheet: string = `
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#16202c;--soft:#5b6777;--line:#dfe4ea;--rail:#edf0f4;
--s0:#0b7285;--s1:#c2650c;--s2:#7048b6;--s3:#4d7c0f;--good:#0b7285;--bad:#b42318}
@media(prefers-color-scheme:dark){:root{--page:#10151b;--card:#18202a;--ink:#e8edf3;--soft:#9aa7b6;--line:#2a3541;
--rail:#222c37;--s0:#3fc1d3;--s1:#f0a04b;--s2:#b79af0;--s3:#a3cf5b;--good:#3fc1d3;--bad:#f5867a}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:64rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:clamp(1.5rem,5vw,2.1rem);line-height:1.15;margin:.5rem 0 .4rem;letter-spacing:-.02em;text-wrap:balance}
h2{font-size:1.2rem;margin:0 0 .1rem;line-height:1.3;text-wrap:balance}
h3{font-size:.95rem;font-weight:600;margin:1.3rem 0 .5rem}
p{margin:.2rem 0 .8rem;max-width:46rem}
.soft{color:var(--soft)}
.card{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:1.1rem 1.1rem 1.2rem;margin:1rem 0}
.warn{border-left:4px solid var(--bad);max-width:none}
.name{white-space:nowrap}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;margin:.6rem 0 0;padding:0;list-style:none;font-size:.92rem}
.legend i{display:inline-block;width:.8rem;height:.8rem;border-radius:3px;margin-right:.45rem;vertical-align:-.05rem}
.bars{display:grid;grid-template-columns:1fr auto;gap:.1rem .8rem;align-items:center;margin:0}
.bars dt{grid-column:1/-1;font-size:.84rem;color:var(--soft);margin-top:.45rem;display:flex;justify-content:space-between;gap:1rem}
.bars dt.group{font-weight:600;color:var(--ink);font-size:.9rem;margin-top:1rem}
.bars dd{margin:0;min-width:0}
.bars dd.value{font-variant-numeric:tabular-nums;font-weight:600;text-align:right;min-width:5.2rem}
.value small{font-weight:400;color:var(--soft);margin-left:.3rem}
svg{display:block;width:100%;height:20px;overflow:visible}
.rail{fill:var(--rail)}
.run{stroke:var(--ink);stroke-width:1.5;opacity:.55;vector-effect:non-scaling-stroke}
.one{stroke:var(--ink);stroke-width:1.5;stroke-dasharray:3 3;vector-effect:non-scaling-stroke}
.f0{fill:var(--s0);background:var(--s0)}.f1{fill:var(--s1);background:var(--s1)}
.f2{fill:var(--s2);background:var(--s2)}.f3{fill:var(--s3);background:var(--s3)}
.scroll{overflow-x:auto;margin:.9rem -.2rem 0}
.scroll+p{margin-top:.9rem}
table{border-collapse:collapse;width:100%;font-size:.86rem;font-variant-numeric:tabular-nums}
th,td{padding:.35rem .45rem;text-align:right;border-top:1px solid var(--line);white-space:nowrap}
th{font-weight:600;color:var(--soft);border-top:0}
th:first-child,td:first-child{text-align:left}
td:first-child{position:sticky;left:0;background:var(--card)}
th.case{color:var(--ink);padding-top:.8rem}
tbody tr:first-child td:first-child{position:sticky;left:0;background:var(--card)}
th.case{padding-top:.35rem}
ul.soft{margin:.5rem 0 0;padding-left:1.2rem;max-width:46rem;font-size:.92rem}
details{margin-top:.7rem}summary{cursor:pointer;color:var(--soft);font-size:.9rem}
.facts{display:grid;grid-template-columns:auto 1fr;gap:.15rem 1rem;font-size:.9rem;margin:.8rem 0 0}
.facts dt{color:var(--soft)}.facts dd{margin:0;overflow-wrap:anywhere}
.remark{font-size:.86rem;color:var(--soft);margin:.25rem 0 0}
.failed{color:var(--bad);font-size:.9rem}
`;
