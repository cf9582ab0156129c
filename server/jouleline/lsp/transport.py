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
from pygls.io_ import StdinAsyncReader, StdoutWriter

from jouleline.wiring import UnavailableError

from .garbage import collect_when_quiet
from .greeting import CONTENT_LENGTH, Opening
from .rehearsal import rehearse

if TYPE_CHECKING:
    from .server import Server

Reader = asyncio.StreamReader | StdinAsyncReader
_HEADER_LIMIT = 1 << 20


async def serve_stdio(server: Server, opening: Opening | None = None) -> None:
    """Serve the editor that started us, and has sent its first message already."""
    output = sys.stdout.buffer
    # Nothing but the protocol may reach standard output, whatever a library prints.
    sys.stdout = sys.stderr
    server.protocol.set_writer(StdoutWriter(output))
    await _converse(server, await _standard_input(), opening)


async def _standard_input() -> Reader:
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
    """Serve the first client that connects.

    Raises:
        UnavailableError: if nothing can listen there.
    """
    connected: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
    connected = asyncio.get_running_loop().create_future()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if connected.done():
            writer.close()
        else:
            connected.set_result((reader, writer))

    try:
        listening = await asyncio.start_server(accept, host, port, limit=_HEADER_LIMIT)
    except OSError as error:
        # The loop's own words repeat the address.
        why = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else error.strerror
        raise UnavailableError(f"cannot listen there: {why}; give another port or host") from None
    async with listening as listener:
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


async def _converse(server: Server, reader: Reader, opening: Opening | None = None) -> None:
    """Handle messages until the editor ends the session, or is gone, or we are told to stop."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None, "the loop runs tasks"
    for number in (signal.SIGTERM, signal.SIGHUP):
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, task.cancel)
    server.start(collect_when_quiet(server.session))
    server.start(rehearse(server))
    try:
        if opening is not None:
            server.protocol.take(opening.body, answered=opening.encoding is not None)
            for left in opening.behind:
                server.protocol.take(left)
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while not server.ended.is_set() and (body := await _message(reader)) is not None:
                server.protocol.take(body)
    finally:
        await server.stop()


async def _message(reader: Reader) -> bytes | None:
    """The next message; None at the end. What is no message is passed over until one begins."""
    length = 0
    while True:
        try:
            line = await reader.readline()
        except ValueError:  # longer than any line that tells of a message
            continue
        if not line:
            return None
        if found := CONTENT_LENGTH.search(line):
            length = int(found[1])
        elif length and not line.strip():
            return await reader.readexactly(length)


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
