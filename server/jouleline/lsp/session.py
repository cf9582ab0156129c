"""The state of one editor's session.

It changes only in the handlers of document sync, configuration and device choice, and when the disk or
a compiler has answered, each time on the event loop without waiting. Features ask for a :class:`View`
and read nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from jouleline.app.analyse import KernelReport, ParsedFile
from jouleline.config import Settings
from jouleline.core.device import Catalogue, Device
from jouleline.core.source import Encoding, SourceText

from .client import Client
from .documents import Document
from .hints import Hint
from .kept_hints import KeptHints, Subject
from .memory import Memory
from .programs import Surroundings, absolute, look_around
from .texts import to_path
from .view import Place, View

# How long a first answer waits for the disk, and how long where it could not be replaced later.
_PATIENCE_S: Final = 0.25
_LONG_PATIENCE_S: Final = 2.0
_HINTS_FIRST_S: Final = 0.05
"""How long an editor may take to ask for hints that were kept, before the loop is busy with the text."""


class Session:
    """Open documents, settings and the chosen device."""

    def __init__(self, earlier: Session | None = None, kept: KeptHints | None = None) -> None:
        """What ``earlier`` has read, counted and told is not done again; nothing else is taken from it."""
        self.kept: KeptHints = earlier.kept if earlier is not None else kept or KeptHints()
        self.client = Client()
        self.encoding: Encoding = "utf-16"
        self.folders: tuple[Path, ...] = ()
        self.settings = Settings()
        self.catalogue: Catalogue | None = None
        self.device: Device | None = None
        self.documents: dict[str, Document] = {}
        self.changes = 0
        """How many texts have come so far."""
        self._surroundings: dict[str, Surroundings] = {}
        self._views: dict[str, View] = {}
        self.memory: Memory = earlier.memory if earlier is not None else Memory()
        self._earlier = earlier
        self._looks: dict[str, asyncio.Task[None]] = {}
        self._newest_looks: dict[str, object] = {}
        self.ready = asyncio.Event()
        """Set when there is a device, or when it is known that there will be none."""

    async def view(self, uri: str) -> View | None:
        """What is known of a document now; None if it is not open, no source, or no device is known."""
        await self.ready.wait()
        await self._first_look(uri)
        document = self.documents.get(uri)
        if document is None or self.device is None or document.parsed is None:
            return None
        around = self._surroundings.get(uri)
        name = around.name if around else document.name
        files = {name: document.parsed, **(self._others(around) if around else {})}
        asked = self.settings.arguments
        arguments, origin = (asked, "the setting jouleline.arguments") if asked else ("", "")
        if not arguments and around is not None:
            arguments, origin = around.arguments, around.origin
        view = View(
            document,
            name,
            files,
            self.device,
            arguments,
            origin,
            self.encoding,
            self.memory,
            around.macros if around else {},
            around.root if around else None,
            around.makefile if around else "",
        )
        known = self.told(uri) or (self._earlier.give(uri) if self._earlier is not None else None)
        if known is not None and view.same_as(known):
            view = known
        else:
            self._earlier = None  # from here on it is outdated
        self._views[uri] = view
        self.kept.seen(uri)
        return view

    def told(self, uri: str) -> View | None:
        """What something was told from last."""
        return self._views.get(uri)

    def give(self, uri: str) -> View | None:
        """The same, to be told from by a later session; this one has it no longer."""
        return self._views.pop(uri, None)

    def kept_hints(self, uri: str) -> list[Hint] | None:
        """The hints of a document as they were kept, until somebody looks at it; None if there are none."""
        subject = self.subject(uri)
        return self.kept.tell(subject) if subject is not None and self.client.refresh_hints else None

    def subject(self, uri: str) -> Subject | None:
        """What hints of a document are kept by; None if it is not open, or no device is known."""
        document, device = self.documents.get(uri), self.device
        if document is None or device is None:
            return None
        return Subject(uri, document.text.data, device.id, self.settings.arguments, self.encoding)

    async def _first_look(self, uri: str) -> None:
        """Give the disk a moment after a document was opened: answers that are soon replaced flicker."""
        look = self._looks.get(uri)
        if look is not None:
            await asyncio.wait([look], timeout=_PATIENCE_S if self.client.refresh_hints else _LONG_PATIENCE_S)

    def _others(self, around: Surroundings) -> dict[str, ParsedFile]:
        """The program's other files, those that are open as they are in the editor."""
        opened = {document.path: document for document in self.documents.values()}
        found = {}
        for name, file in around.files.items():
            document = opened.get(absolute(around.root, name))
            found[name] = (document.parsed if document is not None else None) or file
        return found

    def document(self, uri: str, language: str, version: int, text: SourceText) -> Document:
        """A document to be opened, with what is known of its text."""
        path = to_path(uri)
        document = Document(uri, path, language, version, text, self.read_before(path, text))
        early = self._earlier.documents.get(uri) if self._earlier is not None else None
        return early if early is not None and early.same_as(document) else document

    def put(self, document: Document) -> None:
        """Take a new document, or the next version of one."""
        self.changes += 1
        self.documents[document.uri] = document

    def opened(self, document: Document, look: asyncio.Task[None]) -> None:
        """Take a document that was opened; ``look`` is reading what else belongs to its program."""
        self.put(document)
        self.kept.wanted.add(document.uri)
        self._looks[document.uri] = look
        look.add_done_callback(lambda done: self._looked(document.uri, done))

    def _looked(self, uri: str, look: asyncio.Task[None]) -> None:
        # A document that was closed and opened again has a newer one.
        if self._looks.get(uri) is look:
            del self._looks[uri]

    def read_anew(self, uri: str) -> bool:
        """Parse a half-typed document as if it had just been opened; whether it is another tree then."""
        document = self.documents.get(uri)
        if document is None or not document.is_in_doubt:
            return False
        anew = self.documents[uri] = document.anew()
        return not anew.reads_as(document)

    def close(self, uri: str) -> None:
        """Forget a document."""
        self.documents.pop(uri, None)
        self._surroundings.pop(uri, None)
        self._newest_looks.pop(uri, None)
        self._views.pop(uri, None)
        self.kept.close(uri)

    async def look_around(self, uri: str) -> bool:
        """Read what else belongs to a document's program; whether that is news."""
        subject = self.subject(uri)
        if subject is not None and self.client.refresh_hints and self.kept.find(subject) is not None:
            await asyncio.sleep(_HINTS_FIRST_S)
        document = self.documents.get(uri)
        if document is None or document.path is None or document.parsed is None:
            return False
        look = self.look(uri)
        found = await asyncio.to_thread(
            look_around, document.path, self.folders, self.overlay(), self.parsed_files()
        )
        return self.surround(uri, found, look)

    def look(self, uri: str) -> object:
        """The mark of a look at the disk that begins now."""
        self._newest_looks[uri] = mark = object()
        return mark

    def surround(self, uri: str, found: Surroundings, look: object) -> bool:
        """Take what a look at the disk says of a document's program; whether that is news.

        Looks may end in another order than they began: the one that began last counts.
        """
        known = self._surroundings.get(uri)
        if self._newest_looks.get(uri) is not look or found.same_as(known):
            return False
        self._surroundings[uri] = found
        return True

    def improve(self, view: View, better: Mapping[Place, tuple[KernelReport, ...]]) -> None:
        """Take better evidence of a view's kernels."""
        for place, reports in better.items():
            view.remember(place, reports)
        uri = view.document.uri
        if self._views.get(uri) is view:
            del self._views[uri]  # it has told, and goes on to tell, what was known before

    def forget(self) -> None:
        """Forget all bounds; they are worked out anew from the source."""
        self.memory = Memory()
        self._views.clear()
        self._earlier = None

    def overlay(self) -> Mapping[Path, bytes]:
        """The texts of all open files."""
        return {
            document.path: document.text.data
            for document in self.documents.values()
            if document.path is not None
        }

    def parsed_files(self) -> Mapping[Path, ParsedFile]:
        """All parsed files of the programs that are open, to be reused."""
        beside = {
            absolute(around.root, name): file
            for around in self._surroundings.values()
            for name, file in around.files.items()
        }
        opened = {one.path: one.parsed for one in self.documents.values() if one.path and one.parsed}
        return {**(self._earlier.parsed_files() if self._earlier is not None else {}), **beside, **opened}

    def read_before(self, path: Path | None, text: SourceText) -> ParsedFile | None:
        """A file of that text, if it was read as a part of another one's program."""
        if path is None:
            return None
        named = (
            (absolute(around.root, name), file)
            for around in self._surroundings.values()
            for name, file in around.files.items()
            if name.endswith(path.name)  # a path takes longer to make, and each opening waits for all
        )
        return next((file for place, file in named if place == path and file.source.text == text), None)

    def document_at(self, path: Path) -> Document | None:
        """The open document of a file."""
        return next((one for one in self.documents.values() if one.path == path), None)
