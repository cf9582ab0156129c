"""A double of an endpoint that speaks the OpenAI protocol: a real HTTP server, with no model behind it.

It records what it is asked, and answers what the test says. Chat completions, files and fine-tuning jobs.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "double-1"
"""The name that the double gives itself."""
KEY = "sk-test-0123456789"


@dataclass(frozen=True)
class Reply:
    """What is sent back. ``body`` as JSON unless it is bytes; ``delay_s`` before it.

    A chat completion is streamed to whoever asks for that, in ``pieces`` of its text, ``pause_s`` between
    them. Of a stream that ``breaks`` the second half is missing, and of one that is ``abrupt`` what HTTP
    ends it with, too.
    """

    status: int = 200
    body: object = None
    headers: tuple[tuple[str, str], ...] = ()
    delay_s: float = 0.0
    pieces: int = 4
    pause_s: float = 0.0
    breaks: bool = False
    abrupt: bool = False


def said(text: str, *, finish: str = "stop", tokens: tuple[int, int] | None = (100, 5)) -> Reply:
    """A chat completion; ``tokens`` in and out as reported, None for an endpoint that does not count."""
    body: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}],
    }
    if tokens is not None:
        read, written = tokens
        body["usage"] = {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
        }
    return Reply(body=body)


def streamed(reply: Reply, asked: dict[str, Any]) -> list[bytes]:
    """The events of a chat completion, as the protocol streams it."""
    body: Any = reply.body
    [choice] = body["choices"]
    text = choice["message"]["content"]
    size = -(-len(text) // reply.pieces) or 1
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": text[start : start + size]} for start in range(0, len(text), size)]
    same = {"id": body["id"], "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    chunks = [{**same, "choices": [{"index": 0, "delta": one, "finish_reason": None}]} for one in deltas]
    if reply.breaks or reply.abrupt:
        chunks = chunks[: len(chunks) // 2 + 1]
    else:
        last = {"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}
        chunks.append({**same, "choices": [last]})
        if "usage" in body and (asked.get("stream_options") or {}).get("include_usage"):
            chunks.append({**same, "choices": [], "usage": body["usage"]})
    events = [b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks]
    return events if reply.breaks or reply.abrupt else [*events, b"data: [DONE]\n\n"]


def refused(status: int, message: str, *, code: str | None = None, retry_ms: int = 1) -> Reply:
    """An error as the protocol words it."""
    body = {"error": {"message": message, "type": "error", "code": code, "param": None}}
    return Reply(status, body, (("retry-after-ms", str(retry_ms)),))


@dataclass
class Double:
    """The state of the server. ``answer`` gives the reply to the body of a chat completion.

    ``instead`` may reply before anything is done; ``afterwards`` may change a reply when all is done.
    Both get method and path.
    """

    answer: Callable[[dict[str, Any]], Reply] = lambda _body: said("Bandwidth")
    instead: Callable[[str, str], Reply | None] = lambda _method, _path: None
    afterwards: Callable[[str, str, Reply], Reply] = lambda _method, _path, reply: reply
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[str] = field(default_factory=lambda: ["validating_files", "running", "succeeded"])
    at_once: int = 0
    most_at_once: int = 0
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def handle(self, method: str, path: str, content_type: str, data: bytes) -> Reply:
        """One request."""
        reply = self.instead(method, path) or self._handled(method, path, content_type, data)
        return self.afterwards(method, path, reply)

    def _handled(self, method: str, path: str, content_type: str, data: bytes) -> Reply:
        match method, path.split("?", maxsplit=1)[0].removeprefix("/v1").strip("/").split("/"):
            case "POST", ["chat", "completions"]:
                body = json.loads(data)
                self.asked.append(body)
                return self.answer(body)
            case "POST", ["files"]:
                identifier = f"file-{len(self.files) + 1}"
                self.files[identifier] = _uploaded(content_type, data)
                return Reply(body={"id": identifier, "object": "file", "purpose": "fine-tune"})
            case "POST", ["fine_tuning", "jobs"]:
                self.jobs.append(json.loads(data))
                return Reply(body=self._job(f"ftjob-{len(self.jobs)}", self.statuses[0]))
            case "GET", ["fine_tuning", "jobs"]:
                jobs = [
                    self._job(f"ftjob-{number}", self.statuses[0]) for number in range(len(self.jobs), 0, -1)
                ]
                return Reply(body={"object": "list", "data": jobs, "has_more": False})
            case "GET", ["fine_tuning", "jobs", identifier]:
                status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
                return Reply(body=self._job(identifier, status))
            case "GET", ["fine_tuning", "jobs", _, "events"]:
                events = [
                    {"id": f"e{number}", "object": "fine_tuning.job.event", "created_at": number,
                     "level": "info", "message": f"step {number}"}
                    for number in (2, 1)
                ]  # fmt: skip
                return Reply(body={"object": "list", "data": events, "has_more": False})
            case _:
                return refused(404, f"the double has no {method} {path}")

    def _job(self, identifier: str, status: str) -> dict[str, Any]:
        asked = self.jobs[int(identifier.removeprefix("ftjob-")) - 1]
        done = f"ft:{asked['model']}:{asked.get('suffix', '')}" if status == "succeeded" else None
        error = {"code": "bad", "message": "the data is bad", "param": None} if status == "failed" else None
        return {
            "id": identifier,
            "object": "fine_tuning.job",
            "status": status,
            "fine_tuned_model": done,
            "error": error,
            **asked,
        }


def _uploaded(content_type: str, data: bytes) -> bytes:
    """The file of a multipart form."""
    form = BytesParser().parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + data)
    for part in form.walk():
        if part.get_filename():
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            return payload
    raise AssertionError("no file in the form")


def _wants_stream(data: bytes) -> bool:
    return b'"stream":true' in data.replace(b" ", b"")


def _is_completion(body: object) -> bool:
    """Whether it can be streamed: what is wrong on purpose is sent as it is."""
    try:
        return isinstance(body["choices"][0]["message"]["content"], str)  # type: ignore[index]
    except (TypeError, KeyError, IndexError):
        return False


@contextmanager
def openai_double() -> Iterator[Double]:
    """Serve on a free loopback port; ``url`` is the base address."""
    double = Double()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            data = self.rfile.read(int(self.headers.get("content-length") or 0))
            double.keys.append(self.headers.get("authorization", ""))
            with double.lock:
                double.at_once += 1
                double.most_at_once = max(double.most_at_once, double.at_once)
            try:
                reply = double.handle(self.command, self.path, self.headers.get("content-type", ""), data)
                time.sleep(reply.delay_s)
            finally:
                with double.lock:
                    double.at_once -= 1
            if _wants_stream(data) and _is_completion(reply.body):
                self._stream(reply, json.loads(data))
                return
            raw = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            headers = dict(reply.headers)
            try:
                self.send_response(reply.status)
                self.send_header("content-type", headers.pop("content-type", "application/json"))
                self.send_header("content-length", str(len(raw)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)
            except OSError:
                self.close_connection = True  # who asked has given up

        def _stream(self, reply: Reply, asked: dict[str, Any]) -> None:
            try:
                self.send_response(reply.status)
                self.send_header("content-type", "text/event-stream; charset=utf-8")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                for event in streamed(reply, asked):
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
                    time.sleep(reply.pause_s)
                if reply.abrupt:
                    self.close_connection = True
                else:
                    self.wfile.write(b"0\r\n\r\n")
            except OSError:
                self.close_connection = True

        do_GET = do_POST = _serve  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            """Say nothing: the tests look at what was recorded."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    double.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
