import { html, nothing, type Markup } from './markup';

/** A unified diff, a line an element. What a line is does not hang on its colour alone: its sign stays. */
export function diffView(patch: string): Markup {
  if (patch.trim() === '') return nothing;
  const lines = patch.replace(/\n$/, '').split('\n');
  let inHunk = false;
  return html`<pre class="diff" tabindex="0">
${lines.map((line, index) => {
      if (line.startsWith('@@')) inHunk = true;
      // Inside of a hunk "--- x" is the removed line "-- x".
      else if (
        line.startsWith('--- ') &&
        lines[index + 1]?.startsWith('+++ ') &&
        endsHunk(lines, index)
      )
        inHunk = false;
      return html`<span class="${lineKind(line, inHunk)}">${line} </span>`;
    })}</pre>`;
}

/** Whether a file's heading begins here: two headings, then the first hunk. */
function endsHunk(lines: readonly string[], index: number): boolean {
  return lines[index + 2]?.startsWith('@@') === true;
}

function lineKind(line: string, inHunk: boolean): string {
  if (line.startsWith('@@')) return 'hunk';
  if (!inHunk) return 'file';
  if (line.startsWith('+')) return 'added';
  if (line.startsWith('-')) return 'removed';
  return 'same';
}
