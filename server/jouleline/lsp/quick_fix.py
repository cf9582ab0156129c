"""A rule's rewrite of one place as a quick fix of its diagnostic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from jouleline.core.candidate import Rewrite

from . import convert
from .diagnostics import Findings, as_diagnostic

if TYPE_CHECKING:
    from .server import Server

KIND: Final = types.CodeActionKind.QuickFix
_CONTENT_MODIFIED: Final = -32801


def register(server: Server) -> None:
    """Add the feature to a server; the actions themselves are asked for with all others."""

    @server.feature(types.CODE_ACTION_RESOLVE)
    def resolve(action: types.CodeAction) -> types.CodeAction:
        data = action.data
        if not isinstance(data, Mapping):
            return action  # one that is whole as it is
        found = current(server, str(data.get("uri")))
        if found is None or found.number != data.get("findings"):
            raise JsonRpcException(
                "the text has changed since; ask for code actions again", _CONTENT_MODIFIED
            )
        try:
            fix = found.smells[data["smell"]].fix
        except (KeyError, IndexError, TypeError):
            fix = None
        if fix is None:
            raise JsonRpcInvalidParams("no such quick fix")
        action.edit = _edit(server, found, fix)
        return action


def quick_fixes(server: Server, uri: str, asked: types.Range) -> Iterator[types.CodeAction]:
    """The fixes of the smells in a range's lines; none while the text is newer than they are."""
    found, session = current(server, uri), server.session
    if found is None or not session.client.code_action_literals:
        return
    for index, smell in found.in_lines(asked.start.line, asked.end.line):
        if smell.fix is not None:
            resolves = session.client.resolved_edits
            yield types.CodeAction(
                title=_title(smell.fix),
                kind=KIND,
                diagnostics=[as_diagnostic(found, smell, session.encoding)],
                edit=None if resolves else _edit(server, found, smell.fix),
                data={"uri": uri, "findings": found.number, "smell": index} if resolves else None,
            )


def current(server: Server, uri: str) -> Findings | None:
    """The findings in a document as it is now."""
    found = server.diagnostics.of(uri)
    document = server.session.documents.get(uri)
    same = found is not None and document is not None and found.document.text is document.text
    return found if same else None


def _title(fix: Rewrite) -> str:
    return f"{fix.title} (rounding: last digits may differ)" if fix.rounding else fix.title


def _edit(server: Server, found: Findings, fix: Rewrite) -> types.WorkspaceEdit:
    document, client = found.document, server.session.client
    edits = {document.uri: convert.to_text_edits(document.text, fix.edits, server.session.encoding)}
    if client.document_changes:
        return convert.versioned_edit(edits, {document.uri: document.version})
    return convert.plain_edit(edits)
