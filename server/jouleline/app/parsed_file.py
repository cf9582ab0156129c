"""A program's files, parsed, with what is found in them; after an edit, found again only around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b

from tree_sitter import Node

from jouleline.core.change import Change
from jouleline.core.facts import FileFacts, gather
from jouleline.core.kept import cached_property
from jouleline.core.kernel import Kernel, Launch
from jouleline.core.syntax import ParsedSource, UnreadableSourceError, parse
from jouleline.languages import LANGUAGES

from .findings import Findings, Kernels
from .program import Problem


@dataclass(frozen=True)
class ParsedFile:
    """One file with all that is found in it, whatever the device."""

    source: ParsedSource
    kernels: Kernels
    launches: Findings[Launch]

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
        digest = blake2b(str(self.is_broken).encode(), digest_size=16)
        digest.update(b"\0".join(self._between_kernels(self.source.text.data)))
        if self.is_broken:  # an open comment hides the launches behind it
            digest.update(b"\0".join(self._between_kernels(self.source.masked.data)))
        return digest.digest()

    @cached_property
    def is_broken(self) -> bool:
        """Whether something does not parse that is in no kernel's body."""
        if not self.source.root.has_error:
            return False
        waiting = [self.source.root]
        while waiting:
            for node in waiting.pop().children:
                if not node.has_error or self._is_in_body(node):
                    continue
                if node.is_error or not node.child_count:
                    return True
                waiting.append(node)
        return False

    def _is_in_body(self, node: Node) -> bool:
        """Whether a node stands in the body of a kernel that says what it tells others."""
        start, end = node.start_byte, node.end_byte
        around = self.closed(start - self.kernels.longest, start + 1)
        return any(anchor <= start and end <= last for anchor, last, _ in around)

    def _between_kernels(self, data: bytes) -> Iterator[bytes]:
        """Stretches of a text, and what each body in between tells."""
        position = 0
        for anchor, end, told in sorted(self.apart(0, len(data))):
            if anchor >= position:
                yield data[position:anchor]
                yield told
                position = end
        yield data[position:]

    def apart(self, first: int, last: int) -> Iterator[tuple[int, int, bytes]]:
        """The same but for those that something broken reaches into, or may be read with."""
        return (one for one in self.closed(first, last) if not self.is_broken or self._is_whole(*one[:2]))

    def _is_whole(self, anchor: int, end: int) -> bool:
        """Whether a kernel is read as one function, whatever is broken elsewhere."""
        node = self.source.root.descendant_for_byte_range(anchor, end)
        if node is None or node.type != "function_definition" or node.end_byte != end:
            return False
        while node is not None and not node.is_error:
            node = node.parent
        return node is None

    def closed(self, first: int, last: int) -> Iterator[tuple[int, int, bytes]]:
        """The kernels that start there and say what their bodies tell others: from hint to end, and that."""
        for _, kernels in self.kernels.found:
            for _, one, by in kernels.starting(first, last):
                if one.told is not None:
                    yield one.anchor + by, one.end + by, one.told

    @staticmethod
    def of(source: ParsedSource) -> ParsedFile:
        """What is found in a file."""
        kernels = [(language, Findings.of(language.kernels(source), source)) for language in LANGUAGES]
        launches = [launch for language in LANGUAGES for launch in language.launches(source)]
        return ParsedFile(source, Kernels(kernels), Findings.of(launches, source))

    def after(self, source: ParsedSource) -> ParsedFile:
        """What is found in the next state: what was outside of the change, and what is in it now."""
        if any(one.spoken_in(source) != one.spoken_in(self.source) for one in LANGUAGES):
            return ParsedFile.of(source)
        assert source.change is not None, "it was parsed from this state"
        change, found = self._typed_in(source, source.change) or self._looked_for(source, source.change)
        kernels = [
            (
                language,
                known.after(source, change, [one for one in found if one.language is language.language]),
            )
            for language, known in self.kernels.found
        ]
        within = range(change.start, change.end)
        launches = [launch for language in LANGUAGES for launch in language.launches(source, within)]
        after = ParsedFile(source, Kernels(kernels), self.launches.after(source, change, launches))
        if "around" in self.__dict__ and self._is_alike_around(after, change):
            after.__dict__["around"] = self.around
        return after

    def _typed_in(self, source: ParsedSource, change: Change) -> tuple[Change, list[Kernel]] | None:
        """The kernel whose body alone was changed, which need not be looked for; None if more may have."""
        changed = source.text.data[change.start : change.end]
        if self.kernels.half_typed or b"__global__" in changed or b"pragma" in changed:
            return None
        number, start, end = next(self.kernels.meeting(change.start, change.end - change.by), (0, 0, 0))
        if len([*self.kernels.meeting(start, end)]) != 1 or any(self.launches.meeting(start, end)):
            return None
        kernel = self.kernels[number][1].retyped(source, change)
        return (change.widened(start, end), [kernel]) if kernel is not None else None

    def _looked_for(self, source: ParsedSource, change: Change) -> tuple[Change, list[Kernel]]:
        """A change with all that may follow from it, and the kernels that are found there now."""
        found: list[Kernel] | None = None
        reach = change.end
        while found is None or reach > change.end:
            # What is found may take in what stands behind it.
            change = self._widened(change.widened(change.start, reach - change.by))
            within = range(change.start, change.end)
            found = [kernel for language in LANGUAGES for kernel in language.kernels(source, within)]
            reach = max((one.end for one in found if one.start < change.end), default=0)
        return change, found

    def _is_alike_around(self, after: ParsedFile, change: Change) -> bool:
        """Whether a change to the next state is in what matters to one kernel alone, and moves no line."""
        first = change.start, change.start + 1
        now = list(after.apart(*first))
        return (
            now == [(anchor, end + change.by, told) for anchor, end, told in self.apart(*first)]
            and any(anchor <= change.edit.start and end == change.end for anchor, end, _ in now)
            and self.is_broken == after.is_broken
        )

    def _widened(self, change: Change) -> Change:
        """A change to this state, with all in it that may follow from what has changed."""
        narrower = None
        # What is half typed ends where something else begins.
        half_typed = self.kernels.half_typed
        while change != narrower:
            narrower = change
            for kernel in half_typed:
                if kernel.place is None or kernel.start >= change.start:
                    change = change.widened(kernel.start, kernel.end)
            stretch = change.start, change.end - change.by
            for _, start, end in (*self.kernels.meeting(*stretch), *self.launches.meeting(*stretch)):
                change = change.widened(start, end)
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
