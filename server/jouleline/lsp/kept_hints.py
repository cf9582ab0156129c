"""The hints of a text as they were told when it was looked at last, told again before it is looked at now.

To read a file takes longer than its hints may, and most files that are opened were open before. What a hint
follows from beside the text - a header, the Makefile, our own code - is not asked for: what was kept is told
soon, as after a change, and the settling has the editor ask again where it does not hold.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

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


class Subject(NamedTuple):
    """What hints are of: all that they follow from and that is known before anything is read."""

    uri: str
    text: bytes
    gpu: str
    arguments: str
    encoding: str

    @property
    def key(self) -> str:
        """The name that hints are kept by: one for all texts of a document."""
        return content_key(self.uri, self.gpu, self.arguments, self.encoding)

    @property
    def state(self) -> str:
        """Of which text they are, for which GPU and run line, by which version of ours."""
        return content_key(__version__, self.key, self.text)


class Told(NamedTuple):
    """What was told of a document before it was looked at, and of what state of it."""

    state: str
    hints: list[Hint]


class KeptHints:
    """What is kept, and what of it was told of which document, until somebody has looked whether it holds."""

    def __init__(self, cache: Cache | None = None) -> None:
        """Without a cache, nothing is kept."""
        self._cache = cache
        self._found: dict[str, Told] = {}
        self._told: dict[str, Told] = {}
        self._seen: set[str] = set()
        self.wanted: set[str] = set()
        """The documents whose hints are to be kept when they have been worked out."""

    def find(self, of: Subject) -> list[Hint] | None:
        """The hints of a whole document that were kept of its text; None if there are none.

        Of one that was looked at in this session the memory knows better.
        """
        if of.uri in self._seen or self._cache is None:
            return None
        known, state = self._found.get(of.uri), of.state
        if known is None or known.state != state:
            kept = self._cache.get(of.key)
            if not isinstance(kept, dict) or kept.get("state") != state or not _are_hints(kept.get("hints")):
                return None
            known = self._found[of.uri] = Told(state, kept["hints"])
        return known.hints

    def tell(self, of: Subject) -> list[Hint] | None:
        """The same, told to the editor: it is to be looked into."""
        hints = self.find(of)
        if hints is not None:
            self._told[of.uri] = self._found[of.uri]
        return hints

    def seen(self, uri: str) -> None:
        """Somebody has looked at a document."""
        self._seen.add(uri)
        self._found.pop(uri, None)

    def told(self, uri: str) -> Told | None:
        """What was told of a document, and not looked into since."""
        return self._told.get(uri)

    def looked_into(self, uri: str) -> None:
        """It is known what holds of a document."""
        self._told.pop(uri, None)

    def close(self, uri: str) -> None:
        """Nothing is to be done about a document any more."""
        self.seen(uri)
        self.looked_into(uri)
        self.wanted.discard(uri)

    def keep(self, of: Subject, hints: list[Hint]) -> bool:
        """Keep the hints of a whole document in the place of those before; False if nothing can be kept."""
        self.wanted.discard(of.uri)
        return self._cache is not None and self._cache.put(of.key, {"state": of.state, "hints": hints})

    def answer(self, beginning: Beginning) -> None:
        """Answer an editor at its start as long as it asks for what was kept."""
        with suppress(Exception):  # whatever is wrong with a message, the server comes to it and tells
            while (asked := beginning.read_on()) is not None:
                settings = beginning.settings
                if not beginning.refresh_hints or not settings.inlay_hints.enable:
                    return
                text = to_bytes(beginning.documents[asked.uri]["text"])
                gpu = settings.gpu or DEFAULT_DEVICE
                hints = self.tell(Subject(asked.uri, text, gpu, settings.arguments, beginning.encoding))
                if hints is None:
                    return
                first, last = (place(asked.range[end]) for end in ("start", "end"))
                beginning.answer(within(hints, first, last))


def within(hints: list[Hint], first: Place, last: Place) -> list[Hint]:
    """Those from one place to another, both included."""
    return [hint for hint in hints if first <= place(hint["position"]) <= last]


def place(position: dict[str, int]) -> Place:
    """A position as the protocol has it."""
    return position["line"], position["character"]


def _are_hints(kept: object) -> bool:
    """Whether what was kept has the shape of hints; somebody may have been at the file."""
    try:
        return all(place(one["position"]) >= (0, 0) and "label" in one for one in kept)  # type: ignore[attr-defined]
    except (TypeError, LookupError):
        return False
