"""Find the machine code of a kernel among the functions of a listing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .kernel import Kernel, Language
from .mangling import read_symbol
from .sass import MachineCode
from .symbol import normal_argument, with_one_name

_TYPES = frozenset(
    ("bool", "char", "short", "int", "unsigned int", "long", "unsigned long", "long long", "float", "double",
     "half", "half2", "bfloat16", "bfloat162")
)  # fmt: skip
_CAST = re.compile(r"\([\w ]+\)\s*(?=[\w-])")


def code_of(
    codes: Iterable[MachineCode], kernel: Kernel, file: str, given: Sequence[str]
) -> MachineCode | None:
    """The code of a kernel in ``file`` as it is launched; None if the listing holds none.

    Of several overloads, or regions in lines of one number, it is the one that came from the kernel's lines;
    of several instances of a template the one whose arguments agree most with those ``given``.
    """
    named = [(read_symbol(code.name), code) for code in codes]
    if kernel.language is Language.OPENMP:
        found = [each for each in named if each[0].line == kernel.line]
        # Regions of several files may stand in lines of one number.
        found = [each for each in found if each[0].name == kernel.name] or found
    else:
        found = [each for each in named if each[0].line is None and each[0].name == kernel.name]
    best = max(
        found,
        key=lambda each: (_came_from(each[1], kernel, file), _agreement(each[0].arguments, given)),
        default=(None, None),
    )
    return best[1]


def _came_from(code: MachineCode, kernel: Kernel, file: str) -> bool:
    """Whether some of the code came from the lines of a kernel, itself or by what it calls."""
    outermost = (one.places[-1] for one in code.instructions if one.places)
    lines = range(kernel.line, kernel.end_line + 1)
    return any(line in lines and f"/{place}".endswith(f"/{file}") for place, line in outermost)


def _agreement(arguments: Sequence[str], given: Sequence[str]) -> int:
    if not given:
        # The source's counts take an unknown type for float.
        return sum(argument == "float" for argument in arguments)
    return sum(_agree(argument, text) for argument, text in zip(arguments, given, strict=False))


def _agree(argument: str, text: str) -> int:
    """1 if a template argument is what the launch says, -1 if it is surely another, 0 if that is open."""
    plain, argument = with_one_name(" ".join(_CAST.sub("", text).split())), with_one_name(argument)
    if normal_argument(plain) == normal_argument(argument):
        return 1
    numbers = argument.lstrip("-").isdigit() and plain.lstrip("-").isdigit()
    return -1 if numbers or (argument in _TYPES and plain in _TYPES) else 0
