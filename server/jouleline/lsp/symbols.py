"""Kernels as symbols: in the outline with their bounds, and in the search through the workspace."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lsprotocol import types

from jouleline.app import wording
from jouleline.core.kernel import Kernel

from . import convert
from .programs import absolute
from .texts import to_uri
from .view import Place, View

if TYPE_CHECKING:
    from .server import Server

_MOST = 200


def register(server: Server) -> None:
    """Add the features to a server."""

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    async def document_symbol(
        params: types.DocumentSymbolParams,
    ) -> list[types.DocumentSymbol] | list[types.SymbolInformation]:
        view = await server.session.view(params.text_document.uri)
        if view is None:
            return []
        nested = [await _symbol(view, place, kernel) for place, kernel in view.kernels]
        if server.session.client.nested_symbols:
            return nested
        return [
            types.SymbolInformation(
                name=one.name,
                kind=one.kind,
                location=types.Location(uri=view.document.uri, range=one.range),
                container_name=one.detail,
            )
            for one in nested
        ]

    @server.feature(types.WORKSPACE_SYMBOL)
    async def workspace_symbol(params: types.WorkspaceSymbolParams) -> list[types.WorkspaceSymbol]:
        found: dict[tuple[str, int], types.WorkspaceSymbol] = {}
        for uri in list(server.session.documents):
            view = await server.session.view(uri)
            if view is None:
                continue
            for place in view.everywhere():
                kernel = view.kernel(place)
                if _fits(params.query, kernel.display):
                    found.setdefault((_uri(view, place), kernel.start), _found_symbol(view, place, kernel))
                if len(found) == _MOST:
                    return list(found.values())
        return list(found.values())


async def _symbol(view: View, place: Place, kernel: Kernel) -> types.DocumentSymbol:
    if not view.known(place):
        await asyncio.sleep(0)  # an outline can wait for whatever else has arrived
    return types.DocumentSymbol(
        name=kernel.display,
        detail=_detail(view, place, kernel),
        kind=types.SymbolKind.Function,
        range=convert.to_range(view.text, kernel.start, max(kernel.start, kernel.end), view.encoding),
        selection_range=convert.to_range(view.text, *_head(kernel), view.encoding),
    )


def _found_symbol(view: View, place: Place, kernel: Kernel) -> types.WorkspaceSymbol:
    # A bound that nobody has asked for is not worth working out for a list.
    return types.WorkspaceSymbol(
        name=kernel.display,
        kind=types.SymbolKind.Function,
        location=types.Location(
            uri=_uri(view, place),
            range=convert.to_range(kernel.source.text, *_head(kernel), view.encoding),
        ),
        container_name=_detail(view, place, kernel) if view.known(place) else f"{kernel.language} kernel",
    )


def _detail(view: View, place: Place, kernel: Kernel) -> str:
    bounds = " or ".join(dict.fromkeys(map(wording.short_bound, view.reports(place))))
    return f"{bounds or 'bound unknown'} · {kernel.language} kernel"


def _head(kernel: Kernel) -> tuple[int, int]:
    """The bytes from a kernel's start to where its hint stands, which lie in it."""
    return kernel.start, min(max(kernel.start, kernel.anchor), max(kernel.start, kernel.end))


def _uri(view: View, place: Place) -> str:
    if place.file == view.name or view.root is None:
        return view.document.uri
    return to_uri(absolute(view.root, place.file))


def _fits(query: str, name: str) -> bool:
    """Whether a name has the letters of a query in their order, as editors search."""
    letters = iter(name.lower())
    return all(letter in letters for letter in query.lower())
