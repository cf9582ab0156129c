"""The start of the server: what an editor waits for comes first, then the libraries of the protocol."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from .first_hints import first_hints
from .greeting import Opening
from .session import Session

if TYPE_CHECKING:
    from .server import Server


def serve(tcp: tuple[str, int] | None = None, opening: Opening | None = None) -> int:
    """Serve one editor on standard input and output, or on a TCP address; the exit code.

    ``opening`` is what an editor on standard input has said already.

    Over TCP the first client to connect is served, then the server ends. Port 0 takes a free one,
    which is told on standard error.
    """
    with suppress(KeyboardInterrupt):
        # What goes on at the end, as shutdown does, has ended when this returns.
        server = asyncio.run(_serve(tcp, opening))
        return 0 if server.protocol.told_to_shut_down else 1
    return 1


async def _serve(tcp: tuple[str, int] | None, opening: Opening | None) -> Server:
    session = Session()
    if opening is not None:
        opening = await first_hints(session, opening)

    from .server import Server
    from .transport import log_to_standard_error, serve_stdio, serve_tcp

    log_to_standard_error()
    server = Server(session)
    await (serve_stdio(server, opening) if tcp is None else serve_tcp(server, *tcp))
    return server
