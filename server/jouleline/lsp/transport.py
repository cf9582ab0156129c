"""How a server is reached: standard input and output, or TCP."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import stat
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from pygls.exceptions import JsonRpcException
from pygls.io_ import StdinAsyncReader, StdoutWriter, run_async

from .garbage import collect_when_quiet

if TYPE_CHECKING:
    from .server import Server

_log = logging.getLogger(__name__)
_HEADER_LIMIT = 1 << 20


async def serve_stdio(server: Server) -> None:
    """Serve the editor that started us."""
    output = sys.stdout.buffer
    # Nothing but the protocol may reach standard output, whatever a library prints.
    sys.stdout = sys.stderr
    server.protocol.set_writer(StdoutWriter(output))
    await _converse(server, await _standard_input())


async def _standard_input() -> asyncio.StreamReader | StdinAsyncReader:
    """Standard input without a thread, where it is a pipe of its own."""
    here, there = os.fstat(0), os.fstat(1)
    is_pipe = stat.S_ISFIFO(here.st_mode) or stat.S_ISSOCK(here.st_mode)
    # Reading without blocking makes the file itself not block, so writing must go elsewhere.
    if is_pipe and (here.st_dev, here.st_ino) != (there.st_dev, there.st_ino):
        reader = asyncio.StreamReader(limit=_HEADER_LIMIT)
        with suppress(ValueError, OSError):
            await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
            )
            return reader
    return StdinAsyncReader(sys.stdin.buffer)


async def serve_tcp(server: Server, host: str, port: int) -> None:
    """Serve the first client that connects."""
    connected: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
    connected = asyncio.get_running_loop().create_future()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if connected.done():
            writer.close()
        else:
            connected.set_result((reader, writer))

    async with await asyncio.start_server(accept, host, port, limit=_HEADER_LIMIT) as listener:
        address = listener.sockets[0].getsockname()
        sys.stderr.write(f"jouleline listens on {address[0]}:{address[1]}\n")
        sys.stderr.flush()
        reader, writer = await connected
        listener.close()
        server.protocol.set_writer(writer)
        try:
            await _converse(server, reader)
        finally:
            with suppress(OSError):
                await writer.drain()
                writer.close()
                await writer.wait_closed()


async def _converse(server: Server, reader: asyncio.StreamReader | StdinAsyncReader) -> None:
    """Handle messages until the editor ends the session, or is gone, or we are told to stop."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None, "the loop runs tasks"
    for number in (signal.SIGTERM, signal.SIGHUP):
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, task.cancel)
    server.start(collect_when_quiet(server.session))
    try:
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            await run_async(
                stop_event=server.ended,
                reader=reader,
                protocol=server.protocol,
                logger=_log,
                error_handler=server.report_server_error,
            )
    finally:
        await server.stop()


class _Expected(logging.Filter):
    """An error that was told to the editor needs no traceback in the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], JsonRpcException):
            record.msg, record.args = f"{record.getMessage()}: {record.exc_info[1].message}", ()
            record.exc_info = None
        return True


def log_to_standard_error() -> None:
    """Log warnings and errors where editors look for them."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    handler.addFilter(_Expected())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
