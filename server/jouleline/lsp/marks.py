"""The smells of a document's text, carried over to its next state where only kernels' bodies changed."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from hashlib import blake2b
from operator import attrgetter
from os import fsencode
from typing import Final

from jouleline.core.candidate import Rewrite
from jouleline.core.smell import Smell
from jouleline.core.source import Edit

from .view import View

_MOST_CHANGED: Final = 3
_start_of = attrgetter("start")


@dataclass(frozen=True, slots=True)
class Body:
    """A kernel whose body matters to no other, where it stands: bytes, and lines from 1."""

    start: int
    end: int
    line: int
    end_line: int
    digest: bytes


@dataclass(frozen=True)
class State:
    """A program's text as seen from one of its files: the bodies of kernels there, and all around them."""

    around: bytes
    bodies: tuple[Body, ...]

    @staticmethod
    def of(view: View) -> State:
        """The state of a view's text."""
        around = blake2b(digest_size=16)
        for name, file in view.files.items():
            if name != view.name:
                around.update(b"\0%s\0%d\0" % (fsencode(name), len(file.source.text.data)))
                around.update(file.source.text.data)
        data, start, bodies = view.text.data, 0, []
        around.update(b"\0%s\0%d" % (fsencode(view.name), view.files[view.name].source.root.has_error))
        for _, kernel in view.kernels:
            if kernel.start >= start and kernel.place is not None and kernel.is_closed:
                around.update(b"\0" + data[start : kernel.anchor])
                text = blake2b(data[kernel.start : kernel.end], digest_size=16).digest()
                bodies.append(Body(kernel.start, kernel.end, kernel.line, kernel.end_line, text))
                start = kernel.end
        around.update(b"\0" + data[start:])
        return State(around.digest(), tuple(bodies))

    def changed_to(self, later: State) -> list[Body] | None:
        """The bodies of a later state that differ; None if something else does, or many."""
        if self.around != later.around or len(self.bodies) != len(later.bodies):
            return None
        pairs = zip(self.bodies, later.bodies, strict=True)
        changed = [new for old, new in pairs if old.digest != new.digest]
        return changed if len(changed) <= _MOST_CHANGED else None

    def carried(self, smells: tuple[Smell, ...], later: State) -> list[Smell]:
        """Smells where they are in a later state that differs by bodies alone; those in such bodies left out.

        What is in no kernel keeps its mark, but no fix: a rule may have looked into the bodies.
        """
        found = []
        for smell in smells:
            index = self._before(smell.start)
            inside = index >= 0 and smell.start < self.bodies[index].end
            if inside and self.bodies[index].digest != later.bodies[index].digest:
                continue
            fix = self._moved(smell.fix, later) if inside and smell.fix is not None else None
            start, end = self._offset(smell.start, later), self._offset(smell.end, later)
            found.append(replace(smell, start=start, end=end, fix=fix))
        return found

    def _moved(self, fix: Rewrite, later: State) -> Rewrite:
        edits = (
            Edit(self._offset(edit.start, later), self._offset(edit.end, later), edit.replacement)
            for edit in fix.edits
        )
        index = self._before(fix.edits[0].start)
        lines = later.bodies[index].line - self.bodies[index].line if index >= 0 else 0
        return replace(fix, edits=tuple(edits), line=fix.line + lines)

    def _offset(self, offset: int, later: State) -> int:
        index = self._before(offset)
        if index < 0:
            return offset
        old, new = self.bodies[index], later.bodies[index]
        return offset + (new.start - old.start if offset < old.end else new.end - old.end)

    def _before(self, offset: int) -> int:
        """The last body that starts at an offset or in front of it."""
        return bisect_right(self.bodies, offset, key=_start_of) - 1
