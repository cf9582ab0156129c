"""The shape of a launch: resolve the texts of a launch configuration to grid and block."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest

from .counts import Doubt, LaunchShape, ResolvedShape
from .evaluate import split_arguments
from .hostfunctions import HostFunctions
from .hostscope import HostScope
from .kernel import Launch
from .polynomial import ONE, Polynomial
from .visit import Extent, Visit

DEFAULT_SIZE = 1024.0
"""Value assumed for a size that the source and the run line leave open."""
DEFAULT_TRIPS = 16.0
"""Iterations assumed for a loop whose end depends on data."""
DEFAULT_BLOCK = 256
"""Threads assumed for a block of unknown size."""
DEFAULT_GRID = 4096
"""Blocks assumed where the source and the run line leave the grid open."""
DEFAULT_THREADS = float(DEFAULT_GRID * DEFAULT_BLOCK)
"""Threads, or iterations of a parallel loop, assumed where their number is open."""

_MEMBER = re.compile(r"\b([A-Za-z_]\w*)\s*\.\s*([xyz])\b")
_MEMBERS = ("x", "y", "z")
_DIM3 = re.compile(r"(?:dim3\s*\(|(?:dim3\s*)?\{)(.*)[)}]", re.DOTALL)
_MAX_DEPTH = 4
_NO_LAUNCH = ResolvedShape(
    LaunchShape((DEFAULT_GRID, 1, 1), (DEFAULT_BLOCK, 1, 1), known=False),
    {f"no launch found: {DEFAULT_GRID} blocks of {DEFAULT_BLOCK} threads": None},
)


@dataclass
class Assumptions:
    """Gives a value to what is unknown, and keeps what was assumed, in words."""

    notes: dict[str, None]
    sizes: Mapping[str, float] = field(default_factory=dict)
    doubts: set[Doubt] = field(default_factory=set)
    _given: dict[str, float] = field(default_factory=dict, init=False)

    def value_of(self, symbol: str) -> float:
        """The default for a symbol: a trip count, or a size."""
        if symbol not in self._given:
            self._given[symbol] = self._assumed(symbol)
        return self._given[symbol]

    def _assumed(self, symbol: str) -> float:
        if symbol.startswith("trips@"):
            self.notes[
                f"the loop in line {symbol.removeprefix('trips@')} runs {DEFAULT_TRIPS:g} times: "
                "its end depends on data"
            ] = None
            self.doubts.add(Doubt.TRIPS)
            return DEFAULT_TRIPS
        size = self.sizes.get(symbol, DEFAULT_SIZE)
        self.notes[f"{symbol} = {size:.15g}: not known from the source or the run line"] = None
        self.doubts.add(Doubt.SIZES)
        return size


def sizes_for(amount: Polynomial, wanted: float) -> dict[str, float]:
    """Equal powers of two for the unknowns of an amount, so that it comes closest to ``wanted``."""
    sizes: dict[str, float] = {}
    for exponent in range(int(math.log2(wanted)) + 2):
        tried = dict.fromkeys(amount.symbols, 2.0**exponent)
        if sizes and amount.evaluate(tried.__getitem__) > wanted:
            break
        sizes = tried
    return sizes


def resolve_shape(launch: Launch | None, host: HostScope) -> ResolvedShape:
    """Grid and block of a launch, found once for all scopes that share their functions with ``host``.

    What cannot be known is assumed and noted: sizes that the grid depends on are chosen for it to be as
    large as an unknown grid.
    """
    if launch is None:
        return _NO_LAUNCH
    known = host.functions.shapes.get(id(launch))
    if known is None:
        known = host.functions.shapes[id(launch)] = _resolved(launch, replace(host, used={}))
    host.used.update(known.used)
    return known


def _resolved(launch: Launch, host: HostScope) -> ResolvedShape:
    notes: dict[str, None] = {}
    sizes: dict[str, float] = {}
    assumptions = Assumptions(notes, sizes)
    visit = launch.visit or Visit(0)
    blocks = _extents(launch.block, launch, host, visit.block)
    if any(one is None or one.number is None for one in blocks):
        open_ = ONE
        for one in blocks:
            open_ = open_ * (one if one is not None and one.number is None else ONE)
        sizes |= sizes_for(open_, DEFAULT_BLOCK)
    block = _block_limited(_sizes(blocks, launch.block, assumptions, DEFAULT_BLOCK))
    grids = _extents(launch.grid, launch, host, visit.grid)
    total = ONE
    for one in grids:
        total = total * (ONE if one is None else one)
    if total.number is None:
        free = {name: Polynomial.constant(size) for name, size in sizes.items()}
        sizes |= sizes_for(total.substitute(free), DEFAULT_THREADS / math.prod(block))
    grid = _sizes(grids, launch.grid, assumptions, DEFAULT_GRID)
    return ResolvedShape(LaunchShape(grid, block, known=not notes), notes, sizes, host.used)


def _extents(text: str, launch: Launch, host: HostScope, visited: Extent) -> list[Polynomial | None]:
    """Three extents, each as host code has it when it is ``visited``, else as the text tells.

    No launch has an extent of 0: what came out as that depends on something that was not followed.
    """
    found: list[Polynomial | None] = []
    if 0 in visited:
        return [Polynomial.constant(one) if one else None for one in visited]
    parts = [] if None not in visited else _dimensions(text, launch, host.functions)[:3]
    for part, known in zip_longest(parts, visited):
        if known is not None or part is None:
            found.append(Polynomial.constant(known or 1))
        else:
            text = _members_resolved(part, launch, host.functions)
            found.append(host.evaluate_text(text, launch.place))
    return found


def _sizes(
    extents: Sequence[Polynomial | None], text: str, assumptions: Assumptions, default: int
) -> tuple[int, int, int]:
    sizes: list[int] = []
    for extent in extents:
        if extent is None:
            assumptions.notes[f"{text or 'the launch configuration'} = {default}: not known"] = None
            sizes.append(default if not sizes else 1)
        else:
            sizes.append(_whole(extent, assumptions))
    return sizes[0], sizes[1], sizes[2]


def _whole(value: Polynomial, assumptions: Assumptions) -> int:
    known = value.number
    number = value.evaluate(assumptions.value_of) if known is None else known
    return _limited(math.ceil(number) if math.isfinite(number) else 1)


def _limited(size: int) -> int:
    return max(1, min(2**31 - 1, size))


def _dimensions(text: str, launch: Launch, functions: HostFunctions, depth: int = 0) -> list[str]:
    """The up to three expressions of a configuration, following a ``dim3`` variable by name."""
    text = text.strip()
    if made := _DIM3.fullmatch(text):
        return split_arguments(made[1]) or ["1"]
    if depth < _MAX_DEPTH and text.isidentifier():
        return _dim3_variable(text, launch, functions, depth + 1) or [text]
    return [text]


def _members_resolved(text: str, launch: Launch, functions: HostFunctions) -> str:
    """``(n + block.x - 1) / block.x`` with the members of ``dim3`` variables written out."""

    def member(match: re.Match[str]) -> str:
        parts = _dim3_variable(match[1], launch, functions)
        if parts is None:
            return match[0]
        index = _MEMBERS.index(match[2])
        return f"({parts[index]})" if index < len(parts) else "1"

    return _MEMBER.sub(member, text)


def _dim3_variable(name: str, launch: Launch, functions: HostFunctions, depth: int = 0) -> list[str] | None:
    """What a ``dim3`` variable was last given before the launch; None if it is no ``dim3``."""
    function = functions.around(launch.place)
    parts: list[str] | None = None
    for given in functions.given(function, launch.source).get(name, ()) if function is not None else ():
        if given.offset >= launch.place.start_byte:
            break
        if not given.member:
            parts = _dimensions(given.value, launch, functions, depth)
        elif parts is not None and given.member in _MEMBERS:
            parts = [*parts, "1", "1", "1"][:3]
            parts[_MEMBERS.index(given.member)] = given.value
    return parts


def _block_limited(block: tuple[int, int, int]) -> tuple[int, int, int]:
    """A block of at most 1024 threads, which is what hardware runs."""
    x, y, z = (min(size, 1024) for size in block)
    y = max(1, min(y, 1024 // x))
    return x, y, max(1, min(z, 1024 // (x * y)))
