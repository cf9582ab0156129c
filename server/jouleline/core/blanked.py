"""What is blanked in a text before a C++ grammar reads it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .offsets import Moving, Offsets


class Blanked(NamedTuple):
    """A stretch ``start:end`` of bytes that was blanked.

    ``kind`` is ``attribute``, ``bounds`` (launch bounds, alignment), ``launch``, ``loop``, ``statement`` or
    ``pragma``; ``text`` is the word, the content of the parentheses, or the content between ``<<<`` and
    ``>>>``. A ``loop`` is a macro's call that is the head of a loop: ``FOR_EACH(i, n) {``; an endless loop's
    head stands in its place. A ``statement`` is a macro of the file that ends one, with no semicolon behind
    it: ``STEP STEP``; a semicolon stands in its place. A ``pragma`` is one between a statement's head and its
    body, see :mod:`.inner_pragmas`; an attribute of the body stands in its place.
    """

    kind: str
    start: int
    end: int
    text: bytes

    @property
    def content_start(self) -> int:
        """Offset of the first byte of ``text`` in the file."""
        return self.start + 3 if self.kind == "launch" else self.end - 1 - len(self.text)

    def moved(self, by: int) -> Blanked:
        """The same, so many bytes further on."""
        return Blanked(self.kind, self.start + by, self.end + by, self.text)


class Marks(Moving[Blanked]):
    """What was blanked in a text, in its order."""

    @staticmethod
    def of(blanked: Iterable[Blanked]) -> Marks:
        """What was blanked, as it stands now."""
        known = list(blanked)
        return Marks(known, Offsets([item.start for item in known]))

    def moved(self, one: Blanked, by: int) -> Blanked:
        return one.moved(by) if by else one

    def replaced(self, low: int, high: int, new: Sequence[Blanked], by: int) -> Marks:
        """The same with others for those of ``low:high``, and all behind them ``by`` bytes further on."""
        starts = self.starts.replaced(low, high, [item.start for item in new], by)
        return Marks([*self.known[:low], *new, *self.known[high:]], starts)
