import { html, nothing, type Markup } from './markup';

/** A unified diff, a line an element. What a line is does not hang on its colour alone: its sign stays. */
export function diffView(patch: string): Markup {
  if (patch.trim() === '') return nothing;
  const lines = patch.replace(/\n$/, '').split('\n');
  let inHunk = false;
  const spans = lines.map((line, index) => {
    if (line.startsWith('@@')) inHunk = true;
    else if (headingAt(lines, index)) inHunk = false;
    // A blank keeps the height of an empty line.
    return html`<span class="${lineKind(line, inHunk)}">${line || ' '}</span>`;
  });
  return html`<pre class="diff" tabindex="0">${spans}</pre>`;
}

/** Two headings, then a hunk; alone, "--- x" can be the removed line "-- x". */
function headingAt(lines: readonly string[], index: number): boolean {
  return ['--- ', '+++ ', '@@'].every((start, offset) => lines[index + offset]?.startsWith(start));
}

function lineKind(line: string, inHunk: boolean): string {
  if (line.startsWith('@@')) return 'hunk';
  if (!inHunk) return 'file';
  if (line.startsWith('+')) return 'added';
  if (line.startsWith('-')) return 'removed';
  return 'same';
}
