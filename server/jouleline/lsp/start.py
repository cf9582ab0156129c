"""The start of the server: what an editor waits for comes first, then the libraries of the protocol."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from .session import Session

if TYPE_CHECKING:
    from .beginning import Beginning
    from .kept_hints import KeptHints
    from .server import Server


def serve(kept: KeptHints, tcp: tuple[str, int] | None = None, beginning: Beginning | None = None) -> int:
    """Serve one editor on standard input and output, or on a TCP address; the exit code.

    ``beginning`` is what an editor on standard input has said already.

    Over TCP the first client to connect is served, then the server ends. Port 0 takes a free one,
    which is told on standard error.
    """
    with suppress(KeyboardInterrupt):
        # What goes on at the end, as shutdown does, has ended when this returns.
        server = asyncio.run(_serve(kept, tcp, beginning))
        return 0 if server.protocol.told_to_shut_down else 1
    return 1


async def _serve(kept: KeptHints, tcp: tuple[str, int] | None, beginning: Beginning | None) -> Server:
    session = Session(kept=kept)
    if beginning is not None and beginning.asked is not None:
        from .first_hints import first_hints

        await first_hints(session, beginning)

    from .server import Server
    from .transport import log_to_standard_error, serve_stdio, serve_tcp

    log_to_standard_error()
    server = Server(session)
    if tcp is None:
        await serve_stdio(server, beginning.left if beginning is not None else None)
    else:
        await serve_tcp(server, *tcp)
    return server
