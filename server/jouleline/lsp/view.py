"""A consistent look at one document: its program, a device, and bounds that are worked out on demand."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from jouleline.app.analyse import Followed, KernelReport, ParsedFile, split_run_line
from jouleline.core.counts import Evidence
from jouleline.core.device import Device
from jouleline.core.kept import cached_property
from jouleline.core.kernel import Kernel, Launch
from jouleline.core.source import Encoding, SourceText

from .documents import Document
from .memory import Key, Memory, State, Words, around, way

_log = logging.getLogger(__name__)


class Place(NamedTuple):
    """A kernel of a program: the file it is in, and its number there."""

    file: str
    number: int


@dataclass(frozen=True, eq=False)
class View:
    """Immutable; what is worked out is kept, so asking again costs nothing.

    ``files`` are the program's, by name, ``name`` being the document's own. ``arguments`` is the
    run line and ``origin`` says where it comes from; ``macros`` are those that the build defines.
    ``root`` is the program's folder, None if the document is no file or the disk was not read yet;
    ``makefile`` is the text of its Makefile.
    """

    document: Document
    name: str
    files: Mapping[str, ParsedFile]
    device: Device
    arguments: str
    origin: str
    encoding: Encoding
    memory: Memory
    macros: Mapping[str, str] = field(default_factory=dict)
    root: Path | None = None
    makefile: str = ""

    def same_as(self, other: View | None) -> bool:
        """Whether the other one was made of the same things."""
        return (
            other is not None
            and self.document is other.document
            and self.name == other.name
            and self.device is other.device
            and self.arguments == other.arguments
            and self.macros == other.macros
            and self.root == other.root
            and self.makefile == other.makefile
            and self.files.keys() == other.files.keys()
            and all(self.files[name] is other.files[name] for name in self.files)
        )

    @property
    def text(self) -> SourceText:
        """The document's text."""
        return self.document.text

    @property
    def kernels(self) -> tuple[tuple[Place, Kernel], ...]:
        """The kernels in the document, in the order of the text."""
        found = self.files[self.name].kernels
        return tuple((Place(self.name, index), kernel) for index, (_, kernel) in enumerate(found))

    def kernels_between(self, start: int, end: int) -> list[tuple[Place, int]]:
        """The kernels in the document whose hint is in a stretch of it (bytes), and where it is."""
        found = self.files[self.name].kernels.between(start, end)
        return [(Place(self.name, number), anchor) for number, anchor in found]

    def launches_between(self, start: int, end: int) -> list[tuple[Launch, int]]:
        """The launches in the document whose hint is in a stretch of it (bytes), and where it is.

        Of each there is what is known without the syntax tree.
        """
        launches = self.files[self.name].launches
        return [(launches.known[number], anchor) for number, anchor in launches.between(start, end)]

    def everywhere(self) -> Iterator[Place]:
        """The kernels of the program, file by file."""
        for name, file in self.files.items():
            yield from (Place(name, index) for index in range(len(file.kernels)))

    def kernel(self, place: Place) -> Kernel:
        """The kernel at a place."""
        return self.files[place.file].kernels[place.number][1]

    @property
    def launches(self) -> Sequence[Launch]:
        """The launches in the document."""
        return self.files[self.name].launches

    def place_of(self, name: str) -> Place | None:
        """The program's first kernel of that name; the document's own come first."""
        for file, known in self.files.items():
            number = known.kernels.named(name)
            if number is not None:
                return Place(file, number)
        return None

    def known(self, place: Place) -> bool:
        """Whether the kernel's bound has been worked out."""
        return place in self._reports

    def reports(self, place: Place) -> tuple[KernelReport, ...]:
        """The bounds of one kernel, one for each way it is launched; none if it cannot be counted."""
        if place not in self._reports:
            known = self._recalled(self._key(place), place) or self._measured(place)
            self._reports[place] = self._counted(place) if known is None else known
        return self._reports[place]

    def _measured(self, place: Place) -> tuple[KernelReport, ...] | None:
        """What was measured of a kernel, which holds while its own text does, whatever is around it."""
        known = self._recalled(self._own_key(place), place)
        measured = known and any(one.counts.evidence is Evidence.PROFILE for one in known)
        return known if measured else None

    def soon(self, place: Place) -> tuple[KernelReport, ...]:
        """The same without following host code anew: what was known before it was changed is in ``early``.

        A kernel of the same text has the bounds that it had; one that is typed in is counted anew, as it was
        reached before.
        """
        if place in self._reports or place not in self.early:
            early = None if place in self._reports else self._early(place)
            if early is None:
                return self.reports(place)
            self.early[place] = early
        return self.early[place]

    @cached_property
    def early(self) -> dict[Place, tuple[KernelReport, ...]]:
        """What was told soon, and may not hold."""
        return {}

    @property
    def is_from_source(self) -> bool:
        """Whether nothing better is known of the program's kernels than what their source tells."""
        return all(
            one.counts.evidence is Evidence.SOURCE for reports in self._reports.values() for one in reports
        )

    def remember(self, place: Place, reports: tuple[KernelReport, ...]) -> None:
        """Have views of the same things, this one excepted, give better reports of a kernel."""
        self.memory.store(reports, self._key(place), self._own_key(place))

    def report_at(self, launch: Launch, *, soon: bool = False) -> KernelReport | None:
        """The bound of the kernel that a launch in the document starts; None if it is not here."""
        place = self.place_of(launch.kernel)
        reports = (self.soon if soon else self.reports)(place) if place is not None else ()
        return next(
            (one for one in reports if one.launch is not None and way(one.launch) == way(launch)),
            reports[0] if reports else None,
        )

    def words(self, place: Place, launch: Launch | None = None) -> Words | None:
        """What was said of a kernel, or of a way of launching it, where nothing has changed since."""
        if place in self._reports:
            return None  # better reports may be known since
        return self.memory.words(self._key(place), way(launch) if launch is not None else None)

    def _early(self, place: Place) -> tuple[KernelReport, ...] | None:
        """What may be told soon of a kernel; None if nothing may, or all that is known holds."""
        kernel = self.kernel(place)
        if self.memory.knows(self._key(place)):
            return None
        if self.memory.kept(self._state) is not None and kernel.told is not None:
            return None
        known = self._recalled(self._own_key(place), place)
        before = self.memory.kept_before(self._state) if known is None else None
        if before is None or (kernel.directive is not None and not self._stood(place, before)):
            return known
        return self._count(place, before, self._own_key(place))

    def _stood(self, place: Place, before: Followed) -> bool:
        """Whether a region, as a part of the host code, was followed; it is known by its number alone."""
        there, now = before.kernels.get(place.file, ()), self.files[place.file].kernels
        return len(there) == len(now) and there[place.number][1].directive is not None

    def _counted(self, place: Place) -> tuple[KernelReport, ...]:
        followed = self._surroundings if self.kernel(place).told is not None else self._followed
        return self._count(place, followed, self._key(place), self._own_key(place))

    def _count(self, place: Place, followed: Followed, *keys: Key) -> tuple[KernelReport, ...]:
        language, kernel = self.files[place.file].kernels[place.number]
        try:
            reports = tuple(followed.reports(place.file, language, kernel, place.number))
        except Exception:  # noqa: BLE001 - whatever it is, the log has it
            # One kernel that cannot be counted must not take the hints of all others with it.
            _log.exception("%s: kernel %d cannot be counted", place.file, place.number + 1)
            return ()
        self.memory.make_room(sum(len(file.kernels) for file in self.files.values()))
        self.memory.store(reports, *keys)
        # Where an earlier state of the files was followed, its launches are not those of this one.
        return self._recalled(keys[0], place) or reports

    def _recalled(self, key: Key, place: Place) -> tuple[KernelReport, ...] | None:
        return self.memory.recall(key, place.file, self.kernel(place), self._launch)

    def _key(self, place: Place) -> Key:
        """All that a kernel's bounds follow from."""
        return self._state, place.file, *self.files[place.file].kernels.outline(place.number)

    def _own_key(self, place: Place) -> Key:
        """A kernel's own text, and what the bounds of all kernels follow from beside the program's."""
        return self._circumstances, place.file, self.files[place.file].kernels.outline(place.number)[1]

    @cached_property
    def _circumstances(self) -> tuple[str, ...]:
        """What the bounds of all kernels follow from beside the program's text."""
        return self.device.id, self.arguments, str(sorted(self.macros.items())), self.makefile

    @cached_property
    def _followed(self) -> Followed:
        """What the program's host code reaches."""
        followed = Followed.of(self.files, self.device, split_run_line(self.arguments), self.macros)
        self.memory.keep(self._state, followed)
        return followed

    @cached_property
    def _surroundings(self) -> Followed:
        """The same, from an earlier state if the files differ in the bodies of kernels alone."""
        return self.memory.kept(self._state) or self._followed

    @cached_property
    def _state(self) -> State:
        return self._around, (*self._circumstances, *self.files)

    @cached_property
    def _around(self) -> bytes:
        """What all kernels of the program depend on, as a digest."""
        return around(self.files)

    def _launch(self, wanted: tuple[object, ...]) -> Launch | None:
        """The program's first launch of a kernel in some way."""
        for file in self.files.values():
            for number in file.launches.named.get(str(wanted[0]), ()):
                if way(file.launches.known[number]) == wanted:
                    return file.launches[number]
        return None

    @cached_property
    def _reports(self) -> dict[Place, tuple[KernelReport, ...]]:
        return {}
