"""The shape of a launch: resolve the texts of a launch configuration to grid and block."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from .counts import LaunchShape
from .evaluate import split_arguments
from .hostscope import HostScope
from .kernel import Launch
from .polynomial import Polynomial
from .syntax import ancestor

DEFAULT_SIZE = 1024.0
"""Value assumed for a size that the source and the run line leave open."""
DEFAULT_TRIPS = 16.0
"""Iterations assumed for a loop whose end depends on data."""
DEFAULT_BLOCK = 256
"""Threads assumed for a block of unknown size."""
DEFAULT_GRID = 4096
"""Blocks assumed where no launch is in sight."""

_MEMBER = re.compile(r"\b([A-Za-z_]\w*)\s*\.\s*([xyz])\b")
_DIM3 = re.compile(r"(?:const\s+)?dim3\s*(?:\((?P<paren>.*)\)|\{(?P<brace>.*)\})", re.DOTALL)


@dataclass
class Assumptions:
    """Gives a value to what is unknown, and keeps what was assumed, in words."""

    notes: dict[str, None]

    def value_of(self, symbol: str) -> float:
        """The default for a symbol: a trip count, or a size."""
        if symbol.startswith("trips@"):
            self.notes[
                f"the loop in line {symbol.removeprefix('trips@')} runs {DEFAULT_TRIPS:g} times: "
                "its end depends on data"
            ] = None
            return DEFAULT_TRIPS
        self.notes[f"{symbol} = {DEFAULT_SIZE:g}: not known from the source or the run line"] = None
        return DEFAULT_SIZE


def resolve_shape(launch: Launch | None, host: HostScope, notes: dict[str, None]) -> LaunchShape:
    """Grid and block of a launch; what cannot be known is assumed and noted."""
    if launch is None:
        notes[f"no launch found: {DEFAULT_GRID} blocks of {DEFAULT_BLOCK} threads"] = None
        return LaunchShape((DEFAULT_GRID, 1, 1), (DEFAULT_BLOCK, 1, 1), known=False)
    assumptions = Assumptions(notes)
    before = len(notes)
    grid = _extent(launch.grid, launch, host, assumptions, DEFAULT_GRID)
    block = _extent(launch.block, launch, host, assumptions, DEFAULT_BLOCK)
    return LaunchShape(grid, _block_limited(block), known=len(notes) == before)


def _extent(
    text: str, launch: Launch, host: HostScope, assumptions: Assumptions, default: int
) -> tuple[int, int, int]:
    sizes: list[int] = []
    for part in _dimensions(text, launch)[:3]:
        value = host.evaluate_text(_members_resolved(part, launch), launch.place)
        if value is None:
            assumptions.notes[f"{part or 'the launch configuration'} = {default}: not known"] = None
            sizes.append(default if not sizes else 1)
        else:
            sizes.append(_whole(value, assumptions))
    sizes += [1] * (3 - len(sizes))
    return sizes[0], sizes[1], sizes[2]


def _whole(value: Polynomial, assumptions: Assumptions) -> int:
    known = value.number
    number = value.evaluate(assumptions.value_of) if known is None else known
    return max(1, min(2**31 - 1, math.ceil(number) if math.isfinite(number) else 1))


def _dimensions(text: str, launch: Launch, depth: int = 0) -> list[str]:
    """The up to three expressions of a configuration, following a ``dim3`` variable by name."""
    text = text.strip()
    if match := _DIM3.fullmatch(text):
        return split_arguments(match["paren"] or match["brace"] or "1")
    if depth < 4 and re.fullmatch(r"[A-Za-z_]\w*", text):
        declared = _dim3_variable(text, launch)
        if declared is not None:
            return _dimensions(declared, launch, depth + 1)
    return [text]


def _members_resolved(text: str, launch: Launch) -> str:
    """``(n + block.x - 1) / block.x`` with the members of ``dim3`` variables written out."""

    def member(match: re.Match[str]) -> str:
        if _dim3_variable(match[1], launch) is None:
            return match[0]
        parts = _dimensions(match[1], launch)
        index = "xyz".index(match[2])
        return f"({parts[index]})" if index < len(parts) else "1"

    return _MEMBER.sub(member, text)


def _dim3_variable(name: str, launch: Launch) -> str | None:
    """How a ``dim3`` variable was made, as the text of a ``dim3`` expression."""
    function = ancestor(launch.place, "function_definition") or launch.place
    reach = launch.place.start_byte - function.start_byte
    before = (function.text or b"")[:reach].decode("utf-8", "replace")
    made = None
    for match in re.finditer(rf"\b{re.escape(name)}\s*(=|\(|\{{)", before):
        end = before.find(";", match.end())
        head = before[max(0, before.rfind(";", 0, match.start())) : match.start()]
        content = before[match.end() : end if end >= 0 else len(before)].strip()
        if match[1] == "=":
            made = content if content.startswith(("dim3", "{")) else made
            made = "dim3" + made if made and made.startswith("{") else made
        elif re.search(r"\bdim3\b[^;(){}]*$", head + " "):
            made = f"dim3({content[:-1]})" if content and content[-1] in ")}" else made
        elif re.search(r"\bdim3\b", head) and head.count("(") == head.count(")"):
            inner = split_arguments(content)
            made = f"dim3({inner[0].rstrip(')')})" if inner else made
    return made


def _block_limited(block: tuple[int, int, int]) -> tuple[int, int, int]:
    """A block of at most 1024 threads, which is what hardware runs."""
    x, y, z = (min(size, 1024) for size in block)
    y = max(1, min(y, 1024 // x))
    return x, y, max(1, min(z, 1024 // (x * y)))
