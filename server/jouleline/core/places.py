"""Count what it takes to get at a place in memory, and what is known of what lies there."""

from __future__ import annotations

from dataclasses import dataclass

from .ctype import CType, Scalar
from .parts import PartCounter
from .polynomial import ONE, ZERO, Polynomial
from .values import SOMEWHERE, Access, Array, Derived, Value

_PINNED = "pinned"
ADDRESSED = ("global", "constant")
"""The spaces in which an element has an address that is computed."""
_SMALL_INTEGER_BYTES = 2


@dataclass(slots=True)
class PlaceCounter(PartCounter):
    """Counts accesses to elements and to whole structs."""

    def element(self, base: Value, index: Polynomial | None, times: Polynomial, *, write: bool) -> Value:
        element = base.type.element
        array = base.array or SOMEWHERE
        inner = array.extents[1:]
        for extent in inner:
            index = index * extent if index is not None and extent is not None else None
        offset = None if array.offset is None or index is None else array.offset + index
        place = array.at(offset, inner)
        points_there = array.offset is None and index is not None and index.number == 0
        if array.space in ADDRESSED and not points_there and not base.refers:
            self.address(place, times)
        if element.is_pointer:
            if not inner:
                place = Array(f"{array.name}[]", array.space, ZERO)
            return Value(element, None, place)
        if write:
            self.stored[place.name] = self.stored.get(place.name, 0) + 1
        if element.scalar is not Scalar.OTHER or not element.struct:
            self.access(place, element, element.size, times, write=write)
        return Value(element, self._loaded(place, element, place.name), place)

    def _loaded(self, place: Array, kind: CType, name: str) -> Polynomial | None:
        """An integer that was read from memory: a value of its own, the same for the same element."""
        if kind.scalar is not Scalar.INT or place.offset is None:
            return None
        extent = Polynomial.constant(256.0**kind.size) if kind.size <= _SMALL_INTEGER_BYTES else None
        depends = self.tally.indices(place.offset)
        if place.space in ("register", "shared"):
            depends |= {*self.tally.threads, *self.loops}
        derived = Derived(depends, extent=extent)
        value = self.tally.derive(f"{name}[{place.offset}]{self._version(place)}", derived)
        if place.name in self.renewing:
            self.renewed |= value.symbols
        if place.space == "register" and place.offset.symbols <= self.unrolled:
            self.unrolled |= value.symbols
        return value

    def _version(self, place: Array) -> str:
        """What tells a value from those that lay there before."""
        stored = self.stored.get(place.name)
        return f"#{stored}" if stored else ""

    def access(self, place: Array, element: CType, size: int, times: Polynomial, *, write: bool) -> None:
        """Count an access to memory: a thread's own array is there if an index into it has to be computed."""
        stride, offset = element.bytes, place.offset
        if not stride:
            return
        if place.space == "global" and place.kind != _PINNED:
            name, private, dynamic, active = place.name, False, True, self.active
        elif place.space == "register" and place.size_bytes is not None:
            name, private, active = f"{place.name} (local)", True, 1.0
            dynamic = offset is None or (offset.number is None and not offset.symbols <= self.unrolled)
        else:
            return
        around, array_bytes = self.loops, place.size_bytes
        self.tally.access(
            Access(name, offset, stride, size, ONE, write, around, array_bytes, private, dynamic, active),
            times,
        )

    def whole(self, value: Value, times: Polynomial, *, write: bool) -> None:
        """Count the access to a struct that is copied as a whole."""
        kind = value.type
        if value.array is not None and kind.struct in self.program.structs and not kind.is_pointer:
            self.access(value.array, kind, kind.bytes, times, write=write)
