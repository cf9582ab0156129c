"""What if the program ran on another GPU: the same kernels on several devices, side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jouleline.core.device import Device
from jouleline.core.kernel import Launch

from .analyse import Followed, KernelReport, ParsedFile, analyse
from .bound_report import figures_json, kernel_json, problems_json
from .program import Problem


@dataclass(frozen=True)
class KernelAcross:
    """One kernel, launched in one way, on each device: ``reports`` is in the order of the devices.

    A report is None where the program launches the kernel in fewer ways: shapes may depend on the
    device's multiprocessors.
    """

    reports: tuple[KernelReport | None, ...]

    @property
    def known(self) -> tuple[KernelReport, ...]:
        """The reports there are; at least one."""
        return tuple(report for report in self.reports if report is not None)

    @property
    def changes(self) -> bool:
        """Whether it is compute-bound on one device and bandwidth-bound on another."""
        return len({report.bound.kind for report in self.known}) > 1


@dataclass(frozen=True)
class WhatIf:
    """The kernels of a program on several devices."""

    devices: tuple[Device, ...]
    arguments: tuple[str, ...]
    kernels: tuple[KernelAcross, ...]
    problems: tuple[Problem, ...] = ()


def what_if(
    parsed: Mapping[str, ParsedFile],
    devices: Sequence[Device],
    arguments: tuple[str, ...] = (),
    problems: tuple[Problem, ...] = (),
) -> WhatIf:
    """Source evidence for the same program on each device; the program is parsed once, by the caller.

    Host code is followed once for each number of multiprocessors: that is all it can see of a device.
    """
    followed: dict[int, Followed] = {}
    rows: dict[tuple[object, ...], dict[int, KernelReport]] = {}
    for column, device in enumerate(devices):
        multiprocessors = int(device.multiprocessors.value)
        if multiprocessors not in followed:
            followed[multiprocessors] = Followed.of(parsed, device, arguments)
        reports = analyse(parsed, device, arguments, followed=followed[multiprocessors]).kernels
        seen: Counter[tuple[object, ...]] = Counter()
        for report in reports:
            way = (report.file, report.kernel.start, *_site(report.launch))
            seen[way] += 1
            rows.setdefault((*way, seen[way]), {})[column] = report
    return WhatIf(
        tuple(devices),
        arguments,
        tuple(KernelAcross(tuple(map(row.get, range(len(devices))))) for row in rows.values()),
        problems,
    )


def _site(launch: Launch | None) -> tuple[object, ...]:
    """Where and as which instance a kernel is launched, whatever its shape."""
    return () if launch is None else (launch.anchor, launch.template_arguments)


def what_if_json(found: WhatIf, arguments: str) -> dict[str, Any]:
    """The document ``jouleline/what-if/1``. ``arguments`` is the run line's text."""
    return {
        "schema": "jouleline/what-if/1",
        "args": arguments,
        "devices": [
            {
                "id": device.id,
                "name": device.name,
                "ridge": {kind: device.ridge(kind) for kind in ("sp", "dp", "int", "tensor")},
            }
            for device in found.devices
        ],
        "kernels": [
            {
                **kernel_json(kernel.known[0]),
                "changes": kernel.changes,
                "devices": [
                    {"device": device.id, **figures_json(report, device), "floor_s": report.bound.floor_s}
                    for device, report in zip(found.devices, kernel.reports, strict=True)
                    if report is not None
                ],
            }
            for kernel in found.kernels
        ],
        "problems": problems_json(found.problems),
    }
