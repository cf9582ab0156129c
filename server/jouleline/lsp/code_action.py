"""Quick fixes, and the action "Refactor for energy" in a kernel and in a function that starts one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from lsprotocol import types
from tree_sitter import Node

from jouleline.core.syntax import ancestor

from . import convert, quick_fix
from .code_lens import REFACTOR, refactor_request
from .view import View

if TYPE_CHECKING:
    from .server import Server

KIND: Final = "refactor.rewrite.jouleline"
TITLE: Final = "Refactor for energy"


def register(server: Server) -> None:
    """Add the feature to a server."""

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION,
        types.CodeActionOptions(code_action_kinds=[quick_fix.KIND, KIND], resolve_provider=True),
    )
    async def code_action(params: types.CodeActionParams) -> list[types.CodeAction | types.Command]:
        uri, only = params.text_document.uri, params.context.only
        fixes = quick_fix.quick_fixes(server, uri, params.range) if wanted(only, quick_fix.KIND.value) else ()
        return [*fixes, *await refactorings(params)]

    async def refactorings(params: types.CodeActionParams) -> list[types.CodeAction | types.Command]:
        if not wanted(params.context.only, KIND):
            return []
        view = await server.session.view(params.text_document.uri)
        if view is None or not applies(view, params.range):
            return []
        command = types.Command(
            title=TITLE, command=REFACTOR, arguments=[refactor_request(view, params.range.start.line)]
        )
        if not server.session.client.code_action_literals:
            return [command]
        return [types.CodeAction(title=TITLE, kind=KIND, command=command)]


def wanted(only: Sequence[types.CodeActionKind | str] | None, ours: str) -> bool:
    """Whether a kind is among those asked for: ``refactor`` asks for all below it."""
    if not only:
        return True
    asked = [kind.value if isinstance(kind, types.CodeActionKind) else kind for kind in only]
    return any(kind in ("", ours) or ours.startswith(kind + ".") for kind in asked)


def applies(view: View, asked: types.Range) -> bool:
    """Whether a range touches a kernel or a function that starts one."""
    start, end = convert.to_offsets(view.text, asked, view.encoding)
    return any(first <= end and start <= last for first, last in _places(view))


def _places(view: View) -> Iterator[tuple[int, int]]:
    for _, kernel in view.kernels:
        yield kernel.start, kernel.end
        if kernel.directive is not None and kernel.node is not None:
            yield _around(kernel.node)
    for launch in view.launches:
        yield _around(launch.place)


def _around(node: Node) -> tuple[int, int]:
    """The function that a node is in, or the node itself where that cannot be made out."""
    whole = ancestor(node, "function_definition") or node
    return whole.start_byte, whole.end_byte
