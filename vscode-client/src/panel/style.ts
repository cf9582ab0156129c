/**
 * Colours come from the editor's theme only, so that light, dark and high contrast follow by
 * themselves; a fallback stands where a theme may leave a colour out.
 */
export const style = `
:root { --line: var(--vscode-widget-border, var(--vscode-contrastBorder, rgba(128, 128, 128, .35)));
  --ground: var(--vscode-editor-background, Canvas);
  --quiet: var(--vscode-descriptionForeground);
  --good: var(--vscode-charts-green, #388a34);
  --bad: var(--vscode-errorForeground, #c72e0f);
  --warn: var(--vscode-editorWarning-foreground, #b5760b); }
body { max-width: 60rem; margin: 0 auto; padding: 1rem 1.25rem 3rem; line-height: 1.5;
  color: var(--vscode-foreground); font-family: var(--vscode-font-family);
  font-size: var(--vscode-font-size, 13px); }
h1 { font-size: 1.5em; line-height: 1.3; font-weight: 600; margin: 0 0 .25rem; }
h1.figure { font-size: 2em; margin: 0; }
.better h1.figure { color: var(--good); }
.title { font-size: 1.15em; font-weight: 600; margin: .5rem 0; }
h2 { font-size: 1.1em; font-weight: 600; margin: 2rem 0 .5rem; }
p { margin: .35rem 0; }
.quiet, .where { color: var(--quiet); }
.where { overflow-wrap: anywhere; }
code, pre { font-family: var(--vscode-editor-font-family, monospace);
  font-size: var(--vscode-editor-font-size, 12px); }
code { overflow-wrap: anywhere; }
ul, ol { margin: .35rem 0; padding-left: 1.25rem; }
li { margin: .2rem 0; }
.caution { border-left: 3px solid var(--warn); padding: .1rem 0 .1rem .75rem; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem .4rem 0;
  border-bottom: 1px solid var(--line); }
thead th { color: var(--quiet); font-weight: normal; }
tbody th { font-weight: 600; }
td .spread, th .spread { display: block; white-space: nowrap; color: var(--quiet); font-size: .9em; font-weight: normal; }
.bars { display: block; width: 100%; max-width: 34rem; height: auto; margin: 1rem 0; }
.bars text { fill: var(--vscode-foreground); font-size: 12px; }
.bars .tick { fill: var(--quiet); font-size: 10px; }
.bars .grid { stroke: var(--line); stroke-width: 1; }
/* Opaque: lines of the grid run behind the bars. */
.bars .baseline { fill: color-mix(in srgb, var(--vscode-charts-foreground, currentColor) 45%, var(--ground)); }
.bars .candidate { fill: var(--vscode-charts-blue, #1a85ff); }
.better .bars .candidate { fill: var(--good); }
.bars .halo { stroke: var(--ground); stroke-width: 4; stroke-linecap: square; fill: none; }
.bars .whisker { stroke: var(--vscode-foreground); stroke-width: 1.5; fill: none; }
figure { margin: 1rem 0; overflow-x: auto; }
figcaption { margin-top: .35rem; }
.roofs { display: block; max-width: 100%; min-width: 22rem; height: auto; }
/* A mark of passed or refused stands for the bullet. */
.gates { list-style: none; padding-left: 1.4em; }
.gates li { text-indent: -1.4em; }
.attempts { list-style: none; padding: 0; }
.attempts > li { padding: .5rem 0; border-bottom: 1px solid var(--line); }
.badge { display: inline-block; border: 1px solid currentColor; border-radius: 3px;
  padding: 0 .4em; margin-right: .4em; font-size: .85em; }
.badge.good { color: var(--good); } .badge.bad { color: var(--bad); } .badge.so { color: var(--quiet); }
details { margin: .35rem 0; }
summary { cursor: pointer; }
summary:focus-visible, pre:focus-visible { outline: 1px solid var(--vscode-focusBorder); outline-offset: 2px; }
pre { overflow-x: auto; margin: .5rem 0; padding: .5rem 0;
  background: var(--vscode-textCodeBlock-background, rgba(128, 128, 128, .1));
  border: 1px solid var(--vscode-contrastBorder, transparent); border-radius: 3px; }
pre.said { padding: .5rem .75rem; }
.diff span { display: block; width: max-content; min-width: 100%; box-sizing: border-box; padding: 0 .75rem; }
.diff .added { background: var(--vscode-diffEditor-insertedLineBackground, rgba(80, 160, 80, .2)); }
.diff .removed { background: var(--vscode-diffEditor-removedLineBackground, rgba(200, 60, 60, .2)); }
.diff .hunk, .diff .file { color: var(--quiet); }
.vscode-high-contrast .diff .added, .vscode-high-contrast .diff .removed { font-weight: bold; }
.log { list-style: none; padding: 0; }
.log li { display: grid; grid-template-columns: 5.5em 1fr; gap: .5em; overflow-wrap: anywhere; }
.log time { color: var(--quiet); font-variant-numeric: tabular-nums; }
@media (max-width: 30rem) {
  body { padding: .75rem .75rem 2rem; }
  h1 { font-size: 1.25em; }
  table, tbody, tr, td, tbody th { display: block; }
  thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
  tbody th { border: 0; padding-bottom: 0; }
  td { border: 0; padding: .1rem 0 .1rem 5.5em; position: relative; }
  td::before { content: attr(data-label); position: absolute; left: 0; color: var(--quiet); }
  tbody tr { border-bottom: 1px solid var(--line); padding-bottom: .4rem; }
  .bars text { font-size: 15px; }
  .bars .tick { font-size: 13px; }
  .log li { grid-template-columns: 1fr; gap: 0; margin-bottom: .5em; }
}
@media (max-width: 24rem) {
  .bars text { font-size: 20px; }
  .bars .tick { font-size: 16px; }
}
@media (max-width: 18rem) {
  h1.figure { font-size: 1.6em; }
  .bars text { font-size: 24px; }
  .bars .tick { font-size: 19px; }
}
`;
