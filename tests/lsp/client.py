"""A language client of our own: JSON-RPC by hand, so that no library hides what is on the wire.

Messages from the server wait until a test takes them; whoever leaves one is told at the end.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

Message = dict[str, Any]
TIMEOUT_S = 60.0

FULL: dict[str, Any] = {
    "general": {"positionEncodings": ["utf-16"]},
    "window": {"workDoneProgress": True},
    "workspace": {
        "applyEdit": True,
        "workspaceEdit": {
            "documentChanges": True,
            "changeAnnotationSupport": {"groupsOnLabel": True},
        },
    },
    "textDocument": {
        "hover": {"contentFormat": ["markdown", "plaintext"]},
        "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["refactor"]}}},
    },
}


class ServerError(Exception):
    """The server answered a request with an error."""

    def __init__(self, error: Message) -> None:
        self.code: int = error["code"]
        self.message: str = error["message"]
        super().__init__(f"{self.code}: {self.message}")


class Client:
    """One connection. ``take`` waits for a message that fits, and removes it."""

    def __init__(
        self, output: IO[bytes], answers: IO[bytes], process: subprocess.Popen[bytes] | None = None
    ) -> None:
        self.process = process
        self._output = output
        self._answers = answers
        self._waiting: list[Message] = []
        self._arrived = threading.Condition()
        self._ended = False
        self._number = 0
        self._writing = threading.Lock()
        self.log: list[str] = []
        """What the server wrote to standard error."""
        readers = [threading.Thread(target=self._read, daemon=True)]
        if process is not None and process.stderr is not None:
            readers.append(threading.Thread(target=self._read_log, args=(process.stderr,), daemon=True))
        for reader in readers:
            reader.start()
        self._readers = readers

    def _read(self) -> None:
        try:
            while True:
                length = 0
                while (line := self._answers.readline()) != b"\r\n":
                    if not line:
                        return
                    if match := re.match(rb"Content-Length: (\d+)", line):
                        length = int(match[1])
                message = json.loads(self._answers.read(length))
                with self._arrived:
                    self._waiting.append(message)
                    self._arrived.notify_all()
        except (OSError, ValueError):
            return
        finally:
            with self._arrived:
                self._ended = True
                self._arrived.notify_all()

    def _read_log(self, lines: IO[bytes]) -> None:
        self.log.extend(line.decode() for line in lines)

    def send(self, *messages: Message) -> None:
        """Send messages in one piece."""
        bodies = [json.dumps({"jsonrpc": "2.0", **message}).encode() for message in messages]
        with self._writing:
            self._output.write(
                b"".join(b"Content-Length: %d\r\n\r\n%s" % (len(body), body) for body in bodies)
            )
            self._output.flush()

    def notify(self, method: str, params: Any) -> None:
        self.send({"method": method, "params": params})

    def begin(self, method: str, params: Any) -> int:
        """Send a request without waiting for its answer."""
        self._number += 1
        self.send({"id": self._number, "method": method, "params": params})
        return self._number

    def begin_cancelled(self, method: str, params: Any) -> int:
        """Send a request and its cancel in one piece, as a busy server finds them."""
        self._number += 1
        cancel = {"method": "$/cancelRequest", "params": {"id": self._number}}
        self.send({"id": self._number, "method": method, "params": params}, cancel)
        return self._number

    def result(self, number: int, timeout_s: float = TIMEOUT_S) -> Any:
        answer = self.take(lambda one: one.get("id") == number and "method" not in one, timeout_s)
        if "error" in answer:
            raise ServerError(answer["error"])
        return answer["result"]

    def request(self, method: str, params: Any, timeout_s: float = TIMEOUT_S) -> Any:
        return self.result(self.begin(method, params), timeout_s)

    def reply(self, request: Message, result: Any) -> None:
        self.send({"id": request["id"], "result": result})

    def take(self, fits: Callable[[Message], bool], timeout_s: float = TIMEOUT_S) -> Message:
        """The first message that fits, now or within the time."""
        end = time.monotonic() + timeout_s
        with self._arrived:
            while True:
                for index, message in enumerate(self._waiting):
                    if fits(message):
                        return self._waiting.pop(index)
                left = end - time.monotonic()
                if self._ended or left <= 0:
                    why = "the server went away" if self._ended else f"nothing fits after {timeout_s} s"
                    log = "".join(self.log)
                    raise AssertionError(f"{why}; waiting: {self._waiting}; it wrote: {log}")
                self._arrived.wait(left)

    def expect(self, method: str, timeout_s: float = TIMEOUT_S) -> Message:
        """The next request or notification of a method."""
        return self.take(lambda one: one.get("method") == method, timeout_s)

    def drop(self, method: str) -> list[Message]:
        """Take all messages of a method that have arrived."""
        with self._arrived:
            taken = [one for one in self._waiting if one.get("method") == method]
            self._waiting = [one for one in self._waiting if one.get("method") != method]
        return taken

    def initialize(
        self,
        folder: Path | None = None,
        capabilities: Mapping[str, Any] | None = None,
        options: Any = None,
        editor: str = "",
    ) -> Message:
        """Shake hands, and wait for the first status. Nothing is compiled unless the options say so."""
        if options is None or isinstance(options, Mapping):
            options = {"compiledEvidence": {"enable": False}, **(options or {})}
        uri = folder.as_uri() if folder is not None else None
        result: Message = self.request(
            "initialize",
            {
                "processId": os.getpid(),
                "rootUri": uri,
                "workspaceFolders": [{"uri": uri, "name": "w"}] if uri else None,
                "capabilities": FULL if capabilities is None else capabilities,
                "initializationOptions": options,
                **({"clientInfo": {"name": editor}} if editor else {}),
            },
        )
        self.notify("initialized", {})
        self.status = self.expect("jouleline/status")["params"]
        return result

    def open(self, path: Path, text: str | None = None, language: str = "cuda-cpp") -> str:
        uri = path.as_uri()
        if text is None:
            with path.open(encoding="utf-8", newline="") as file:
                text = file.read()
        item = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})
        return uri

    def change(self, uri: str, version: int, *changes: Message) -> None:
        document = {"uri": uri, "version": version}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": list(changes)})

    def hints(self, uri: str, first: int = 0, last: int = 100_000) -> list[Message]:
        found: list[Message] = self.request(
            "textDocument/inlayHint",
            {
                "textDocument": {"uri": uri},
                "range": {
                    "start": {"line": first, "character": 0},
                    "end": {"line": last, "character": 0},
                },
            },
        )
        return found

    def hover(self, uri: str, line: int, character: int) -> str | None:
        found = self.request(
            "textDocument/hover",
            {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}},
        )
        return found["contents"]["value"] if found else None

    def lenses(self, uri: str) -> list[Message]:
        found: list[Message] = self.request("textDocument/codeLens", {"textDocument": {"uri": uri}})
        return found

    def actions(self, uri: str, line: int, only: list[str] | None = None) -> list[Message]:
        place = {"line": line, "character": 0}
        found: list[Message] = self.request(
            "textDocument/codeAction",
            {
                "textDocument": {"uri": uri},
                "range": {"start": place, "end": place},
                "context": {"diagnostics": [], **({"only": only} if only else {})},
            },
        )
        return found

    def execute(self, command: str, *arguments: Any) -> Any:
        return self.request("workspace/executeCommand", {"command": command, "arguments": list(arguments)})

    def shut_down(self) -> None:
        """End the session in order, and see that nothing was left unread."""
        assert self.request("shutdown", None) is None
        self.notify("exit", None)
        if self.process is not None:
            assert self.process.wait(TIMEOUT_S) == 0
        for reader in self._readers:
            reader.join(TIMEOUT_S)
        assert self._waiting == []
        assert "Traceback" not in "".join(self.log)

    def close(self) -> None:
        """Close the pipes of a server that has gone."""
        with suppress(BrokenPipeError):
            self._output.close()
        for reader in self._readers:
            reader.join(TIMEOUT_S)
        self._answers.close()
        if self.process is not None and self.process.stderr is not None:
            self.process.stderr.close()


def server_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "jouleline", "serve", *arguments]


@contextmanager
def over_stdio(environment: Mapping[str, str] | None = None) -> Iterator[Client]:
    """A server of its own, ended in any case."""
    process = subprocess.Popen(
        server_command(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    client = Client(process.stdin, process.stdout, process)
    try:
        yield client
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        client.close()


@contextmanager
def over_tcp() -> Iterator[Client]:
    """The same over TCP, on a free port."""
    process = subprocess.Popen(server_command("--tcp", "0"), stderr=subprocess.PIPE)
    assert process.stderr is not None
    try:
        match = re.search(rb":(\d+)$", process.stderr.readline().strip())
        assert match is not None
        with socket.create_connection(("127.0.0.1", int(match[1]))) as connection:
            client = Client(connection.makefile("wb"), connection.makefile("rb"), process)
            yield client
            client.close()
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stderr.close()
