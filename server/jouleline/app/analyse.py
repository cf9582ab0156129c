"""From a program to the bounds of its kernels: the document path. No I/O and no waiting."""

from __future__ import annotations

import shlex
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tree_sitter import Node

from jouleline.core.counts import Evidence, KernelCounts
from jouleline.core.declarations import function_of
from jouleline.core.device import Device
from jouleline.core.estimate import estimate
from jouleline.core.hostfunctions import HostFunctions
from jouleline.core.hostrun import follow
from jouleline.core.hostscope import HostScope
from jouleline.core.inlining import Inlined, Part
from jouleline.core.kernel import Kernel, Language, Launch
from jouleline.core.launchsites import LaunchSites
from jouleline.core.preprocessing import compiled
from jouleline.core.profile import KernelProfile
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.roofline import Bound, classify
from jouleline.core.source import SourceText
from jouleline.core.syntax import ParsedSource, descendants
from jouleline.core.visit import Visit
from jouleline.languages import LANGUAGES, LanguageSupport

from .findings import Kernels
from .parsed_file import ParsedFile, parse_file, parse_files
from .program import Problem
from .spreads import certain

__all__ = [
    "Analysis",
    "Followed",
    "KernelReport",
    "ParsedFile",
    "analyse",
    "parse_file",
    "parse_files",
    "split_run_line",
]


@dataclass(frozen=True)
class KernelReport:
    """One kernel, launched in one way, on one device; ``visit`` is the state in which a region was reached.

    The bound follows from the counts, unless it is a model's ``opinion``. ``profile`` is the launch
    that was measured, where counts come from one.
    """

    file: str
    kernel: Kernel
    launch: Launch | None
    counts: KernelCounts
    bound: Bound
    opinion: bool = False
    profile: KernelProfile | None = None
    visit: Visit | None = None

    @property
    def evidence(self) -> Evidence:
        """The kind of evidence of the bound."""
        return Evidence.MODEL if self.opinion else self.counts.evidence

    @property
    def template_arguments(self) -> tuple[str, ...]:
        """Those of this launch, or of the function around a region as it was reached."""
        return _template_arguments(self.launch, self.visit)


@dataclass(frozen=True)
class Analysis:
    """The kernels of a program, in the order of files and text, and what could not be read."""

    device: Device
    arguments: tuple[str, ...]
    kernels: tuple[KernelReport, ...]
    problems: tuple[Problem, ...] = ()
    texts: Mapping[str, SourceText] = field(default_factory=dict)
    launches: Mapping[str, tuple[Launch, ...]] = field(default_factory=dict)

    def of(self, file: str) -> tuple[KernelReport, ...]:
        """The kernels that are defined in a file."""
        return tuple(report for report in self.kernels if report.file == file)


@dataclass(frozen=True)
class Followed:
    """A program whose host code has been followed on a device: all that its kernels are counted by.

    Bodies of kernels have no part in it, so it serves as well when one of them has changed: regions stand
    where they stood among ``kernels``, by file. Kernels share what they find in its host ``functions``, and
    ``parts``, the device functions that were counted.
    """

    program: ProgramFacts
    device: Device
    arguments: tuple[str, ...]
    reached: LaunchSites
    launches: Mapping[str, list[Launch]]
    kernels: Mapping[str, Kernels]
    functions: HostFunctions = field(default_factory=HostFunctions)
    parts: dict[Hashable, Part] = field(default_factory=dict)

    @staticmethod
    def of(
        parsed: Mapping[str, ParsedFile],
        device: Device,
        arguments: tuple[str, ...],
        macros: Mapping[str, str] | None = None,
    ) -> Followed:
        """Follow a program's host code with the arguments of a run line and the macros of its build."""
        program = ProgramFacts({name: file.facts for name, file in parsed.items()}, macros or {})
        known = {id(file.source): file for file in parsed.values()}

        def find(source: ParsedSource) -> Sequence[Launch]:
            file = known.get(id(source))
            return _launches(source) if file is None else file.launches

        reached = follow(compiled(program), arguments, int(device.multiprocessors.value), find)
        kernels = {name: file.kernels for name, file in parsed.items()}
        return Followed(reached.program, device, arguments, reached, _ways(parsed, reached), kernels)

    def reports(
        self, file: str, language: LanguageSupport, kernel: Kernel, number: int | None = None
    ) -> list[KernelReport]:
        """The bounds of one kernel in ``file``, one for each way it is launched.

        Its ``number`` there tells which it is of those that there were, if its text is a later one.
        """
        found = []
        there = kernel
        if number is not None and kernel.directive is not None:
            _, there = self.kernels[file][number]
        program = self._program_at(file, there)
        for way, visit in _visited(there, self.launches, self.reached):
            host = HostScope(self.program, self.arguments, visit, there.place, functions=self.functions)
            setting = language.enter(kernel, way, program, host)
            setting.counter.inlined = Inlined(self.parts)
            used = (*host.used.values(), *(visit.used if visit is not None else ()))
            setting.counter.tally.assumptions.update(dict.fromkeys(used))
            counts = certain(estimate(setting, self.device, file))
            shown = _instance(kernel, way, visit)
            found.append(KernelReport(file, shown, way, counts, classify(counts, self.device), visit=visit))
        return found

    def _program_at(self, file: str, kernel: Kernel) -> ProgramFacts:
        """The program with the macros that the kernel sees."""
        if not self.program.redefines(file):
            return self.program
        facts, at = self.program.files[file], kernel.end  # it may define its macros itself
        if facts.source is not kernel.source and (known := facts.overloads.get(kernel.name)):
            # The kernel is in a later state of the file, or in a repaired text: the n-th of its name.
            before = sum(one.start_byte < kernel.start for one in _definitions(kernel))
            at = known[min(before, len(known) - 1)].node.end_byte
        return self.program.seen_from(file, at)


def analyse(
    parsed: Mapping[str, ParsedFile],
    device: Device,
    arguments: tuple[str, ...] = (),
    problems: tuple[Problem, ...] = (),
    *,
    followed: Followed | None = None,
    macros: Mapping[str, str] | None = None,
) -> Analysis:
    """The bound of every kernel of a program on a device.

    ``arguments`` are those of the run line; sizes are derived from them. ``macros`` are those that
    the build defines. ``followed`` is the program's host code, if it was followed on a device of as
    many multiprocessors.
    """
    kernels = [(name, *found) for name, file in parsed.items() for found in file.kernels]
    reports: list[KernelReport] = []
    if kernels:  # to find that host code reaches none takes as long as to follow it to some
        known = (
            replace(followed, device=device) if followed else Followed.of(parsed, device, arguments, macros)
        )
        reports = [report for one in kernels for report in known.reports(*one)]
    return Analysis(
        device,
        arguments,
        tuple(reports),
        problems,
        {name: file.source.text for name, file in parsed.items()},
        {name: tuple(file.launches) for name, file in parsed.items()},
    )


def _definitions(kernel: Kernel) -> Iterator[Node]:
    """The functions of a kernel's name in its text, in order."""
    for node in descendants(kernel.source.root, "function_definition"):
        function = function_of(node, kernel.source)
        if function is not None and function.name == kernel.name:
            yield node


def _launches(source: ParsedSource) -> list[Launch]:
    return [launch for language in LANGUAGES for launch in language.launches(source)]


def _ways(parsed: Mapping[str, ParsedFile], reached: LaunchSites) -> dict[str, list[Launch]]:
    """The launches of each kernel: those that are reached, in that order, then the others."""
    launches: dict[str, list[Launch]] = {}
    for launch in reached.visits:
        launches.setdefault(launch.kernel, []).append(launch)
    for file in parsed.values():
        for launch in file.launches:
            if not reached.reached(file.source, launch):
                launches.setdefault(launch.kernel, []).append(launch)
    return launches


def _visited(
    kernel: Kernel, launches: Mapping[str, list[Launch]], reached: LaunchSites
) -> Sequence[tuple[Launch | None, Visit | None]]:
    """The ways in which a kernel is reached, by a launch or where a region stands; one at least."""
    ways = _distinct(launches.get(kernel.name, ()))
    if ways and kernel.language is not Language.OPENMP:
        return [(way, way.visit) for way in ways]
    return [(None, visit) for visit in reached.visits_of(kernel.source, kernel.start) or (None,)]


def _instance(kernel: Kernel, launch: Launch | None, visit: Visit | None) -> Kernel:
    """The kernel as it is shown, with the template arguments that it has in this way of reaching it."""
    given = _template_arguments(launch, visit)
    if not given:
        return kernel
    name = f"{kernel.name}<{', '.join(given)}>"
    return replace(kernel, instance=name + kernel.display.removeprefix(kernel.name))


def _template_arguments(launch: Launch | None, visit: Visit | None) -> tuple[str, ...]:
    if launch is not None:
        return launch.template_arguments
    return tuple(visit.template.values()) if visit is not None else ()


def _distinct(launches: Sequence[Launch]) -> Sequence[Launch]:
    """Launches that differ in shape or template arguments, the first of each, in their order."""
    seen: dict[tuple[object, ...], Launch] = {}
    for launch in launches:
        visit = launch.visit
        known = visit is not None and None not in (*visit.grid, *visit.block)
        shape = (visit.grid, visit.block) if visit is not None and known else (launch.grid, launch.block)
        seen.setdefault((*shape, launch.template_arguments), launch)
    return list(seen.values())


def split_run_line(text: str) -> tuple[str, ...]:
    """The words of an argument string, quotes respected; split at blanks if quotes do not match."""
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return tuple(text.split())
