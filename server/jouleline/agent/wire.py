"""Messages between two machines: a line of JSON, then as many bytes as it announces, then a line's end.

The line's end is for schedulers that pass on whole lines only.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import Any, BinaryIO

GREETING = "jouleline-agent/1"
"""What the agent writes first, with its digest: before it, a login shell may have said anything."""
WANTED = "jouleline-agent wanted"
"""What is written instead where the agent's file is not there yet."""

CHUNK_BYTES = 1024 * 1024
_MOST_HEAD = 64 * 1024 * 1024


class WireError(RuntimeError):
    """What came is no message."""


@dataclass(frozen=True)
class Message:
    """``head`` says what it is, ``payload`` holds bytes that JSON could not."""

    head: dict[str, Any]
    payload: bytes = b""


@dataclass
class Wire:
    """Two pipes. One thread may receive; any may send."""

    reader: BinaryIO
    writer: BinaryIO
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def send(self, head: dict[str, Any], payload: bytes = b"") -> None:
        """Send a message.

        Raises:
            OSError, ValueError: when nobody reads any more, or the pipe was closed.
        """
        line = json.dumps({**head, "bytes": len(payload)}, separators=(",", ":"), allow_nan=False)
        with self._turn:
            self.writer.write(line.encode() + b"\n")
            if payload:
                self.writer.write(payload)
                self.writer.write(b"\n")
            self.writer.flush()

    def receive(self) -> Message | None:
        """The next message; None at the end.

        Raises:
            WireError: if it is none.
            OSError, ValueError: when the pipe cannot be read, or was closed.
        """
        line = self.reader.readline(_MOST_HEAD)
        if not line.endswith(b"\n"):
            return None  # the other side was cut off in its speech
        try:
            head = json.loads(line, parse_constant=_refuse)
            size = head.pop("bytes")
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            raise WireError(f"no message: {line[:80]!r}") from error
        if not isinstance(size, int) or not 0 <= size <= CHUNK_BYTES:
            raise WireError(f"no message holds {size!r} bytes")
        if not size:
            return Message(head)
        payload = self.reader.read(size + 1)
        return Message(head, payload[:-1]) if len(payload) == size + 1 else None


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON")
