"""Exit codes, the same for every verb, and the error that carries one."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the command line's exit code means."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REJECTED = 3


class UserError(Exception):
    """Something the user can mend, in one sentence; ``code`` is the exit code."""

    def __init__(self, message: str, code: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.code = code
