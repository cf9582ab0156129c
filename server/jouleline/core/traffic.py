"""From accesses to DRAM traffic: footprint, coalescing, and what the last cache level keeps.

A first model, in this order: the unique bytes that a launch touches (footprint) are compulsory for
what is read; what blocks fetch again misses where the arrays with the most reuse have filled the
cache; written data leaves the cache in proportion to how far the working set exceeds it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .counts import ArrayTraffic
from .polynomial import Polynomial
from .values import Access

SECTOR_BYTES = 32
"""The unit in which global memory is fetched on NVIDIA since Maxwell, and charged here for all."""


@dataclass(frozen=True)
class Geometry:
    """What traffic depends on beside the accesses.

    ``fast`` is the index symbol in which the threads of a warp differ; ``per_block`` are the
    symbols that vary inside a block.
    """

    ranges: Mapping[str, float]
    fast: str
    per_block: frozenset[str]
    blocks: float
    warp: int
    cache_bytes: float


@dataclass(frozen=True)
class _Footprint:
    unique: float
    fetched: float
    useful: float
    moved: float

    @property
    def reuse(self) -> float:
        """How often each byte is fetched."""
        return self.fetched / self.unique if self.unique else 0.0


def traffic(
    accesses: Sequence[Access], geometry: Geometry, value_of: Callable[[str], float]
) -> tuple[ArrayTraffic, ...]:
    """DRAM bytes and coalescing of each array, most traffic first."""
    by_array: dict[str, list[Access]] = defaultdict(list)
    for access in accesses:
        by_array[access.array].append(access)
    reads = {
        name: _footprint([a for a in group if not a.write], geometry, value_of)
        for name, group in by_array.items()
    }
    writes = {
        name: _footprint([a for a in group if a.write], geometry, value_of)
        for name, group in by_array.items()
    }
    working_set = sum(max(reads[name].unique, writes[name].unique) for name in by_array)
    kept = min(1.0, geometry.cache_bytes / working_set) if working_set else 1.0
    found = []
    free = geometry.cache_bytes
    # What is fetched again most often is recently used whenever the cache looks for room.
    for name in sorted(by_array, key=lambda name: -reads[name].reuse):
        read, write = reads[name], writes[name]
        missed = 1 - min(1.0, free / read.unique) if read.unique else 0.0
        free = max(0.0, free - read.unique)
        again = max(0.0, read.fetched - read.unique) * missed
        written = write.unique * (1 - kept)
        moved = read.moved + write.moved
        found.append(
            ArrayTraffic(
                name,
                read.unique + again + written,
                min(1.0, (read.useful + write.useful) / moved) if moved else 1.0,
            )
        )
    return tuple(sorted(found, key=lambda item: -item.dram_bytes))


def _footprint(
    accesses: Sequence[Access], geometry: Geometry, value_of: Callable[[str], float]
) -> _Footprint:
    """Unique bytes of a launch, bytes that its blocks fetch, and use of the sectors moved."""
    shapes: dict[tuple[tuple[str, float], ...], list[Access]] = defaultdict(list)
    scattered = useful = moved = 0.0
    for access in accesses:
        times = max(0.0, access.times.evaluate(value_of))
        form = _linear(access.index, geometry.ranges, value_of)
        sectors = _bytes_per_thread(form, access, geometry)
        useful += times * min(access.bytes, sectors)
        moved += times * sectors
        if form is None:
            scattered += times * sectors
        else:
            shapes[form].append(access)
    unique = fetched = 0.0
    for form, group in shapes.items():
        # No access moves more than its sector, however few threads of a warp take part.
        most = sum(max(0.0, a.times.evaluate(value_of)) * max(a.bytes, SECTOR_BYTES) for a in group)
        bytes_all = _unique_bytes(form, group, geometry, lambda _: True)
        bytes_block = _unique_bytes(form, group, geometry, geometry.per_block.__contains__)
        unique = max(unique, min(bytes_all, most))
        fetched += min(bytes_block * geometry.blocks, most)
    return _Footprint(unique + scattered, max(fetched, unique) + scattered, useful, moved)


def _linear(
    index: Polynomial | None, ranges: Mapping[str, float], value_of: Callable[[str], float]
) -> tuple[tuple[str, float], ...] | None:
    """The coefficient of each index symbol; None where the index is not affine in them."""
    if index is None:
        return None
    coefficients: dict[str, float] = defaultdict(float)
    for monomial, factor in index.terms:
        indices = [name for name in monomial if name in ranges]
        if len(indices) > 1:
            return None
        rest = [name for name in monomial if name not in ranges]
        if indices:
            coefficients[indices[0]] += factor * math.prod(value_of(name) for name in rest)
    return tuple(sorted((name, value) for name, value in coefficients.items() if value))


def _bytes_per_thread(
    form: tuple[tuple[str, float], ...] | None, access: Access, geometry: Geometry
) -> float:
    """Sector bytes that one thread's access moves as part of its warp."""
    if form is None:
        return max(SECTOR_BYTES, access.bytes)
    step = abs(dict(form).get(geometry.fast, 0.0)) * access.stride
    if step == 0:
        return max(SECTOR_BYTES, access.bytes) / geometry.warp
    return max(access.bytes, min(step, max(SECTOR_BYTES, access.bytes)))


def _stride(form: tuple[tuple[str, float], ...], access: Access) -> float:
    """Bytes between neighbouring elements that are touched."""
    steps = [abs(coefficient) for _, coefficient in form]
    return max(1.0, min(steps)) * access.stride if steps else access.stride


def _unique_bytes(
    form: tuple[tuple[str, float], ...],
    group: Sequence[Access],
    geometry: Geometry,
    varies: Callable[[str], bool],
) -> float:
    """Bytes that an affine access touches at least once while the chosen symbols vary."""
    access = group[0]
    elements, span = 1.0, 1.0
    for name, coefficient in form:
        if varies(name):
            count = max(1.0, geometry.ranges[name])
            elements *= count
            span += abs(coefficient) * (count - 1)
    offsets = {
        a.index.terms[0][1] if a.index and a.index.terms and not a.index.terms[0][0] else 0.0 for a in group
    }
    span += max(offsets) - min(offsets)
    stride = _stride(form, access)
    touched = max(sum(a.bytes for a in group) / len(group), min(stride, SECTOR_BYTES))
    return min(elements * touched, span * access.stride)
