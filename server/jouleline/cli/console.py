"""The terminal: progress on standard error, results on standard output."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.segment import Segment

from .visible import visible

Tell = Callable[[str, float | None], None]
"""Show a message, and how much is done from 0 to 1 (None: keep what is shown)."""


class Terminal(Console):
    """A console that obeys our styles alone: control characters in texts are shown in their place."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(highlight=False, emoji=False, **settings)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The pieces of what is shown; those that rich itself controls the terminal with stay as they are."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else visible(text), style, control)


def output() -> Console:
    """Standard output; plain text of a readable width where it is no terminal."""
    return Terminal(file=sys.stdout, width=None if sys.stdout.isatty() else _PLAIN_WIDTH)


_PLAIN_WIDTH = 110
_HOW_FAR = re.compile(r"( \d+/\d+)?(, energy x \S+)?$")


def detail(console: Console, markup: str) -> None:
    """One indented statement: wrapped at words on a terminal, whole for what reads a pipe line by line."""
    if console.is_terminal:
        console.print(Padding.indent(markup, 2))
    else:
        console.print(f"  {markup}", soft_wrap=True)


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Tell]:
    """A progress bar on a terminal; a line for each message on anything else."""
    console = Terminal(file=sys.stderr)
    if quiet:
        yield lambda _message, _fraction: None
        return
    if not console.is_terminal:
        said: list[str] = []

        def tell_plainly(message: str, _fraction: float | None) -> None:
            # One line is enough for a phase of a measurement, however far it is.
            head = _HOW_FAR.sub("", message)
            if head not in said[-1:]:
                said.append(head)
                console.print(f"  {head}", soft_wrap=True, markup=False)

        yield tell_plainly
        return
    columns = (
        SpinnerColumn(),
        BarColumn(20),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0)

        def tell(message: str, fraction: float | None) -> None:
            bar.update(task, description=message[: max(20, console.width - 40)])
            if fraction is not None:
                bar.update(task, completed=fraction)

        yield tell
