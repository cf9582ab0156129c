"""What is needed once is made before a first file is opened: the server goes its own way on a few lines.

Converters of messages are built, tables read and expressions compiled, and the interpreter learns which
functions are called often. Nothing of it is left in the session.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jouleline.core.source import SourceText

from .documents import Document
from .hints import hints
from .memory import Memory
from .view import View

if TYPE_CHECKING:
    from .server import Server

_QUIET_S: Final = 0.05
"""An editor that has a file to open says so by then."""
_URI: Final = "file:///rehearsal.cu"
_PROGRAM: Final = """\
#define BLOCK 256

__device__ float pull(float distance, float mass)
{
  return mass * rsqrtf(distance * distance + 0.01f);
}

__global__ void scale(const float *__restrict__ in, float *out, int n, float factor)
{
  __shared__ float tile[BLOCK];
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  tile[threadIdx.x] = in[i];
  __syncthreads();
  float sum = 0.0f;
  for (int j = 1; j < 8; j++) {
    sum += tile[(threadIdx.x + j) % BLOCK] * factor;
  }
  out[i] = sum;
}

__global__ void forces(const float4 *place, double *force, int nx, int ny)
{
  int x = blockIdx.x * blockDim.x + threadIdx.x;
  int y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x > 0 && x < nx - 1 && y < ny) {
    int at = y * nx + x;
    for (int j = 0; j < nx; j++) {
      float dx = place[j].x - place[at].x;
      force[at] += pull(sqrtf(dx * dx), place[j].w);
    }
  }
}

int main(int argc, char **argv)
{
  int n = argc > 1 ? atoi(argv[1]) : 1 << 20;
  float *in, *out;
  cudaMalloc(&in, n * sizeof(float));
  cudaMalloc(&out, n * sizeof(float));
  float4 *place;
  double *force;
  cudaMalloc(&place, n * sizeof(float4));
  cudaMalloc(&force, n * sizeof(double));
  for (int step = 0; step < 4; step++) {
    scale<<<(n + BLOCK - 1) / BLOCK, BLOCK>>>(in, out, n, 2.0f);
  }
  dim3 grid(n / 32, n / 8), block(32, 8);
  forces<<<grid, block>>>(place, force, n, n);
  return 0;
}
"""
_DOCUMENT: Final = {"uri": _URI, "version": 1}
_START: Final = {"line": 0, "character": 0}
_RANGE: Final = {"start": _START, "end": _START}
_CHANGE: Final = {"range": _RANGE, "text": " "}
_MESSAGES: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("textDocument/didOpen", {"textDocument": {**_DOCUMENT, "languageId": "cuda-cpp", "text": _PROGRAM}}),
    ("textDocument/didChange", {"textDocument": _DOCUMENT, "contentChanges": [_CHANGE]}),
    ("textDocument/hover", {"textDocument": _DOCUMENT, "position": _START}),
    ("textDocument/inlayHint", {"textDocument": _DOCUMENT, "range": _RANGE}),
)


async def rehearse(server: Server) -> None:
    """Read messages, open a file and see its hints, on nobody's screen; only until somebody opens one."""
    session = server.session
    await session.ready.wait()
    await asyncio.sleep(_QUIET_S)
    for method, params in _MESSAGES:
        await asyncio.sleep(0)  # whatever has arrived goes first
        if session.documents:
            return
        server.protocol.understood({"jsonrpc": "2.0", "id": 0, "method": method, "params": params})
    document = Document(_URI, Path("rehearsal.cu"), "cuda-cpp", 1, SourceText(_PROGRAM.encode()))
    if session.device is not None and document.parsed is not None:
        files = {document.name: document.parsed}
        view = View(document, document.name, files, session.device, "", "", session.encoding, Memory())
        await hints(view, 0, len(_PROGRAM))
