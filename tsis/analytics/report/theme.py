"""The page's style and the script that draws its charts."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f6f6f3; --card: #ffffff; --ink: #1d2126; --muted: #5c6570; --line: #d9dbd6; --grid: #ecece8;
  --price: #333b45; --blue: #2f6fb2; --orange: #c9641b; --violet: #7a5ab5;
  --gain: #1f8a70; --loss: #c43d4b; --neutral: #9aa1a9; --on_fill: #ffffff;
  --gain_fill: rgba(31, 138, 112, .16); --loss_fill: rgba(196, 61, 75, .14); --neutral_fill: rgba(120, 128, 138, .14);
  --shade: rgba(47, 111, 178, .10);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --card: #1b1f24; --ink: #e7e9ec; --muted: #a0a8b1; --line: #363c44; --grid: #272c33;
    --price: #c4ccd5; --blue: #6aa5e0; --orange: #e8935a; --violet: #ab91e0;
    --gain: #46b898; --loss: #e8707c; --neutral: #747c86; --on_fill: #14171b;
    --gain_fill: rgba(70, 184, 152, .20); --loss_fill: rgba(232, 112, 124, .20);
    --neutral_fill: rgba(150, 158, 168, .18);
    --shade: rgba(106, 165, 224, .14);
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); line-height: 1.5; font-size: 16px;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
header, nav, main, footer { max-width: 1180px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 40px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 8px; letter-spacing: -.01em; }
h2 { font-size: 22px; margin: 56px 0 12px; padding-top: 20px; border-top: 1px solid var(--line); }
h3 { font-size: 17px; margin: 32px 0 8px; overflow-wrap: anywhere; }
p { margin: 0 0 12px; max-width: 78ch; }
code { font: .87em ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; overflow-wrap: anywhere; }
.lead { font-size: 19px; }
.facts, .note, figcaption, footer, .unit, small { color: var(--muted); font-size: 14px; }
.empty { background: var(--card); border: 1px dashed var(--line); border-radius: 8px; padding: 16px; max-width: none;
  color: var(--muted); }
nav { padding-top: 12px; }
nav a { color: var(--blue); margin-right: 20px; text-decoration: none; }
nav a:hover, nav a:focus { text-decoration: underline; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(320px, 1fr)); gap: 16px; margin: 16px 0; }
.card, figure, .scroll { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
.card { padding: 18px 20px; border-top: 4px solid var(--neutral); }
.card.shown { border-top-color: var(--gain); }
.card.none { border-top-color: var(--orange); }
.card h3 { margin: 2px 0 6px; }
.card p { margin: 0 0 8px; }
.badge { font-size: 13px; font-weight: 600; color: var(--muted); }
.shown .badge { color: var(--gain); }
.none .badge { color: var(--orange); }
.verdict { font-size: 17px; overflow-wrap: anywhere; }
.meter { height: 6px; border-radius: 3px; background: var(--grid); overflow: hidden; margin: 10px 0 4px; }
.meter span { display: block; height: 100%; background: var(--blue); }
figure { margin: 16px 0; padding: 12px 12px 10px; min-width: 0; }
figcaption { padding: 8px 6px 2px; max-width: 120ch; }
.pair { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 16px; }
.pair figure, .pair .empty { margin: 0; }
.scroll { overflow-x: auto; margin: 16px 0; }
table { border-collapse: collapse; width: 100%; font-size: 14.5px; }
th, td { padding: 7px 14px; border-bottom: 1px solid var(--grid); text-align: left; vertical-align: top; }
thead th { border-bottom: 1px solid var(--line); font-weight: 600; color: var(--muted); white-space: nowrap; }
tbody tr:last-child > * { border-bottom: 0; }
td.figure, th.figure { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.figures tbody th { font-weight: 500; cursor: help; }
th small { display: block; font-weight: 400; }
td.text { white-space: nowrap; }
td.text.long { white-space: normal; overflow-wrap: anywhere; min-width: 22ch; }
footer { padding: 32px 24px 48px; }
@media (max-width: 860px) {
  .pair { grid-template-columns: minmax(0, 1fr); }
  header, nav, main, footer { padding-left: 14px; padding-right: 14px; }
}
@media print { nav { display: none; } figure, .card { break-inside: avoid; } }
"""

SCRIPT = """
(() => {
  'use strict';
  const coloured = new Set(['color', 'fillcolor', 'bgcolor', 'gridcolor', 'linecolor', 'tickcolor', 'bordercolor',
    'paper_bgcolor', 'plot_bgcolor']);
  const charts = [...document.querySelectorAll('script[data-chart]')];
  const buttons = [['zoom2d', 'pan2d', 'zoomOut2d', 'resetScale2d']];
  const draw = (source) => {
    const style = getComputedStyle(document.documentElement);
    const themed = (key, value) => coloured.has(key) && typeof value === 'string' && value.startsWith('@')
      ? style.getPropertyValue('--' + value.slice(1)).trim() : value;
    const figure = JSON.parse(source.textContent, themed);
    const config = {responsive: true, displaylogo: false, modeBarButtons: buttons,
      displayModeBar: figure.layout.xaxis.type === 'date'};
    return Plotly.react(source.dataset.chart, figure.data, figure.layout, config);
  };
  let round = 0;
  const drawAll = async () => {
    const mine = ++round;
    for (const source of charts) {
      if (mine !== round) return;
      await draw(source);
      await new Promise((done) => setTimeout(done, 0));
    }
    document.documentElement.dataset.drawn = String(charts.length);
  };
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
  drawAll();
})();
"""
