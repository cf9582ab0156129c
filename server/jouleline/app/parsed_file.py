"""A program's files, parsed, with what is found in them; after an edit, found again only around it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import TypeVar

from jouleline.core.facts import FileFacts, gather
from jouleline.core.kernel import Kernel, Launch
from jouleline.core.syntax import Change, ParsedSource, UnreadableSourceError, parse
from jouleline.languages import LANGUAGES, LanguageSupport

from .program import Problem

T = TypeVar("T", Kernel, Launch)


@dataclass(frozen=True)
class ParsedFile:
    """One file with all that is found in it, whatever the device."""

    source: ParsedSource
    kernels: tuple[tuple[LanguageSupport, Kernel], ...]
    launches: tuple[Launch, ...]

    @cached_property
    def facts(self) -> FileFacts:
        """What the file declares; gathered when it is asked for, which few keystrokes do."""
        return gather(self.source)

    @cached_property
    def around(self) -> bytes:
        """A digest of the file without the bodies of kernels, which cannot depend on each other.

        Lines count: assumptions name them.
        """
        # What does not parse is read as the compiler sees it, all of the file.
        digest = blake2b(str(self._broken).encode(), digest_size=16)
        digest.update(b"\0".join(self._between_kernels()))
        return digest.digest()

    @property
    def _broken(self) -> bool:
        """Whether something does not parse that is in no kernel's body."""
        if not self.source.root.has_error:
            return False
        bodies = [(kernel.anchor, kernel.end) for _, kernel in self.kernels if kernel.is_closed]
        waiting = [self.source.root]
        while waiting:
            for node in waiting.pop().children:
                if not node.has_error:
                    continue
                start, end = node.start_byte, node.end_byte
                place = bisect_right(bodies, (start, len(self.source.text.data))) - 1
                if place >= 0 and end <= bodies[place][1]:
                    continue
                if node.is_error or not node.child_count:
                    return True
                waiting.append(node)
        return False

    def _between_kernels(self) -> Iterator[bytes]:
        """Stretches of text, each with the line that it begins in."""
        data, lines = self.source.text.data, self.source.text.line_starts
        start = 0
        for _, kernel in self.kernels:
            if kernel.anchor >= start and kernel.is_closed:
                yield b"%d" % bisect_right(lines, start)
                yield data[start : kernel.anchor]
                start = kernel.end
        yield b"%d" % bisect_right(lines, start)
        yield data[start:]

    @staticmethod
    def of(source: ParsedSource) -> ParsedFile:
        """What is found in a file."""
        kernels = tuple((language, kernel) for language in LANGUAGES for kernel in language.kernels(source))
        launches = tuple(launch for language in LANGUAGES for launch in language.launches(source))
        return ParsedFile(source, kernels, launches)

    def after(self, source: ParsedSource) -> ParsedFile:
        """What is found in the next state: what was outside of the change, and what is in it now."""
        if any(one.spoken_in(source) != one.spoken_in(self.source) for one in LANGUAGES):
            return ParsedFile.of(source)
        change = self._change(source)
        within = range(change.start, change.end)
        kernels: list[tuple[LanguageSupport, Kernel]] = []
        launches: list[Launch] = []
        for language in LANGUAGES:
            spoken = (kernel for one, kernel in self.kernels if one is language)
            known = {kernel.start: kernel for kernel in self._kept(spoken, change, source)}
            known |= {kernel.start: kernel for kernel in language.kernels(source, within)}
            kernels += ((language, known[start]) for start in sorted(known))
            launches += language.launches(source, within)
        launches += self._kept(self.launches, change, source)
        return ParsedFile(source, tuple(kernels), tuple(sorted(launches, key=lambda one: one.anchor)))

    def _kept(self, found: Iterable[T], change: Change, source: ParsedSource) -> Iterator[T]:
        """What was found outside of the change, as it is in the next state."""
        for one in found:
            if one.end <= change.start:
                # What was found in a repaired text stays there: in front of the change it is the same.
                yield one.moved(source, 0, 0) if one.source is self.source else one
            elif one.start >= change.end - change.by:
                yield one.moved(source, change.by, change.lines)

    def _change(self, source: ParsedSource) -> Change:
        """The change to a later state, with all in it that may follow from what has changed."""
        change, narrower = Change.between(self.source, source), None
        kernels = [kernel for _, kernel in self.kernels]
        found: tuple[Kernel | Launch, ...] = (*kernels, *self.launches)
        # What is half typed ends where something else begins.
        half_typed = [
            kernel for kernel in kernels if kernel.place is None or kernel.source is not self.source
        ]
        while change != narrower:
            narrower = change
            for kernel in half_typed:
                if kernel.place is None or kernel.start >= change.start:
                    change = change.widened(kernel.start, kernel.end)
            for one in found:
                if one.start < change.start < one.end or one.start < change.end - change.by < one.end:
                    change = change.widened(one.start, one.end)
        return change


def parse_file(data: bytes, previous: ParsedFile | None = None) -> ParsedFile:
    """Parse one file, reusing what is known of its earlier state.

    Raises:
        UnreadableSourceError: if the data is no source text.
    """
    if previous is None:
        return ParsedFile.of(parse(data))
    source = parse(data, previous.source)
    return previous if source is previous.source else previous.after(source)


def parse_files(files: Mapping[str, bytes]) -> tuple[dict[str, ParsedFile], list[Problem]]:
    """Parse a program's files; those that are no source become problems."""
    parsed: dict[str, ParsedFile] = {}
    problems: list[Problem] = []
    for name, data in files.items():
        try:
            parsed[name] = parse_file(data)
        except UnreadableSourceError as error:
            problems.append(Problem(name, 1, str(error)))
    return parsed, problems
