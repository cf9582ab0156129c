"""What takes seconds is done aside, in a process of its own: rules in a long file, many devices or files.

A thread would take turns with the typing path, and could not be ended. The process gets a program's texts
as JSON on standard input and answers with JSON; killed, it leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from jouleline.core.candidate import Rewrite
from jouleline.core.smell import Smell
from jouleline.core.source import Edit

if TYPE_CHECKING:
    from .nearby import Outlook

_NICENESS: Final = 10
_LIMIT_CPU_S: Final = 30
"""Of processor time: at low priority on a busy machine the clock says little."""
_PR_SET_PDEATHSIG: Final = 1  # <linux/prctl.h>

Files = Mapping[str, bytes]


class AsideError(RuntimeError):
    """The process failed, or took too long and was ended; the message says by which exit status."""


async def find_smells(
    files: Files, name: str, within: Sequence[tuple[int, int]] | None = None
) -> list[Smell]:
    """The smells that the text of one of a program's files shows; cancelling ends the process.

    ``within``: only those of the kernels at these bytes.

    Raises:
        AsideError: if there is no answer.
    """
    return [_smell(one) for one in await _ask("smells", files, name=name, within=within)]


async def what_if(files: Files, devices: Sequence[str], arguments: str) -> dict[str, Any]:
    """A program's kernels on several devices: ``markdown``, and the document ``jouleline/what-if/1``.

    Raises:
        AsideError: if there is no answer.
    """
    answer: dict[str, Any] = await _ask("whatIf", files, devices=devices, arguments=arguments)
    return answer


async def foresee(outlook: Outlook) -> None:
    """Have the hints of files kept that may be opened next; cancelling ends the process.

    Raises:
        AsideError: if the process failed.
    """
    await _ask("foresee", {}, outlook=outlook)


async def _ask(task: str, files: Files, **more: Any) -> Any:
    texts = {name: data.decode("utf-8", "surrogateescape") for name, data in files.items()}
    question = json.dumps({"task": task, "files": texts, **more}).encode()
    # Without -P a module of the user's that is called as one of ours would be run.
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", __name__, str(os.getpid())),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        answer, _ = await process.communicate(question)
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        raise AsideError(f"{task}: the process ended with {process.returncode}")
    return json.loads(answer)


def _smell(raw: dict[str, Any]) -> Smell:
    fix = raw.pop("fix")
    if fix is not None:
        edits = tuple(
            Edit(edit["start"], edit["end"], edit["replacement"].encode("utf-8", "surrogateescape"))
            for edit in fix.pop("edits")
        )
        fix = Rewrite(**fix, edits=edits)
    return Smell(**raw, fix=fix)


def _do_smells(files: Files, question: dict[str, Any]) -> Any:
    from jouleline import wiring
    from jouleline.app.smells import text_smells

    _give_way()
    name, within, rules = question["name"], question["within"], wiring.rules()
    if within is None:
        return [asdict(smell) for smell in text_smells(files, name, rules)]
    kernels = ((start, end) for start, end in within)
    return [asdict(smell) for kernel in kernels for smell in text_smells(files, name, rules, kernel)]


def _do_what_if(files: Files, question: dict[str, Any]) -> Any:
    from jouleline import wiring
    from jouleline.app.analyse import parse_files, split_run_line
    from jouleline.app.what_if import what_if, what_if_json
    from jouleline.app.what_if_page import what_if_page

    devices = [wiring.catalogue().get(name) for name in question["devices"]]
    parsed, problems = parse_files(files)
    found = what_if(parsed, devices, split_run_line(question["arguments"]), tuple(problems))
    return {"markdown": what_if_page(found), "document": what_if_json(found, question["arguments"])}


def _do_foresee(_: Files, question: dict[str, Any]) -> Any:
    from .nearby import Outlook, foresee

    _give_way()
    return foresee(Outlook(*question["outlook"]))


def _give_way() -> None:
    """Nobody waits for it."""
    if hasattr(os, "nice"):
        os.nice(_NICENESS)


def _limit() -> None:
    """End this process when it has used too much processor time, where the system can."""
    with suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (_LIMIT_CPU_S, _LIMIT_CPU_S))


def _end_with(server: int) -> None:
    """A server that is killed ends nothing itself; where the system cannot, the limit does."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != server:
            sys.exit(f"the server {server} has gone")


def main() -> None:
    """Answer the one question on standard input."""
    _end_with(int(sys.argv[1]))
    _limit()
    tasks: dict[str, Callable[[Files, dict[str, Any]], Any]] = {
        "smells": _do_smells,
        "whatIf": _do_what_if,
        "foresee": _do_foresee,
    }
    question = json.load(sys.stdin)
    files = {name: text.encode("utf-8", "surrogateescape") for name, text in question["files"].items()}
    answer = tasks[question["task"]](files, question)
    # What a rule puts into the text is the only thing that is bytes.
    json.dump(answer, sys.stdout, default=lambda data: data.decode("utf-8", "surrogateescape"))


if __name__ == "__main__":
    main()
