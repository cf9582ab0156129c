"""Standard output, whose failing is told apart from that of anything else a verb writes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, TextIO, cast

from .exit_codes import Exit


class OutputError(Exception):
    """Standard output took no more, and why; ``code`` is the exit code."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"standard output: {error.strerror}")
        # Who reads no further, as `head` does, has seen enough.
        self.code = Exit.DONE if isinstance(error, BrokenPipeError) else Exit.FAILED


class _Output:
    """A stream as it is, but for what it raises."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as error:
            raise OutputError(error) from error

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            raise OutputError(error) from error


@contextmanager
def watched_output() -> Iterator[None]:
    """All that is written to standard output in this context has arrived at its end.

    Raises:
        OutputError: if it has not.
    """
    stream = sys.stdout
    try:
        with redirect_stdout(cast("TextIO", _Output(stream))):
            yield
            sys.stdout.flush()
    except OutputError:
        # Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        raise
