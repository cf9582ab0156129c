"""Arguments like those of a workload, but other ones: to scale the work, and to surprise a candidate."""

from __future__ import annotations

import re
import shlex
from itertools import count
from math import gcd

from jouleline.core.workload import Workload

_WORD = re.compile(r"\S+")
_WHOLE = re.compile(r"\+?[0-9]{1,18}")


def whole_argument(args: str, index: int) -> int | None:
    """The argument at ``index`` if it is a whole number; None otherwise."""
    words = _words(args)
    if words is None or index >= len(words) or not _WHOLE.fullmatch(words[index]):
        return None
    return int(words[index])


def with_argument(args: str, index: int, value: int) -> str:
    """``args`` with one argument replaced and all else, the shell's syntax included, as it is."""
    found = list(_WORD.finditer(args))[index]
    return f"{args[: found.start()]}{value}{args[found.end() :]}"


def unseen_arguments(workload: Workload) -> tuple[str, ...]:
    """Arguments with other sizes than any in the workload, the best first; empty without ``size_args``.

    A size becomes about five eighths, and a multiple of what all sizes in the workload are multiples
    of, or a half: programs may ask for even sizes or powers of two without saying so.
    """
    known = (workload.args, *workload.check_args)
    roomy = halved = workload.args
    for index in workload.size_args:
        size = whole_argument(workload.args, index)
        if size is None or size < 2:
            continue
        others = {whole_argument(args, index) for args in known} - {None}
        sizes = {other for other in others if other is not None}
        step = (gcd(*sizes) if len(sizes) > 1 else size // 2) or 1
        least = max(size * 5 // 8 // step * step, step)
        chosen = next(other for other in count(least, step) if other not in sizes)
        roomy = with_argument(roomy, index, chosen)
        halved = with_argument(halved, index, size // 2)
    return tuple(one for one in dict.fromkeys((roomy, halved)) if one not in known)


def _words(args: str) -> list[str] | None:
    """The words of a command line; None if quotes make them other than what white space separates."""
    try:
        words = shlex.split(args)
    except ValueError:
        return None
    return words if words == args.split() else None
