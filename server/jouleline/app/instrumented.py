"""Build a program as its workload says, with options added to each call of a host compiler.

A folder before all others on the build's PATH holds a script for each compiler, which calls the real
one. So it works for plain commands, Makefiles and what these call, whatever variables they use; only
a compiler that is named by its full path escapes, and :func:`said` tells.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jouleline.core.workload import Workload

FOLDER: Final = ".jouleline-compilers"
"""Where the scripts lie, in the copy that is built."""

_COMPILERS: Final = ("g++", "gcc", "c++", "cc", "clang++", "clang")
_NAMED: Final = re.compile(
    r"(?<![\w./+-])((?:[\w]+-)*(?:g\+\+|gcc|clang\+\+|clang|c\+\+|cc)(?:-[\d.]+)?)(?![\w+.-])"
)
# A driver such as nvcc puts folders before ours: it has to go wherever it is, or our script calls itself.
_LEAVING: Final = """PATH=:$PATH:
PATH=${PATH%%":$here:"*}:${PATH#*":$here:"}
PATH=${PATH#:}
PATH=${PATH%:}"""
# A build must not fail for what we add: if it does, the compiler is called again as it was meant.
_LENIENT: Final = """#!/bin/sh
here=${0%/*}
LEAVE
export PATH
if NAME "$@" FLAGS 2>"$here/said.$$"; then
    cat "$here/said.$$" >>"$here/said"
    rm -f "$here/said.$$"
    exit 0
fi
rm -f "$here/said.$$"
exec NAME "$@"
"""
_STRICT: Final = """#!/bin/sh
here=${0%/*}
LEAVE
export PATH
: >>"$here/said"
linked="LINKED"
for word in "$@"; do
    case "$word" in -c | -E | -S | -M | -MM | --version | -dumpmachine | -dumpversion) linked= ;; esac
done
exec NAME "$@" FLAGS $linked
"""


@dataclass(frozen=True, slots=True)
class Options:
    """What is added to each call of a compiler.

    ``lenient`` options may be dropped when the compiler fails with them, and then what it says is kept
    apart from the build's log. ``linked`` are added where a program is linked; they are relative to
    :data:`FOLDER` unless they begin with a dash.
    ``files`` are put into that folder before, and ``prelude`` is a shell command that runs there.
    """

    flags: tuple[str, ...]
    lenient: bool = False
    linked: tuple[str, ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()
    prelude: str = ""


def prepare(folder: Path, workload: Workload, options: Options) -> str:
    """Write the scripts into a folder that is about to be built; returns the command that builds it.

    Raises:
        OSError: if they cannot be written.
    """
    place = folder / FOLDER
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for name, data in options.files:
        (place / name).write_bytes(data)
    template = (_LENIENT if options.lenient else _STRICT).replace("LEAVE", _LEAVING)
    linked = " ".join(one if one.startswith("-") else f"$here/{one}" for one in options.linked)
    for name in sorted({*_COMPILERS, *_named(workload.build, folder)}):
        script = place / name
        text = template.replace("NAME", name).replace("FLAGS", " ".join(options.flags))
        script.write_text(text.replace("LINKED", linked), encoding="utf-8")
        script.chmod(0o755)
    prelude = f"(cd {FOLDER} && {options.prelude}) && " if options.prelude else ""
    return (
        f'{prelude}PATH="$PWD/{FOLDER}:$PATH" && export PATH && '
        'if [ -n "$CXX" ]; then CXX=${CXX##*/}; export CXX; fi; if [ -n "$CC" ]; then CC=${CC##*/}; '
        f"export CC; fi; {workload.build}"
    )


def said(folder: Path) -> str | None:
    """What compilers said apart from the build's log; None if none of ours was called."""
    path = folder / FOLDER / "said"
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return None


def _named(build: str, folder: Path) -> Iterable[str]:
    makefiles = [*folder.glob("[Mm]akefile*"), *folder.glob("*.mk")]
    texts = [build, *(path.read_text("utf-8", "replace") for path in makefiles)]
    return {match[1] for text in texts for match in _NAMED.finditer(text)}
