"""What a candidate changes at the places that a refactoring leaves alone.

Sizes, seeds, inputs, timers, the program's own checks and its convergence tests are compared by
meaning: the sites of both programs (:mod:`.sites`), not their texts. What moved, was renamed or is
spelled otherwise is the same; what is gone or new is a violation, unless the workload consents.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from .constants import evaluated, number
from .normal_form import Names
from .sites import CLOCKS, RANDOM, READS, SEEDING, Kind, Site, sites
from .syntax import ParsedSource, descendants, field, text_of
from .updates import bare_updates, lost_updates

CONSENTS: Final = (*(kind.value for kind in Kind), "operations", "precision")
"""What a workload may allow candidates to change."""

# What may not be missing from a candidate, and what may not be new in it.
_KEPT: Final = frozenset(
    ("seed", "random number", "generator", "reading", "argument", "assertion", "verdict", "threshold",
     "extent", "test")
)  # fmt: skip
_CLOSED: Final = frozenset(("outside", "reading", "extent", "test", "interval", "sweeps", "result", "seed"))
_TUNING: Final = re.compile(
    r"block|blk|tile|thread|unroll|chunk|warp|wave|simd|vec|lanes?|pad|stride|align|grain|batch|factor"
    r"|workgroup|wg_?size|teams?|step_?size|width_?simd|cache|prefetch",
    re.IGNORECASE,
)
_LIBRARY: Final = (
    CLOCKS | RANDOM | SEEDING | READS
    | frozenset("printf fprintf puts exit abort assert fabs abs sqrt pow malloc free memcmp".split())
)  # fmt: skip
_WORDS: Final = frozenset(
    "double float int long short char bool unsigned signed const if else for while do return true false "
    "switch case break continue static inline volatile restrict".split()
)
_LEAST_TELLING: Final = 16
_TIME_UNIT: Final = re.compile(r"(?<![A-Za-z])(?:[mnuµ]?s|(?:milli|micro|nano)?sec(?:ond)?s?)(?![A-Za-z])")


@dataclass(frozen=True, slots=True)
class Violation:
    """One protected place that a candidate changes; ``sentence`` says which and how, with its line."""

    kind: str
    sentence: str


@dataclass(frozen=True)
class Sites:
    """What is protected in one program."""

    names: Names
    found: tuple[Site, ...]
    files: Mapping[str, ParsedSource]

    @staticmethod
    def of(files: Mapping[str, ParsedSource]) -> Sites:
        """Find the protected places of a program's files."""
        names = Names(files)
        return Sites(names, tuple(sites(names, files)), files)

    def keys(self, what: str) -> Counter[str]:
        """How often each meaning occurs at places of one sort."""
        return Counter(site.meaning for site in self.found if site.what == what)


def violations(
    before: Sites, after: Sites, *, told: Iterable[str] = (), repeats_are_run: bool = False
) -> Iterator[Violation]:
    """What the candidate ``after`` changes that it may not.

    ``told`` are the words of all arguments that candidates are known to be run with. With
    ``repeats_are_run`` another gate varies the repeats, and knows better than their text does.
    """
    yield from _missing(before, after)
    yield from _new(before, after)
    yield from _clocks(before, after)
    yield from _figures(before, after)
    yield from _constants(before, after)
    if not repeats_are_run:
        yield from _repeats(before, after)
    yield from _names_taken(before, after)
    for update in lost_updates(before.files, after.files):
        where = f"{update.file}:{update.line}"
        yield Violation(
            "operations", f"{where}: the atomic update of {update.target} is gone and nothing takes its place"
        )
    for update in bare_updates(before.files, after.files):
        where = f"{update.file}:{update.line}"
        yield Violation(
            "operations",
            f"{where}: the update of {update.target} was kept apart from other threads, and now is not",
        )
    yield from _special_cases(before, after, {number(word) for word in told} - {None})


def _missing(before: Sites, after: Sites) -> Iterator[Violation]:
    kept = {site.key for site in after.found}
    for site in before.found:
        if site.what in _KEPT and site.key not in kept:
            kept.add(site.key)
            yield Violation(site.kind, _changed(site, _instead(site, before, after)))
    checks = after.keys("check")
    for name in before.keys("check"):
        if name not in checks and (name in after.names.functions or not checks):
            yield Violation(Kind.CHECKS, f"the program's own check {name}() is not called any more")


def _instead(site: Site, before: Sites, after: Sites) -> Site | None:
    """What stands in a site's place: the nearest of its sort that the baseline does not have."""
    old = {one.key for one in before.found}
    new = [one for one in after.found if one.what == site.what and one.key not in old]
    return min(new, key=lambda one: (one.file != site.file, abs(one.line - site.line)), default=None)


def _changed(site: Site, new: Site | None) -> str:
    where = f"{site.file}:{site.line}: the {site.what} `{site.shown}`"
    if new is None:
        return f"{where} is gone"
    return f"{where} became `{new.shown}` ({new.file}:{new.line})"


def _new(before: Sites, after: Sites) -> Iterator[Violation]:
    for what in sorted(_CLOSED):
        old = before.keys(what)
        for site in after.found:
            if site.what == what and site.meaning not in old:
                old[site.meaning] = 1
                yield Violation(site.kind, f"{site.file}:{site.line}: the {what} `{site.shown}` is new")
    old, new = before.keys("step"), after.keys("step")
    for site in after.found:
        if site.what == "step" and new[site.meaning] > old[site.meaning] > 0:
            new[site.meaning] = 0
            yield Violation(
                site.kind,
                f"{site.file}:{site.line}: {site.shown} is done more often for each convergence test",
            )


def _clocks(before: Sites, after: Sites) -> Iterator[Violation]:
    had, has = before.keys("clock"), after.keys("clock")
    for site in before.found:
        if site.what == "clock" and had.total() > has.total() and has[site.meaning] < had[site.meaning]:
            yield Violation(site.kind, f"{site.file}:{site.line}: the timer `{site.shown}` is gone")
            return


def _figures(before: Sites, after: Sites) -> Iterator[Violation]:
    """Times and rates that are printed: another unit is no harm, another quotient is."""
    old = [site for site in before.found if site.what.startswith("figure")]
    new = [site for site in after.found if site.what.startswith("figure")]
    exact = {site.key for site in new}
    units = {_TIME_UNIT.sub("", site.what) for site in old} <= {_TIME_UNIT.sub("", site.what) for site in new}
    same_words = {site.what for site in old} <= {site.what for site in new}
    essences = {_essence(site.meaning) for site in new}
    for site in old:
        if site.key in exact or (_essence(site.meaning) in essences and not (units and same_words)):
            continue
        if _essence(site.meaning) != ():
            yield Violation(site.kind, _changed(site, _instead(site, before, after)))
            return
    had = {_essence(site.meaning) for site in old}
    for site in new:
        if old and _essence(site.meaning) not in (had | {()}):
            yield Violation(site.kind, f"{site.file}:{site.line}: the figure `{site.shown}` is new")
            return


def _essence(meaning: str) -> tuple[str, ...]:
    """The numbers and arguments in a figure, but for powers of ten, which are units."""
    found = re.findall(r"argv\[\d+\]|(?<![\w.\[])\d+(?:\.\d+)?(?:e[-+]?\d+)?", meaning)
    return tuple(sorted(one for one in found if not re.fullmatch(r"1(?:0*|e[-+]\d+)|0\.0*1", one)))


def _constants(before: Sites, after: Sites) -> Iterator[Violation]:
    """Named numbers that have another value. Renamed and written-out ones are still there by value."""
    old = {name: (value, node) for name, value, node in before.names.constants()}
    new: dict[str, set[str]] = {}
    for name, value, _ in after.names.constants():
        new.setdefault(name, set()).add(value)
    values = {value for some in new.values() for value in some} | _literals(after)
    counts = Counter(name for name, _, _ in before.names.constants())
    tuned = _TUNING.search
    for name, (value, node) in old.items():
        if tuned(name) or _is_step(before, name) or counts[name] > 1:
            continue
        if value in new.get(name, ()) or (name not in new and value in values):
            continue
        line = f" (line {node.start_point[0] + 1})" if node is not None else ""
        kind = Kind.CONVERGENCE if re.search(r"tol|eps|thresh|conv", name, re.IGNORECASE) else Kind.SIZES
        became = f"is now {min(new[name])}" if name in new else "is gone"
        yield Violation(kind, f"the constant {name} = {value}{line} {became}")


def _literals(program: Sites) -> set[str]:
    found = set()
    for source in program.files.values():
        for node in descendants(source.root, "number_literal", "preproc_arg"):
            value = evaluated(text_of(node))
            if value is not None:
                found.add(value)
    return found


def _is_step(program: Sites, name: str) -> bool:
    """Whether a constant is what loops advance by, as the edge of a tile is."""
    used = re.compile(rf"\+=\s*{re.escape(name)}\b")
    pragma = re.compile(rf"#pragma[^\n]*\b{re.escape(name)}\b")
    return any(
        pragma.search(text := source.text.data.decode("utf-8", "replace")) or used.search(text)
        for source in program.files.values()
    )


def _repeats(before: Sites, after: Sites) -> Iterator[Violation]:
    """Loops that only repeat. Their number may not change, nor may they begin to ask for their counter."""
    had, has = before.keys("repeats"), after.keys("repeats")
    new = [site for site in after.found if site.what == "repeats" and site.meaning not in had]
    for site in before.found:
        if site.what == "repeats" and site.meaning not in has:
            if new:
                yield Violation(site.kind, _changed(site, _instead(site, before, after)))
            elif not _still_said(site.meaning, after):
                yield Violation(site.kind, f"{site.file}:{site.line}: the loop `{site.shown}` is gone")
    old = before.keys("skipped repeat")
    for site in after.found:
        if site.what == "skipped repeat" and site.meaning not in old:
            yield Violation(
                site.kind, f"{site.file}:{site.line}: `{site.shown}` singles out some of the repeats"
            )


def _still_said(meaning: str, after: Sites) -> bool:
    literals = set(re.findall(r"(?<!argv\[)\b\d+(?:\.\d+)?\b", meaning))
    return "argv" in meaning or literals <= _literals(after)


def _names_taken(before: Sites, after: Sites) -> Iterator[Violation]:
    """Definitions that stand in for the language's or the library's own."""
    for name in sorted(after.names.defined - before.names.defined):
        if name in _LIBRARY | _WORDS:
            yield Violation(Kind.CHECKS, f"the macro {name} replaces what {name} means")
    for name in after.names.functions:
        if name in _LIBRARY and name not in before.names.functions:
            yield Violation(Kind.CHECKS, f"a function named {name} takes the place of the library's")


def _special_cases(before: Sites, after: Sites, told: set[str | None]) -> Iterator[Violation]:
    """Comparisons with the very arguments that candidates are checked with."""
    old = Counter(_equalities(before.files))
    for text, line, file, value in _equality_sites(after.files):
        large = value is not None and value.isdigit() and int(value) >= _LEAST_TELLING
        if large and value in told and not old[text]:
            yield Violation(Kind.INPUTS, f"{file}:{line}: `{text}` singles out an argument of the workload")


def _equalities(files: Mapping[str, ParsedSource]) -> Sequence[str]:
    return [text for text, *_ in _equality_sites(files)]


def _equality_sites(files: Mapping[str, ParsedSource]) -> Iterator[tuple[str, int, str, str | None]]:
    for file, source in files.items():
        for node in descendants(source.root, "binary_expression", "case_statement"):
            if node.type == "binary_expression" and text_of(field(node, "operator")) not in ("==", "!="):
                continue
            sides = [field(node, name) for name in ("left", "right", "value")]
            for side in sides:
                if side is not None and side.type == "number_literal":
                    yield text_of(node)[:60], node.start_point[0] + 1, file, number(text_of(side))
