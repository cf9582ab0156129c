"""Profile evidence: from a profiler's files to the kernels of an analysis. Pure; no file is opened.

An editor imports a profile as the command line does: decode the files, `read_profile`, and refine
the analysis with `ProfileEvidence`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from jouleline.core.counts import Evidence
from jouleline.core.kernel import Kernel, Language
from jouleline.core.ports import Profiler
from jouleline.core.profile import KernelProfile, Profile, ProfileError, representatives, united
from jouleline.core.roofline import classify
from jouleline.core.symbol import Symbol, normal_type, read_symbol, split

from .analyse import Analysis, KernelReport
from .evidence import Refinement
from .program import Problem, Program

_SHOWN_NAMES = 5
_SHOWN_METRICS = 2
_UNLAUNCHED = "was not launched in the profiled run"
_NAMED = re.compile(r"^\w+(?:<.*>(?=\())?")
"""A kernel's name as it is shown, with template arguments or without."""
_LACKS = re.compile(r"\blacks ([^:]+): collect with .*", re.DOTALL)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def decode_profile(name: str, data: bytes) -> str:
    """The text of a profiler's file; ``name`` is for messages.

    Raises:
        ProfileError: if it is a report that only the profiler itself can read, or no text.
    """
    if name.endswith(".ncu-rep") or data.startswith(b"NVR\0"):
        raise ProfileError(
            f"{name}: is a report of Nsight Compute, which only ncu reads: write it as text with "
            f"`ncu --import {name} --csv --page raw --print-units base > profile.csv`"
        )
    if data.startswith(b"SQLite format 3"):
        raise ProfileError(f"{name}: is a database; run rocprofv3 with `--output-format csv`")
    try:
        # A shell of Windows redirects into UTF-16.
        text = data.decode("utf-16" if data.startswith(_UTF_16) else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ProfileError(f"{name}: is no text; a profile is a CSV file of ncu or rocprof")
    return text


def read_profile(files: Mapping[str, str], profilers: Iterable[Profiler]) -> Profile:
    """The launches in the texts of profilers' files, by name; together they are one profile.

    Raises:
        ProfileError: if a text is nobody's, is damaged, or no launch in them can be used.
    """
    profilers = tuple(profilers)
    launches: list[KernelProfile] = []
    problems: dict[str, None] = {}
    found: dict[str, list[str]] = {}
    for file, text in files.items():
        owner = next((one.name for one in profilers if one.recognises(text)), None)
        if owner is None:
            refusal = next((said for one in profilers if (said := one.refusal(text))), None)
            names = " or ".join(one.name for one in profilers)
            raise ProfileError(
                f"{file}: holds no profile: {refusal}"
                if refusal
                else f"{file}: is no CSV of {names}; docs/bounds.md shows the commands that write one"
            )
        found.setdefault(owner, []).append(file)
    for profiler in profilers:
        runs = []
        for file in found.get(profiler.name, ()):
            try:
                runs.append(profiler.read(files[file]))
            except ProfileError as error:
                raise ProfileError(f"{file}: {error}") from error
        for record in united(runs):
            try:
                launches.append(profiler.profile(record))
            except ProfileError as error:
                problems[f"{record.kernel} {error}"] = None
    if not launches:
        reason = next(iter(problems), "no kernel was launched")
        raise ProfileError(f"{', '.join(files)}: nothing in it can be used: {reason}")
    return Profile(tuple(launches), tuple(problems))


def brief(sentence: str) -> str:
    """What is said of metrics that a profile lacks, without most of them and what collects them."""
    lacks = _LACKS.search(sentence)
    if lacks is None:
        return sentence
    names = lacks[1].split(", ")
    shown = ", ".join(names[:_SHOWN_METRICS])
    if len(names) <= _SHOWN_METRICS:
        return f"{sentence[: lacks.start()]}lacks {shown}"
    return f"{sentence[: lacks.start()]}lacks {len(names)} metrics that are needed: {shown}, ..."


def sentences(problems: Iterable[Problem]) -> list[str]:
    """What problems say, all kernels of which a run launched none in one sentence."""
    unlaunched: dict[str, list[str]] = {}
    said: dict[str, str] = {}
    for problem in problems:
        name, found, run = problem.message.partition(f" {_UNLAUNCHED} ")
        if not found:
            said[problem.message] = problem.message
            continue
        names = unlaunched.setdefault(run, [])
        names.append(name)
        what = _UNLAUNCHED if len(names) == 1 else _UNLAUNCHED.replace("was", "were", 1)
        said[found + run] = f"{_listed(names)} {what} {run}"
    return list(said.values())


@dataclass(frozen=True)
class ProfileEvidence:
    """Evidence from a profile that was read; ``origin`` names it in messages."""

    profile: Profile
    origin: str

    @property
    def kind(self) -> Evidence:
        """Profile evidence, the best there is."""
        return Evidence.PROFILE

    def refine(self, analysis: Analysis, program: Program) -> Refinement:
        """The kernels as they were measured, one report for each shape and instantiation."""
        del program
        problems = [Problem(self.origin, 1, text) for text in self.profile.problems]
        definitions: dict[tuple[str, int], list[int]] = {}
        for index, report in enumerate(analysis.kernels):
            definitions.setdefault((report.file, report.kernel.start), []).append(index)
        launched: dict[tuple[str, int], list[tuple[Symbol, KernelProfile]]] = {}
        strangers: dict[str, None] = {}
        same_name: dict[tuple[str, int], None] = {}
        for launch in representatives(self.profile.launches):
            symbol = read_symbol(launch.kernel)
            best = _definitions_of(symbol, analysis, definitions)
            if not best:
                strangers[launch.kernel] = None
                continue
            launched.setdefault(best[0], []).append((symbol, launch))
            if len(best) > 1:
                same_name |= dict.fromkeys(best)
                problems.append(_ambiguous(launch, best, analysis, definitions))
        if strangers:
            problems.append(Problem(self.origin, 1, _not_of_this_program(tuple(strangers))))
        reports: dict[int, Sequence[KernelReport]] = {}
        for key, indices in definitions.items():
            if key in launched:
                reports |= _assigned(launched[key], indices, analysis)
            elif key not in same_name and _runs_on_device(analysis.kernels[indices[0]].kernel):
                report = analysis.kernels[indices[0]]
                message = f"{report.kernel.name} {_UNLAUNCHED} ({self.origin})"
                problems.append(Problem(report.file, report.kernel.line, message))
        return Refinement(reports=reports, problems=tuple(dict.fromkeys(problems)))


def _definitions_of(
    symbol: Symbol, analysis: Analysis, definitions: Mapping[tuple[str, int], Sequence[int]]
) -> list[tuple[str, int]]:
    """The kernels that a symbol may name; several only if nothing tells them apart."""
    kernels = {key: analysis.kernels[indices[0]].kernel for key, indices in definitions.items()}
    if symbol.offload:
        regions = {
            key: kernel
            for key, kernel in kernels.items()
            if kernel.language is Language.OPENMP
            and _runs_on_device(kernel)
            and symbol.line in (None, kernel.line)
        }
        named = [key for key, kernel in regions.items() if symbol.is_called(kernel.name)]
        # A function's name may be spelled in ways we do not read; the line alone is enough if unique.
        return named or (list(regions) if symbol.line is not None and len(regions) == 1 else [])
    named = [
        key
        for key, kernel in kernels.items()
        if kernel.language is not Language.OPENMP and symbol.is_called(kernel.name)
    ]
    if len(named) < 2:
        return named
    ranks = {key: (symbol.place(kernels[key].name), -_likeness(symbol, kernels[key])) for key in named}
    best = min(ranks.values())
    return [key for key in named if ranks[key] == best]


def _likeness(symbol: Symbol, kernel: Kernel) -> int:
    """How many parameters of a kernel have the types that the symbol tells; -1 for another number."""
    if symbol.parameters is None:
        return 0
    own = [normal_type(part) for part in split(kernel.display.partition("(")[2].removesuffix(")"))]
    if len(own) != len(symbol.parameters):
        return -1
    return sum(a == b for a, b in zip(own, symbol.parameters, strict=True))


def _assigned(
    launched: Sequence[tuple[Symbol, KernelProfile]], indices: Sequence[int], analysis: Analysis
) -> dict[int, Sequence[KernelReport]]:
    """The measured launches of one kernel, in their order, in place of the reports that fit them best.

    A report that fits none goes to a launch that is left; reports that are left over stay as they are.
    """
    places: dict[int, int] = {}
    for wanted in (3, 2, 1, 0):
        for number, (symbol, launch) in enumerate(launched):
            if number in places:
                continue
            free = [index for index in indices if index not in places.values()]
            fitting = [i for i in free if _fit(symbol, launch, analysis.kernels[i]) >= wanted]
            if fitting:
                places[number] = fitting[0]
    measured = []
    for number, (symbol, launch) in enumerate(launched):
        fits = {index: _fit(symbol, launch, analysis.kernels[index]) for index in indices}
        index = places.get(number, max(fits, key=fits.__getitem__))
        measured.append(_measured(analysis.kernels[index], symbol, launch, analysis))
    return {**dict.fromkeys(places.values(), ()), min(places.values()): measured}


def _fit(symbol: Symbol, launch: KernelProfile, report: KernelReport) -> int:
    """2 for the same template arguments and 1 for the same shape."""
    return 2 * symbol.is_instance_of(report.template_arguments) + launch.fits(report.counts.shape)


def _measured(
    report: KernelReport, symbol: Symbol, launch: KernelProfile, analysis: Analysis
) -> KernelReport:
    device = analysis.device
    notes: tuple[str, ...] = ()
    if launch.target and launch.target != device.target:
        traffic = f"DRAM traffic as on the GPU that was profiled ({launch.target})"
        notes = (f"{traffic}; {device.id} ({device.target}) has other caches",)
    counts = launch.counts(device, notes)
    if launch.flat:
        known = report.counts.shape
        if known.known and launch.fits(known):
            counts = replace(counts, shape=known)
    kernel = report.kernel
    if symbol.template_arguments and not symbol.is_instance_of(report.template_arguments):
        instance = f"{kernel.name}<{', '.join(symbol.template_arguments)}>"
        shown = _NAMED.sub(lambda _: instance, kernel.display, count=1)
        kernel = replace(kernel, instance=shown)
    return replace(
        report, kernel=kernel, counts=counts, bound=classify(counts, device), opinion=False, profile=launch
    )


def _runs_on_device(kernel: Kernel) -> bool:
    return kernel.directive is None or kernel.directive.has("target")


def _not_of_this_program(names: Sequence[str]) -> str:
    return f"profiled, but not a kernel of this program: {_listed(names)}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN_NAMES])
    return f"{shown} and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else shown


def _ambiguous(
    launch: KernelProfile,
    keys: Sequence[tuple[str, int]],
    analysis: Analysis,
    definitions: Mapping[tuple[str, int], Sequence[int]],
) -> Problem:
    first = analysis.kernels[definitions[keys[0]][0]]
    return Problem(
        first.file,
        first.kernel.line,
        f"{launch.kernel} may be any of {len(keys)} definitions of that name; taken for this one",
    )
