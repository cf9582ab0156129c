"""A report as one HTML file that needs nothing else: light and dark, on a screen and on paper."""

from __future__ import annotations

import html
import re
from base64 import b64encode
from collections.abc import Sequence
from typing import Final

# A page shows what others wrote. What slips through as an element still runs nothing and loads nothing.
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
)
_CODE: Final = re.compile(r"`([^`\n]+)`")
_CSS: Final = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1b1f24; --muted: #5c6670; --line: #d5dae0;
  --right: #0072b2; --wrong: #d55e00; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171a; --ink: #e6e9ec; --muted: #9aa5b0;
  --line: #333a42; --right: #56b4e9; --wrong: #e98a3c; } }
body { margin: 2rem auto; padding: 0 1rem; max-width: 70rem; background: var(--paper); color: var(--ink);
  font: .95rem/1.5 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.5rem; margin-bottom: .3rem; }
h2 { font-size: 1.2rem; margin-top: 2.6rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
p, figcaption, .note { max-width: 48rem; }
figcaption, .note { color: var(--muted); font-size: .87rem; }
table { border-collapse: collapse; font-size: .87rem; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top; }
th, td { border-bottom: 1px solid var(--line); white-space: pre-line; }
th { font-weight: 600; }
th.number, td.number { text-align: right; white-space: nowrap; }
.wide { overflow-x: auto; }
figure { margin: 1rem 0; break-inside: avoid; }
figure svg { max-width: 100%; height: auto; }
.figures { display: flex; flex-wrap: wrap; gap: 0 2.5rem; align-items: flex-start; }
.figures figure { max-width: 24rem; }
.roofs { width: 44rem; max-width: 100%; height: auto; }
code, pre.diff { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, monospace; }
code { font-size: .92em; }
pre.diff { font-size: .82rem; line-height: 1.45; overflow-x: auto;
  border: 1px solid var(--line); border-radius: 4px; padding: .5rem 0; }
pre.diff span { display: block; min-width: max-content; padding: 0 .8rem; }
pre.diff .added { background: color-mix(in srgb, var(--right) 14%, transparent); }
pre.diff .removed { background: color-mix(in srgb, var(--wrong) 14%, transparent); }
pre.diff .hunk, pre.diff .file { color: var(--muted); }
.headline { font-size: 1.1rem; }
@media print { :root { color-scheme: light; --paper: #fff; --ink: #000; --muted: #444; --line: #ccc;
  --right: #0072b2; --wrong: #d55e00; }
  html { font-size: 11px; } body { margin: 0; } .wide { overflow: visible; }
  h2, h3, thead { break-after: avoid; } tr { break-inside: avoid; } .figures figure { max-width: 18rem; } }
"""


def page(title: str, body: Sequence[str]) -> str:
    """The whole document; ``body`` is HTML."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text."""
    return f"<p{_class(kind)}>{_text(text)}</p>"


def heading(text: str, level: int = 2) -> str:
    """A heading of plain text."""
    return f"<h{level}>{html.escape(text)}</h{level}>"


def figure(svg: str, caption: str) -> str:
    """A plot, read to the blind by its caption."""
    text = html.escape(caption)
    return f'<figure><div role="img" aria-label="{text}">{svg}</div><figcaption>{text}</figcaption></figure>'


def picture(svg: str) -> str:
    """A drawing that comes from a file: shown as an image, in which no script runs and nothing is loaded."""
    data = b64encode(svg.encode("utf-8", "replace")).decode("ascii")
    return f'<img class="roofs" alt="" src="data:image/svg+xml;base64,{data}">'


def table(titles: Sequence[str], rows: Sequence[Sequence[str | float | int | None]], words: int = 1) -> str:
    """A table of plain texts and figures; the columns after the first ``words`` are numbers.

    None is shown as a dash, and a line break as one.
    """

    def cell(tag: str, column: int, value: str | float | None) -> str:
        text = "–" if value is None else f"{value:z.2f}" if isinstance(value, float) else str(value)
        return f"<{tag}{_class('number' if column >= words else '')}>{_text(text)}</{tag}>"

    def line(tag: str, values: Sequence[str | float | int | None]) -> str:
        return "<tr>" + "".join(cell(tag, column, value) for column, value in enumerate(values)) + "</tr>"

    head = f"<thead>{line('th', titles)}</thead>"
    body = "\n".join(line("td", row) for row in rows)
    return f'<div class="wide"><table>\n{head}\n<tbody>\n{body}\n</tbody></table></div>'


def items(texts: Sequence[str]) -> str:
    """A list of plain texts; nothing where there are none."""
    return "<ul>" + "".join(f"<li>{_text(text)}</li>" for text in texts) + "</ul>" if texts else ""


def diff(patch: str) -> str:
    """A unified diff, a line an element. What a line is does not hang on its colour alone: its sign stays."""
    left = _Hunk()
    spans = [
        f'<span class="{left.kind(line)}">{html.escape(line) or " "}</span>' for line in patch.splitlines()
    ]
    return f'<pre class="diff">{"".join(spans)}</pre>'


class _Hunk:
    """Where a reader of a diff is: how many lines of the hunk are still to come of either side.

    Only counting tells the heading ``--- a`` from a removed line ``-- a``.
    """

    _HEAD: Final = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")

    def __init__(self) -> None:
        self._old = self._new = 0

    def kind(self, line: str) -> str:
        """``file``, ``hunk``, ``added``, ``removed`` or ``same``; lines come in order."""
        if self._old <= 0 and self._new <= 0:
            head = self._HEAD.match(line)
            if head is None:
                return "file"
            self._old, self._new = (1 if count is None else int(count) for count in head.groups())
            return "hunk"
        match line[:1]:
            case "+":
                self._new -= 1
                return "added"
            case "-":
                self._old -= 1
                return "removed"
            case "\\":
                return "file"
        self._old -= 1
        self._new -= 1
        return "same"


def _text(text: str) -> str:
    """A plain text whose words in `backticks` are code."""
    return _CODE.sub(r"<code>\1</code>", html.escape(text))


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""
