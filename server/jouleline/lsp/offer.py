"""Offer a measured candidate as an edit: to the very texts that were measured, or not at all."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from jouleline.core.source import SourceText

from . import convert, outcome
from .programs import absolute
from .question import ask
from .texts import to_uri

if TYPE_CHECKING:
    from jouleline.app.kept_result import KeptResult
    from jouleline.app.program import Program
    from jouleline.core.source import Edit

    from .server import Server

APPLY: Final = "Apply"
SHOW: Final = "Show patch"
DISCARD: Final = "Discard"
_AGAIN: Final = "Show Edit Again"

_INTERVAL: Final = re.compile(r", 95% interval [^)]*")


class StaleError(Exception):
    """A text is no longer the one that was measured; the message names it."""


@dataclass(frozen=True)
class _Edit:
    """Edits by URI, and the version of each document that is open."""

    edits: dict[str, list[types.TextEdit]]
    versions: dict[str, int | None]


async def offer(server: Server, program: Program, result: KeptResult, news: str = "") -> bool:
    """Send the edit, after a question where the editor cannot ask itself; whether all of it was applied.

    ``news`` is what a question says in place of the headline alone.
    """
    kept = f"The patch is kept in {result.record}."
    try:
        if confirms(server):
            whole = await _confirmed(server, program, result)
        elif await _agreed(server, result, news or result.headline):
            # Minutes may have passed since the question.
            edit = await _edit(server, program, result.edits)
            if server.session.client.document_changes:
                whole = convert.versioned_edit(edit.edits, edit.versions)
            else:
                whole = convert.plain_edit(edit.edits)
        else:
            server.tell(types.MessageType.Info, f"Nothing was changed. {kept}")
            return False
    except StaleError as error:
        server.tell(types.MessageType.Warning, f"The edit is not offered: {error}. {kept}")
        return False
    try:
        answer = await server.workspace_apply_edit_async(
            types.ApplyWorkspaceEditParams(edit=whole, label="Refactor for energy")
        )
        applied, reason = answer.applied, answer.failure_reason
    except JsonRpcException as error:
        applied, reason = False, error.message
    because = f" ({reason})" if reason else ""
    if not confirms(server):
        if not applied:
            server.tell(types.MessageType.Info, f"The edit was not applied{because}. {kept}")
        return applied
    changed = await outcome.changed_files(server, program, result.edits) if applied else frozenset()
    if changed is None:
        return True
    server.start(_offer_again(server, program, result, changed, because))
    return False


async def _confirmed(server: Server, program: Program, result: KeptResult) -> types.WorkspaceEdit:
    """The edit for an editor that asks before it applies it, by files.

    What was measured is all of it: of several edits in a file some would be left out.

    Raises:
        StaleError: if a text of the program is not the one that was measured.
    """
    single = {
        name: (convert.one_edit(SourceText(program.files[name]), edits),)
        for name, edits in result.edits.items()
    }
    edit = await _edit(server, program, single)
    label, _, what = result.headline.partition(": ")
    # A preview grouped by file, VS Code's for one, shows the rows without their annotation. A message
    # there is cut off after some 55 characters.
    together = ", all files together" if len(single) > 1 else ""
    server.tell(types.MessageType.Info, f"{_INTERVAL.sub('', label)}{together}.")
    return convert.annotated_edit(edit.edits, edit.versions, label, what or result.title)


async def _offer_again(
    server: Server, program: Program, result: KeptResult, changed: frozenset[str], because: str
) -> None:
    """Say that not all of the edit was applied, but of files that ``changed``, and offer it once more."""
    if changed:
        files = ", ".join(sorted(changed))
        sentence = (
            "Only part of the edit was applied; that was neither built nor checked. "
            f"Undo it in {files}, then choose {_AGAIN} and tick all."
        )
        kind = types.MessageType.Warning
    else:
        sentence = (
            f"The edit was not applied{because}. In its preview, tick all, then apply. "
            f"The patch is kept in {result.record}."
        )
        kind = types.MessageType.Info
    if await ask(server, sentence, _AGAIN, kind=kind) == _AGAIN:
        await offer(server, program, result)


def confirms(server: Server) -> bool:
    """Whether the editor itself asks before it applies an edit that is marked so."""
    client = server.session.client
    return client.annotations and client.document_changes


async def see_that_nothing_changed(server: Server, program: Program) -> None:
    """See that an edit of a program could be offered.

    Raises:
        StaleError: if a text of the program is not the one that was measured.
    """
    await _edit(server, program, {})


async def _edit(server: Server, program: Program, edits: Mapping[str, tuple[Edit, ...]]) -> _Edit:
    """The edit for the texts as they are now.

    Raises:
        StaleError: if a text of the program is not the one that was measured.
    """
    root = program.root.absolute()
    paths = {name: absolute(root, name) for name in program.files}
    # Of all files: one that is open can be closed while the disk is read.
    changed = await asyncio.to_thread(_changed_on_disk, root, program.files)
    # From here on nothing waits, so texts and versions are of one moment.
    documents = {name: server.session.document_at(path) for name, path in paths.items()}
    for name, measured in program.files.items():
        document = documents[name]
        if document is not None and document.text.data != measured:
            raise StaleError(f"{document.name} changed since the run began")
        if document is None and name in changed:
            raise StaleError(f"{paths[name].name} changed on disk since the run began")
    result = _Edit({}, {})
    for name, theirs in edits.items():
        path, document = paths[name], documents[name]
        uri = document.uri if document is not None else to_uri(path)
        try:
            found = convert.to_text_edits(SourceText(program.files[name]), theirs, server.session.encoding)
        except UnicodeDecodeError:
            raise StaleError(f"{path.name} is not UTF-8 where it would change; apply the patch") from None
        result.edits[uri] = found
        result.versions[uri] = document.version if document is not None else None
    return result


def _changed_on_disk(root: Path, files: Mapping[str, bytes]) -> set[str]:
    """The files whose text is not what is on disk.

    Where ``root`` is a link, a name that begins with dots means either of two places.
    """
    return {
        name
        for name, text in files.items()
        if all(_read(path) != text for path in (absolute(root, name), root / name))
    }


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


async def _agreed(server: Server, result: KeptResult, news: str) -> bool:
    """Ask the user, as often as they want to read the patch first."""
    while True:
        chosen = await ask(server, f"{news}. Apply the edit?", APPLY, SHOW, DISCARD)
        if chosen != SHOW:
            return chosen == APPLY
        await show(server, result)


async def show(server: Server, result: KeptResult) -> None:
    """Show a run's patch; where there is none, or the editor shows no files, tell what the run found."""
    patch = next(iter(sorted(result.record.glob("*.patch"))), None)
    if server.session.client.show_document and patch is not None:
        try:
            await server.window_show_document_async(
                types.ShowDocumentParams(uri=to_uri(patch), take_focus=False)
            )
        except JsonRpcException:
            pass
        else:
            return
    text = patch.read_text("utf-8", "replace") if patch is not None else ""
    server.tell(types.MessageType.Info, f"{result.details}\n\n{text}".rstrip())
