"""Energy smells are looked for in a process of its own: rules take seconds in a long file.

A thread would take turns with the typing path, and could not be ended. The process gets a program's
texts as JSON on standard input and answers with JSON; killed, it leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Final

from jouleline.core.candidate import Rewrite
from jouleline.core.smell import Smell
from jouleline.core.source import Edit

_NICENESS: Final = 10
_LIMIT_S: Final = 120.0


class SmellProcessError(RuntimeError):
    """The process failed or took too long; the message says which."""


async def find_smells(files: Mapping[str, bytes], name: str) -> list[Smell]:
    """The smells that the text of one of a program's files shows; cancelling ends the process.

    Raises:
        SmellProcessError: if there is no answer.
    """
    # Without -P a module of the user's that is called as one of ours would be run.
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", __name__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_LIMIT_S):
            answer, _ = await process.communicate(_question(files, name))
    except TimeoutError:
        raise SmellProcessError(f"no energy smells in {name}: it takes more than {_LIMIT_S:.0f} s") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        raise SmellProcessError(f"no energy smells in {name}: the process ended with {process.returncode}")
    return [_smell(one) for one in json.loads(answer)]


def _question(files: Mapping[str, bytes], name: str) -> bytes:
    texts = {other: data.decode("utf-8", "surrogateescape") for other, data in files.items()}
    return json.dumps({"name": name, "files": texts}).encode()


def _answer(smells: Sequence[Smell]) -> str:
    return json.dumps([asdict(smell) for smell in smells], default=_text)


def _text(replacement: bytes) -> str:
    return replacement.decode("utf-8", "surrogateescape")


def _smell(raw: dict[str, Any]) -> Smell:
    fix = raw.pop("fix")
    if fix is not None:
        edits = tuple(
            Edit(edit["start"], edit["end"], edit["replacement"].encode("utf-8", "surrogateescape"))
            for edit in fix.pop("edits")
        )
        fix = Rewrite(**fix, edits=edits)
    return Smell(**raw, fix=fix)


def main() -> None:
    """Answer the one question on standard input."""
    from jouleline import wiring
    from jouleline.app.smells import text_smells

    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    question = json.load(sys.stdin)
    files = {name: text.encode("utf-8", "surrogateescape") for name, text in question["files"].items()}
    sys.stdout.write(_answer(text_smells(files, question["name"], wiring.rules())))


if __name__ == "__main__":
    main()
