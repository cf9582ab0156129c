"""Where an access goes: the sectors of one warp, and the bytes that a range of indices touches.

An element index is affine in thread, block and loop indices and in derived values: remainders,
quotients, and values loaded from memory, which scatter.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from .kept import cached_property
from .polynomial import Polynomial
from .values import Access, Derived

SECTOR_BYTES = 32
"""The unit in which global memory is fetched on NVIDIA since Maxwell, and charged here for all."""

Lane = Mapping[str, float]
"""The values of the parallel indices in one thread of a warp; those that are missing are 0."""
Place = float | tuple[float, ...]
"""A symbol's value in a lane; a tuple that names the value where it could be anything."""
Form = tuple[tuple[str, float], ...]
"""The coefficient (elements) of each symbol in an index."""


@dataclass(frozen=True)
class Space:
    """The iteration space of a launch: how many values each index takes, fastest thread index first.

    ``ranges`` holds every index symbol, each at least 1; ``parallel`` are those that differ between threads.
    """

    ranges: Mapping[str, float]
    parallel: tuple[str, ...]
    derived: Mapping[str, Derived]
    value_of: Callable[[str], float]
    warp: int

    @cached_property
    def moving(self) -> frozenset[str]:
        """The symbols that are not the same for all executions of an access."""
        return frozenset((*self.ranges, *self.derived))

    @cached_property
    def extents(self) -> tuple[int, ...]:
        """How many values each parallel index takes."""
        return tuple(max(1, math.ceil(self.ranges[name])) for name in self.parallel)

    @cached_property
    def lanes(self) -> tuple[Lane, ...]:
        """The first warp: consecutive threads, the fastest index running first."""
        rows = _first_warp(self.extents, self.warp)
        return tuple(dict(zip(self.parallel, row, strict=True)) for row in rows)

    @cached_property
    def lane_count(self) -> int:
        """How many threads a warp has: fewer than its width where the launch has no more."""
        return len(_first_warp(self.extents, self.warp))

    def form(self, index: Polynomial) -> Form | None:
        """The coefficients of an index; None where two of its symbols are multiplied."""
        coefficients: dict[str, float] = defaultdict(float)
        moving = self.moving
        for monomial, factor in index.terms:
            found = [name for name in monomial if name in moving] if monomial else []
            if len(found) > 1:
                return None
            if found:
                still = [self.value_of(name) for name in monomial if name != found[0]]
                coefficients[found[0]] += factor * math.prod(still) if still else factor
        return tuple(sorted([term for term in coefficients.items() if term[1]]))

    def offset(self, index: Polynomial) -> float:
        """The part of an index in which no index symbol occurs (elements)."""
        still = [term for term in index.terms if self.moving.isdisjoint(term[0])]
        return sum([factor * math.prod(map(self.value_of, monomial)) for monomial, factor in still])

    def count(self, name: str, ranges: Mapping[str, float], known: dict[str, float] | None = None) -> float:
        """How many values a symbol takes while the indices run through ``ranges``.

        ``known`` are counts that were worked out on the way, for values are made of values.
        """
        derived = self.derived.get(name)
        if derived is None:
            return ranges.get(name, 1.0)
        known = {} if known is None else known
        if name not in known:
            known[name] = self._counted(name, derived, ranges, known)
        return known[name]

    def _counted(
        self, name: str, derived: Derived, ranges: Mapping[str, float], known: dict[str, float]
    ) -> float:
        most = math.prod([ranges.get(index, 1.0) for index in derived.depends])
        if derived.follows is not None:
            span = 1.0
            for symbol, coefficient in self._followed(name, derived.follows):
                span += abs(coefficient) * (self.count(symbol, ranges, known) - 1)
            most = min(most, span / max(1.0, derived.divisor.evaluate(self.value_of)))
        if derived.extent is not None:
            most = min(most, max(1.0, derived.extent.evaluate(self.value_of)))
        return max(1.0, most)

    def at(self, name: str, lane: Lane, known: dict[str, Place] | None = None) -> Place:
        """A symbol's value in a lane; ``known`` are those of the lane that were worked out on the way."""
        derived = self.derived.get(name)
        if derived is None:
            return lane.get(name, 0.0)
        known = {} if known is None else known
        if name not in known:
            known[name] = self._placed(name, derived, lane, known)
        return known[name]

    def _placed(self, name: str, derived: Derived, lane: Lane, known: dict[str, Place]) -> Place:
        if derived.follows is None:
            return tuple(lane.get(index, 0.0) for index in sorted(derived.depends))
        value = self.offset(derived.follows)
        for symbol, coefficient in self._followed(name, derived.follows):
            inner = self.at(symbol, lane, known)
            if isinstance(inner, tuple):
                return inner
            value += coefficient * inner
        value /= max(1.0, derived.divisor.evaluate(self.value_of))
        if derived.extent is not None and (modulus := derived.extent.evaluate(self.value_of)) >= 1:
            value %= modulus
        return float(math.floor(value + 1e-9))

    def _followed(self, name: str, follows: Polynomial) -> Form:
        """The form of what a derived value follows."""
        if name not in self._forms:
            self._forms[name] = self.form(follows) or ()
        return self._forms[name]

    @cached_property
    def _forms(self) -> dict[str, Form]:
        return {}

    def displaces(self, name: str, form: Form) -> bool:
        """Whether a loaded value moves accesses that the rest of the index tells apart already.

        All indices that the value varies with are in the index by themselves, as in ``a[i + shift[i]]``:
        what lies between neighbours is taken to be what it is without the value.
        """
        derived = self.derived.get(name)
        if derived is None or derived.follows is not None:
            return False
        return derived.depends <= {symbol for symbol, _ in form if symbol not in self.derived}

    @cached_property
    def _sectors(self) -> dict[tuple[Form | None, int, int, bool], float]:
        return {}

    def sectors_per_warp(self, form: Form | None, access: Access) -> float:
        """Sectors that one access of a whole warp touches."""
        key = (form, access.stride, access.bytes, access.private)
        if key not in self._sectors:
            self._sectors[key] = self._sectors_of(form, access)
        return self._sectors[key]

    def _sectors_of(self, form: Form | None, access: Access) -> float:
        if access.private:  # laid out so that equal indices of a warp's threads are neighbours
            return max(1.0, self.lane_count * access.bytes / SECTOR_BYTES)
        if form is None:
            return float(self.lane_count)
        steps = dict(form)
        if self.derived.keys().isdisjoint(steps):
            own = tuple([steps.get(name, 0.0) for name in self.parallel])
            return _sectors_of_steps(own, self.extents, self.warp, access.stride, access.bytes)
        places: list[tuple[float, object]] = []
        told = [(name, coefficient) for name, coefficient in form if not self.displaces(name, form)]
        for lane in self.lanes:
            position, scattered = 0.0, []
            known: dict[str, Place] = {}
            for name, coefficient in told:
                value = self.at(name, lane, known)
                if isinstance(value, tuple):
                    scattered.append((name, value))
                else:
                    position += coefficient * value
            places.append((position * access.stride, tuple(scattered)))
        return _sectors_at(places, access.bytes)


@lru_cache(maxsize=256)
def _first_warp(extents: tuple[int, ...], warp: int) -> tuple[tuple[float, ...], ...]:
    """The indices of the threads of a warp, the first one fastest."""
    found = []
    for number in range(warp):
        rest, row = number, []
        for extent in extents:
            row.append(float(rest % extent))
            rest //= extent
        if rest == 0:
            found.append(tuple(row))
    return tuple(found)


@lru_cache(maxsize=4096)
def _sectors_of_steps(
    steps: tuple[float, ...], extents: tuple[int, ...], warp: int, stride: int, size: int
) -> float:
    """Sectors that a warp touches whose index goes on by so many elements with each of its indices."""
    places = []
    for row in _first_warp(extents, warp):
        position = 0.0
        for step, value in zip(steps, row, strict=True):
            position += step * value
        places.append((position * stride, None))
    return _sectors_at(places, size)


def _sectors_at(places: Sequence[tuple[float, object]], size: int) -> float:
    """Sectors that so many bytes at each of the places touch; what is scattered shares none."""
    lowest = min(position for position, _ in places)  # where a warp starts, a sector does
    touched: set[object] = set()
    for position, where in places:
        first = math.floor((position - lowest) / SECTOR_BYTES)
        last = math.floor((position - lowest + size - 1) / SECTOR_BYTES)
        touched.update((where, sector) for sector in range(first, min(last, first + 64) + 1))
    return float(len(touched))


@dataclass(frozen=True)
class Stream:
    """The accesses of one array that differ by a constant offset only, from the same loops."""

    form: Form | None
    accesses: tuple[Access, ...]
    space: Space

    @property
    def loops(self) -> tuple[str, ...]:
        """The loops around the accesses, outermost first."""
        return self.accesses[0].loops

    @cached_property
    def times(self) -> float:
        """How often the accesses are executed, all threads together."""
        return sum([max(0.0, one.times.evaluate(self.space.value_of)) for one in self.accesses])

    @property
    def sectors(self) -> float:
        """Sectors that a warp moves for each access."""
        return self.space.sectors_per_warp(self.form, self.accesses[0])

    @cached_property
    def moved(self) -> float:
        """Bytes that all warps move between the caches."""
        together = max(1.0, self.space.lane_count * max([one.active for one in self.accesses]))
        return self.times / together * min(self.sectors, together) * SECTOR_BYTES

    @property
    def useful(self) -> float:
        """Bytes of them that threads asked for."""
        return min(self.moved, self.times * self.accesses[0].bytes)

    @cached_property
    def _parts(self) -> tuple[tuple[tuple[str, float, float], ...], tuple[str, ...]]:
        """The symbols of the index, and apart from them loaded values of unknown extent, which scatter.

        With each symbol goes the size of its coefficient, and that size or a whole element. A loaded value
        that only displaces is in neither.
        """
        steps, scattered = [], []
        for name, coefficient in self.form or ():
            derived = self.space.derived.get(name)
            if derived is not None and self.space.displaces(name, self.form or ()):
                continue
            if derived is not None and derived.follows is None and derived.extent is None:
                scattered.append(name)
            else:
                size = abs(coefficient)
                steps.append((name, size, max(1.0, size)))
        return tuple(sorted(steps, key=lambda one: one[2])), tuple(scattered)

    @cached_property
    def _offsets(self) -> list[float]:
        found = {self.space.offset(one.element) for one in self.accesses if one.element is not None}
        return sorted(found) or [0.0]

    @cached_property
    def whole(self) -> float:
        """Bytes of sectors that the whole launch touches at least once."""
        return self.unique(self.space.ranges)

    def unique(self, ranges: Mapping[str, float]) -> float:
        """Bytes of sectors touched at least once while the indices run through ``ranges``."""
        first = self.accesses[0]
        if first.private:
            inside = {name: 1.0 if name in self.space.parallel else extent for name, extent in ranges.items()}
            threads = math.prod([ranges.get(name, 1.0) for name in self.space.parallel])
            return min(self._extent(inside), first.size_bytes or math.inf) * threads
        return min(self._extent(ranges), self.moved)

    def _extent(self, ranges: Mapping[str, float]) -> float:
        first = self.accesses[0]
        if self.form is None:
            count = math.prod([ranges.get(name, 1.0) for name in self._reached])
            return self._capped(count * max(first.bytes, 1))
        indices, scattered = self._parts
        derived = self.space.derived
        # From the closest neighbours outwards: what shares sectors is one run, all else several pieces.
        span, pieces, run = 1.0, 1.0, float(max(first.bytes, min(first.stride, SECTOR_BYTES)))
        gaps: list[tuple[float, float]] = []
        for name, size, step in indices:
            count = (self.space.count(name, ranges) if name in derived else ranges[name]) * size / step
            if count <= 1:
                continue
            gap, reach = step * first.stride, span * first.stride
            span += step * (count - 1)
            if gap <= max(run, SECTOR_BYTES):
                run = gap * (count - 1) + max(run, min(gap, SECTOR_BYTES))
            else:
                pieces, run = pieces * count, max(run, SECTOR_BYTES)
                gaps.append((gap, max(run, reach)))
        total = 0.0
        for offsets, merged in self._merged(span):
            dense = pieces * run * (_filled(offsets, first.stride, gaps) if len(offsets) > 1 else 1.0)
            total += min(dense / (span * first.stride), 1.0) * merged * first.stride
        for name in scattered:
            total *= self.space.count(name, ranges)
        return self._capped(total)

    @property
    def _reached(self) -> frozenset[str]:
        """The indices that an access varies with, as far as one can tell."""
        index = self.accesses[0].element
        if index is None:
            return frozenset((*self.space.parallel, *self.loops))
        found: set[str] = set()
        for name in index.symbols:
            if name in self.space.derived:
                found |= self.space.derived[name].depends
            elif name in self.space.ranges:
                found.add(name)
        return frozenset(found)

    def _merged(self, span: float) -> list[tuple[list[float], float]]:
        """The offsets of the accesses whose intervals meet, and the elements from the first to the last."""
        found: list[tuple[list[float], float]] = []
        for offset in self._offsets:
            if found and offset <= found[-1][0][-1] + span:
                offsets = [*found[-1][0], offset]
                found[-1] = offsets, offset + span - offsets[0]
            else:
                found.append(([offset], span))
        return found

    def _capped(self, total: float) -> float:
        """No more than the memory there is, if that is known."""
        size = self.accesses[0].size_bytes
        if not size or total <= 0 or self.accesses[0].private:
            return total
        # Scattered accesses meet each other: as many balls thrown into the array's sectors.
        if self.form is None or self._parts[1]:
            return size * -math.expm1(-total / size)
        return min(total, size)


def _filled(offsets: Sequence[float], stride: int, gaps: Sequence[tuple[float, float]]) -> float:
    """How much more the accesses at several offsets touch than one of them, as they fill its gaps.

    With each gap, the distance (bytes) from one piece to the next, goes how far a piece reaches.
    """
    starts = {offset * stride for offset in offsets}
    filled = 1.0
    for gap, reach in gaps:
        length = math.ceil(reach / SECTOR_BYTES) * SECTOR_BYTES
        covered, end = 0.0, 0.0
        places = {start % gap // SECTOR_BYTES * SECTOR_BYTES for start in starts}
        for place in sorted([*places, *(place - gap for place in places if place + length > gap)]):
            last = min(place + length, gap)
            covered += max(0.0, last - max(place, end))
            end = max(end, last)
        filled *= max(1.0, covered / length)
        starts = {start // gap * gap for start in starts}
    return filled


def streams(accesses: Sequence[Access], space: Space) -> list[Stream]:
    """The accesses of one array by form and loops."""
    groups: dict[tuple[object, ...], list[Access]] = defaultdict(list)
    forms: dict[tuple[object, ...], Form | None] = {}
    for access in accesses:
        form = space.form(access.element) if access.element is not None else None
        key = (form, access.loops, access.stride, access.bytes, None if form is not None else access.element)
        groups[key].append(access)
        forms[key] = form
    return [Stream(forms[key], tuple(group), space) for key, group in groups.items()]
