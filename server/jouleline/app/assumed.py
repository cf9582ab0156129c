"""What was taken for granted of a kernel, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from jouleline.core.device import Device
from jouleline.core.launch import DEFAULT_TRIPS

from . import wording
from .analyse import KernelReport

ON_EACH: Final = "this region runs on the host and is judged as if on each device"


def assumptions(report: KernelReport, device: Device) -> tuple[str, ...]:
    """All that the bound of a kernel on a device takes for granted."""
    taken = report.counts.assumptions
    if not wording.is_judged_elsewhere(report, device):
        return taken
    elsewhere = f"this region runs on the host and is judged as if on {device.name}"
    return (*taken, f"{elsewhere}; the device host has the host's own roofs")


def grouped(assumptions: Iterable[str]) -> Iterator[str]:
    """Assumptions, those of one kind in one sentence at the place of the first; none is lost."""
    groups: dict[_Alike | str, list[tuple[str, str]]] = {}
    for assumption in assumptions:
        kind = next((one for one in _ALIKE if one.fits(assumption)), None)
        subject = kind.subject(assumption) if kind is not None else assumption
        groups.setdefault(kind or assumption, []).append((assumption, subject))
    for group, members in groups.items():
        if isinstance(group, str) or len(members) == 1:
            yield members[0][0]
        else:
            *others, last = [subject for _, subject in members]
            yield f"{group.many[0]}{', '.join(others)} and {last}{group.many[1]}"


class _Alike(NamedTuple):
    """What stands around the subject of one assumption, and around those of many."""

    one: tuple[str, str]
    many: tuple[str, str]

    def fits(self, assumption: str) -> bool:
        return assumption.startswith(self.one[0]) and assumption.endswith(self.one[1])

    def subject(self, assumption: str) -> str:
        return assumption.removeprefix(self.one[0]).removesuffix(self.one[1])


_ALIKE: Final = (
    _Alike(("", " from the run line"), ("", " from the run line")),
    _Alike(
        ("", ": not known from the source or the run line"),
        ("", ": not known from the source or the run line"),
    ),
    _Alike(
        ("", " is not counted: its source is not in the program"),
        ("", " are not counted: their source is not in the program"),
    ),
    _Alike(
        ("the loop in line ", f" runs {DEFAULT_TRIPS:g} times: its end depends on data"),
        ("the loops in lines ", f" run {DEFAULT_TRIPS:g} times: their ends depend on data"),
    ),
    _Alike(
        ("the loop in line ", " runs to its end: what may end it sooner depends on data"),
        ("the loops in lines ", " run to their ends: what may end them sooner depends on data"),
    ),
)
