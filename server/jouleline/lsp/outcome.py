"""What became of an edit whose user could leave out parts of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from jouleline.core.source import Edit, SourceText

from .programs import absolute

if TYPE_CHECKING:
    from pathlib import Path

    from jouleline.app.program import Program

    from .server import Server

_PATIENCE_S: Final = 2.0
"""How long an editor may take to tell what its texts are, after it has said that the edit was applied."""
_LOOK_S: Final = 0.1


async def changed_files(
    server: Server, program: Program, edits: Mapping[str, Sequence[Edit]]
) -> frozenset[str] | None:
    """The files that an edit of a program has changed, though not all of it was applied; None if all was."""
    root = program.root.absolute()
    measured = {name: _lines(program.files[name]) for name in edits}
    wanted = {
        name: _lines(SourceText(program.files[name]).apply(found).data) for name, found in edits.items()
    }
    end = time.monotonic() + _PATIENCE_S
    while (now := {name: await _text(server, absolute(root, name)) for name in edits}) != wanted:
        if time.monotonic() > end:
            return frozenset(name for name in edits if now[name] != measured[name])
        await asyncio.sleep(_LOOK_S)
    return None


async def _text(server: Server, path: Path) -> bytes | None:
    """The text of a file in the editor or, where it is closed, on disk."""
    document = server.session.document_at(path)
    if document is not None:
        return _lines(document.text.data)
    try:
        return _lines(await asyncio.to_thread(path.read_bytes))
    except OSError:
        return None


def _lines(text: bytes) -> bytes:
    """A text without what its lines end in: editors give all lines of a text one end."""
    return text.replace(b"\r\n", b"\n")
