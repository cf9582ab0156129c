"""The answer to ``initialize``, given before what does the work is imported, which takes longer than a start.

What is answered is known without it: it depends on the editor only by the encoding of positions.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any, Final, NamedTuple

from jouleline import __version__

CONTENT_LENGTH: Final = re.compile(rb"Content-Length:[ \t]*(\d+)[ \t]*\r\n$", re.IGNORECASE)
"""In the last line that tells of a message: the rest of a broken message may stand in front of it."""
ENCODINGS: Final = ("utf-8", "utf-16", "utf-32")
_DEFAULT_ENCODING: Final = "utf-16"


class Opening(NamedTuple):
    """The first message of an editor, and whether it has been answered."""

    body: bytes
    answered: bool


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
    length = 0
    while line := _line():
        if found := CONTENT_LENGTH.search(line):
            length = int(found[1])
        elif length and not line.strip():
            body = _exactly(length)
            return _answered(body) if body else None
    return None


def _answered(body: bytes) -> Opening:
    try:
        message = json.loads(body)
        result = _result(message)
        answer = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Opening(body, answered=False)  # whatever it is, those know who come after us
    sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n%s" % (len(answer), answer))
    sys.stdout.buffer.flush()
    return Opening(body, answered=True)


def _result(message: Any) -> dict[str, Any]:
    """What is answered to a message; it raises one error or another if it is not ``initialize``."""
    if (message["jsonrpc"], message["method"]) != ("2.0", "initialize"):
        raise ValueError(message["method"])
    if not isinstance(message["id"], int | str):
        raise TypeError(message["id"])
    general = message["params"]["capabilities"].get("general") or {}
    offered = general.get("positionEncodings") or ()
    return initialize_result(next((one for one in offered if one in ENCODINGS), _DEFAULT_ENCODING))


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
