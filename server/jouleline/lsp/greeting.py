"""The answer to ``initialize``, given before what does the work is imported, which takes longer than a start.

What is answered is known without it: it depends on the editor only by the encoding of positions.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from jouleline import __version__

if TYPE_CHECKING:
    from jouleline.core.source import Encoding

CONTENT_LENGTH: Final = re.compile(rb"Content-Length:[ \t]*(\d+)[ \t]*\r\n$", re.IGNORECASE)
"""In the last line that tells of a message: the rest of a broken message may stand in front of it."""
ENCODINGS: Final[tuple[Encoding, ...]] = ("utf-8", "utf-16", "utf-32")
DEFAULT_ENCODING: Final[Encoding] = "utf-16"


class Opening(NamedTuple):
    """The first message of an editor, and those behind it that have been read but not answered."""

    body: bytes
    encoding: Encoding | None
    """Of positions, if this is ``initialize`` and has been answered."""
    behind: tuple[bytes, ...] = ()


def initialize_result(encoding: str) -> dict[str, Any]:
    """What the server answers to ``initialize`` when positions count in an encoding."""
    return {
        "capabilities": {
            "positionEncoding": encoding,
            "textDocumentSync": {"openClose": True, "change": 2, "save": True},
            "hoverProvider": True,
            "documentSymbolProvider": True,
            "codeActionProvider": {
                "codeActionKinds": ["quickfix", "refactor.rewrite.jouleline"],
                "resolveProvider": True,
            },
            "codeLensProvider": {"resolveProvider": False},
            "workspaceSymbolProvider": {"resolveProvider": False},
            "executeCommandProvider": {
                "commands": [
                    "jouleline.devices",
                    "jouleline.selectDevice",
                    "jouleline.whatIf",
                    "jouleline.report",
                    "jouleline.importProfile",
                    "jouleline.targets",
                    "jouleline.selectTarget",
                    "jouleline.refactor",
                    "jouleline.resume",
                ]
            },
            "inlayHintProvider": {"resolveProvider": False},
            "diagnosticProvider": {
                "interFileDependencies": True,
                "workspaceDiagnostics": False,
                "identifier": "jouleline",
            },
            "workspace": {
                "workspaceFolders": {"supported": True, "changeNotifications": True},
                "fileOperations": {},
            },
        },
        "serverInfo": {"name": "jouleline", "version": __version__},
    }


def greet() -> Opening | None:
    """Read the first message from standard input, and answer it if it is ``initialize``; None at the end.

    Nothing behind it is read, so whoever reads on finds the next message.
    """
    body = message()
    if not body:
        return None
    try:
        request = json.loads(body)
        encoding = _encoding(request)
        answer(request["id"], initialize_result(encoding))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Opening(body, None)  # whatever it is, those know who come after us
    return Opening(body, encoding)


def message() -> bytes:
    """The next message on standard input; none at the end."""
    length = 0
    while line := _line():
        if found := CONTENT_LENGTH.search(line):
            length = int(found[1])
        elif length and not line.strip():
            return _exactly(length)
    return b""


def answer(number: int | str, result: object) -> None:
    """Answer a request on standard output."""
    body = json.dumps({"jsonrpc": "2.0", "id": number, "result": result}).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    sys.stdout.buffer.flush()


def _encoding(message: Any) -> Encoding:
    """How positions are to count; it raises one error or another if the message is not ``initialize``."""
    if (message["jsonrpc"], message["method"]) != ("2.0", "initialize"):
        raise ValueError(message["method"])
    if not isinstance(message["id"], int | str):
        raise TypeError(message["id"])
    general = message["params"]["capabilities"].get("general") or {}
    offered = general.get("positionEncodings") or ()
    known = (one for offer in offered for one in ENCODINGS if one == offer)
    return next(known, DEFAULT_ENCODING)


def _line() -> bytes:
    """The next line of standard input; byte by byte, for what is read cannot be put back."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(0, 1)):
        line += byte
    return line


def _exactly(length: int) -> bytes:
    """So many bytes of standard input; none if it ends before."""
    found = b""
    while len(found) < length:
        piece = os.read(0, length - len(found))
        if not piece:
            return b""
        found += piece
    return found
