"""A language client without a library: one server in a process of its own, and what it costs."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

_CAPABILITIES = {
    "workspace": {"inlayHint": {"refreshSupport": True}},
    "textDocument": {"inlayHint": {}, "hover": {"contentFormat": ["markdown"]}},
    "general": {"positionEncodings": ["utf-16"]},
}
# What starts by itself in a pause would be measured with whatever is asked for next.
_OPTIONS = {"compiledEvidence": {"enable": False}, "diagnostics": {"enable": False}}


class Cost(NamedTuple):
    """Of one action, in seconds: until its answer was here, and of the server's processor time."""

    wall_s: float
    cpu_s: float


class Server:
    """A language server, and the requests that are measured."""

    def __init__(self, command: Sequence[str], folder: Path, cache: Path) -> None:
        """Start it; ``cache`` is the user's cache folder."""
        environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
        self._began = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._number = 0
        self._version = 0
        self._uri = ""
        self._last = 0
        root = folder.as_uri()
        self._request(
            "initialize",
            {
                "processId": None,
                "rootUri": root,
                "workspaceFolders": [{"uri": root, "name": folder.name}],
                "capabilities": _CAPABILITIES,
                "initializationOptions": _OPTIONS,
            },
        )
        self.started = self.age
        """When ``initialize`` was answered."""
        self._send("initialized", {})

    @property
    def age(self) -> Cost:
        """Since the process was started."""
        return self._since(self._began, 0.0)

    @property
    def cpu_s(self) -> float:
        """The processor time of all its threads so far: Linux has a clock for each process."""
        return time.clock_gettime((~self._process.pid << 3) | 2)

    @property
    def rss_mb(self) -> float:
        """The memory that it has now."""
        status = Path(f"/proc/{self._process.pid}/status").read_text("utf-8")
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def settle(self) -> None:
        """Wait until it has done what it does by itself: a request is answered behind that."""
        self._request("workspace/executeCommand", {"command": "none"})
        before = -1.0
        while self.cpu_s > before or self._has_children:
            before = self.cpu_s
            time.sleep(0.3)

    @property
    def _has_children(self) -> bool:
        """Whether a process that it has started goes on."""
        found = ""
        for thread in Path(f"/proc/{self._process.pid}/task").iterdir():
            with suppress(FileNotFoundError):  # it has ended meanwhile
                found += (thread / "children").read_text("utf-8")
        return bool(found)

    def open(self, uri: str, text: str, seen: tuple[int, int]) -> Cost:
        """Open a document and see the hints of some lines."""
        self._uri, self._last = uri, text.count("\n")
        document = {"uri": uri, "languageId": "cuda-cpp", "version": 0, "text": text}
        start, used = time.perf_counter(), self.cpu_s
        self._send("textDocument/didOpen", {"textDocument": document})
        self.count_hints(seen)
        return self._since(start, used)

    def hints(self, seen: tuple[int, int] | None = None) -> Cost:
        """See the hints of some lines, or of all."""
        start, used = time.perf_counter(), self.cpu_s
        self.count_hints(seen)
        return self._since(start, used)

    def count_hints(self, seen: tuple[int, int] | None = None) -> int:
        """How many hints there are in some lines, or in all."""
        first, last = seen or (0, self._last)
        range_ = {"start": {"line": first, "character": 0}, "end": {"line": last, "character": 0}}
        found = self._request("textDocument/inlayHint", {"textDocument": {"uri": self._uri}, "range": range_})
        return len(found.get("result") or [])

    def hover(self, line: int, character: int) -> Cost:
        """Hover a place, at which something is said."""
        start, used = time.perf_counter(), self.cpu_s
        place = {"line": line, "character": character}
        found = self._request("textDocument/hover", {"textDocument": {"uri": self._uri}, "position": place})
        if not found.get("result"):
            raise RuntimeError(f"nothing to hover in line {line}")
        return self._since(start, used)

    def change(self, line: int, character: int, text: str, seen: tuple[int, int] | None = None) -> Cost:
        """Type, and see the hints of some lines, or of all."""
        start, used = time.perf_counter(), self.cpu_s
        self._edit((line, character), (line, character), text)
        self.count_hints(seen)
        return self._since(start, used)

    def take_back(self, line: int, character: int, text: str) -> None:
        """Remove what was typed, so that each text is typed into the same program."""
        end = (line + 1, 0) if text == "\n" else (line, character + len(text))
        self._edit((line, character), end, "")
        self.count_hints((line, line + 1))

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def _edit(self, start: tuple[int, int], end: tuple[int, int], text: str) -> None:
        self._version += 1
        start_, end_ = ({"line": line, "character": character} for line, character in (start, end))
        document = {"uri": self._uri, "version": self._version}
        change = {"range": {"start": start_, "end": end_}, "text": text}
        self._send("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})

    def _since(self, start: float, used: float) -> Cost:
        return Cost(time.perf_counter() - start, self.cpu_s - used)

    def _request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        self._send(method, params, self._number)
        while True:
            message = self._receive()
            if "method" in message and "id" in message:  # the server asks for something: there is nothing
                self._write({"jsonrpc": "2.0", "id": message["id"], "result": None})
            elif message.get("id") == self._number:
                return message

    def _send(self, method: str, params: dict[str, Any], number: int | None = None) -> None:
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        self._write(message if number is None else {**message, "id": number})

    def _write(self, message: dict[str, Any]) -> None:
        body = json.dumps(message).encode()
        stream = _open(self._process.stdin)
        stream.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        stream.flush()

    def _receive(self) -> dict[str, Any]:
        stream, length = _open(self._process.stdout), 0
        while (line := stream.readline()) != b"\r\n":
            if not line:
                raise EOFError("the language server has ended")
            if line.lower().startswith(b"content-length"):
                length = int(line.split(b":")[1])
        message: dict[str, Any] = json.loads(stream.read(length))
        return message


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise EOFError("the language server has no such stream")
    return stream
