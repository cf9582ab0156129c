"""Open documents: immutable snapshots of their bytes, parsed when somebody looks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from jouleline.app.analyse import ParsedFile, parse_file
from jouleline.core.kept import cached_property
from jouleline.core.source import SourceText
from jouleline.core.syntax import UnreadableSourceError


@dataclass(frozen=True, eq=False)
class Document:
    """One version of an open document. A change makes a new one.

    ``earlier`` is the newest parsed state before this one; its tree is reused.
    """

    uri: str
    path: Path | None
    language: str
    version: int
    text: SourceText
    earlier: ParsedFile | None = None

    def same_as(self, other: Document) -> bool:
        """Whether the other one is the same version of the same document."""
        return (self.uri, self.language, self.version, self.text) == (
            other.uri,
            other.language,
            other.version,
            other.text,
        )

    @property
    def name(self) -> str:
        """The file's name, for people."""
        return self.path.name if self.path is not None else self.uri

    @cached_property
    def _parsed(self) -> ParsedFile | UnreadableSourceError:
        try:
            return parse_file(self.text.data, self.earlier)
        except UnreadableSourceError as error:
            return error

    @property
    def parsed(self) -> ParsedFile | None:
        """What is in the text; None when it is no source."""
        return self._parsed if isinstance(self._parsed, ParsedFile) else None

    @property
    def problem(self) -> str | None:
        """Why the text is not read, None if it is."""
        return None if isinstance(self._parsed, ParsedFile) else f"{self.name} {self._parsed}"

    @property
    def is_in_doubt(self) -> bool:
        """Whether it has errors and was parsed from an earlier state, of which they may be what is left."""
        return self.earlier is not None and self.parsed is not None and self.parsed.source.root.has_error

    def reads_as(self, other: Document) -> bool:
        """Whether another document of the same text was parsed to the same tree."""
        if self.parsed is None or other.parsed is None:
            return self.parsed is other.parsed
        return str(self.parsed.source.root) == str(other.parsed.source.root)

    def anew(self) -> Document:
        """The document without what is known of its earlier states."""
        return replace(self, earlier=None)

    def changed(self, text: SourceText, version: int) -> Document:
        """The next version of the document."""
        known = self.__dict__.get("_parsed")
        earlier = known if isinstance(known, ParsedFile) else self.earlier
        return Document(self.uri, self.path, self.language, version, text, earlier)
