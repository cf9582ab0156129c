"""The hints of a text as they were told when it was looked at last, told again before it is looked at now.

To read a file takes longer than its hints may, and most files that are opened were open before. What a hint
follows from beside the text - a header, the Makefile, our own code - is not asked for: what was kept is told
soon, as after a change, and the settling has the editor ask again where it does not hold.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from jouleline import __version__
from jouleline.config import DEFAULT_DEVICE
from jouleline.core.content_key import content_key

from .texts import to_bytes

if TYPE_CHECKING:
    from jouleline.core.ports import Cache

    from .beginning import Beginning
    from .hints import Hint

Place = tuple[int, int]
"""Line and character, both from 0."""


class KeptHints:
    """What is kept, and what of it was told of which document, until somebody has looked whether it holds."""

    def __init__(self, cache: Cache | None = None) -> None:
        """Without a cache, nothing is kept."""
        self._cache = cache
        self._told: dict[str, tuple[str, list[Hint]]] = {}
        self._closed: set[str] = set()
        self.wanted: set[str] = set()
        """The documents whose hints are to be kept when they have been worked out."""

    def tell(self, uri: str, key: str) -> list[Hint] | None:
        """The hints of a whole document; None if none were kept.

        Of one that was open before in this session the memory knows better.
        """
        if uri in self._closed:
            return None
        if (told := self.told(uri, key)) is not None:
            return told
        hints = self._cache.get(key) if self._cache is not None else None
        if not isinstance(hints, list):
            return None
        self._told[uri] = key, hints
        return hints

    def told(self, uri: str, key: str) -> list[Hint] | None:
        """What was told of a document as it is, and not looked into since."""
        known, hints = self._told.get(uri, ("", []))
        return hints if known == key else None

    def looked_into(self, uri: str) -> None:
        """It is known what holds of a document."""
        self._told.pop(uri, None)

    def close(self, uri: str) -> None:
        """Nothing is to be done about a document any more."""
        self._closed.add(uri)
        self.looked_into(uri)
        self.wanted.discard(uri)

    def keep(self, uri: str, key: str, hints: list[Hint]) -> None:
        """Keep the hints of a whole document."""
        self.wanted.discard(uri)
        if self._cache is not None:
            self._cache.put(key, hints)

    def answer(self, beginning: Beginning) -> None:
        """Answer an editor at its start as long as it asks for what was kept."""
        with suppress(Exception):  # whatever is wrong with a message, the server comes to it and tells
            while (asked := beginning.read_on()) is not None:
                settings = beginning.settings
                if not beginning.refresh_hints or not settings.inlay_hints.enable:
                    return
                text = to_bytes(beginning.documents[asked.uri]["text"])
                gpu = settings.gpu or DEFAULT_DEVICE
                hints = self.tell(
                    asked.uri, key(asked.uri, text, gpu, settings.arguments, beginning.encoding)
                )
                if hints is None:
                    return
                first, last = (place(asked.range[end]) for end in ("start", "end"))
                beginning.answer(within(hints, first, last))


def key(uri: str, text: bytes, gpu: str, arguments: str, encoding: str) -> str:
    """What hints are kept under: all that they follow from and that is known before anything is read."""
    return content_key(__version__, uri, gpu, arguments, encoding, text)


def within(hints: list[Hint], first: Place, last: Place) -> list[Hint]:
    """Those from one place to another, both included."""
    return [hint for hint in hints if first <= place(hint["position"]) <= last]


def place(position: dict[str, int]) -> Place:
    """A position as the protocol has it."""
    return position["line"], position["character"]
