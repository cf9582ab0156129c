"""The bounds of a program as a page: its kernels under the device's roofs, and what each follows from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jouleline import __version__
from jouleline.core.device import Device
from jouleline.core.roofline import BoundKind
from jouleline.core.smell import Smell

from . import assumed, wording
from .analyse import Analysis, KernelReport
from .page import figure, heading, items, page, paragraph, table
from .roofline_picture import program_picture

_FIGURES = {
    "multiprocessors": "multiprocessors",
    "clock_hz": "boost clock",
    "sp_flop_per_s": "sp peak",
    "dp_flop_per_s": "dp peak",
    "int_op_per_s": "int peak",
    "tensor_flop_per_s": "tensor peak",
    "dram_bytes_per_s": "DRAM bandwidth",
    "l2_bytes": "L2 cache",
    "llc_bytes": "last-level cache",
    "tdp_w": "rated power",
}


def program_page(name: str, analysis: Analysis, smells: Sequence[tuple[str, Smell]] = ()) -> str:
    """The HTML for a program; ``smells`` come with the file they are in."""
    device, kernels = analysis.device, analysis.kernels
    title = f"Bounds of {name} on {device.name}"
    body = [heading(title, 1), paragraph(_summary(analysis)), *_problems(analysis)]
    if not kernels:
        return page(title, [*body, paragraph("No kernel found.")])
    if picture := program_picture(kernels, device):
        caption = (
            f"Kernels under the roofs of {device.name}, by the class of operations that decides, with their "
            "numbers below. Left of its ridge point (ring) a kernel is bandwidth-bound. It lies on its roof: "
            "how fast it can run, not how fast it does."
        )
        body.append(figure(picture.replace("<svg ", '<svg class="roofs" ', 1), caption))
    body += [heading("Kernels"), _overview(kernels, device)]
    if smells:
        body += [heading("Where energy is wasted"), _smells(analysis, smells)]
    for number, report in enumerate(kernels, start=1):
        body += _kernel(number, report, device)
    return page(title, [*body, heading("Device"), *_device(device)])


def _summary(analysis: Analysis) -> str:
    known = [report for report in analysis.kernels if _known(report)]
    compute = sum(report.bound.kind is BoundKind.COMPUTE for report in known)
    unknown = len(analysis.kernels) - len(known)
    parts = [f"{compute} compute-bound", f"{len(known) - compute} bandwidth-bound"]
    parts += [f"{unknown} unknown"] if unknown else []
    run = f", run with `{' '.join(analysis.arguments)}`" if analysis.arguments else ""
    kernels = f"{len(analysis.kernels)} kernel{'' if len(analysis.kernels) == 1 else 's'}"
    return f"{kernels}{run}: {', '.join(parts)}. Jouleline {__version__}."


def _known(report: KernelReport) -> bool:
    return report.opinion or wording.counted(report.counts)


def _problems(analysis: Analysis) -> Iterator[str]:
    for problem in analysis.problems:
        yield paragraph(f"{problem.file}: {problem.message}", "note")


def _overview(kernels: Sequence[KernelReport], device: Device) -> str:
    """A line a kernel."""
    rows = []
    for number, report in enumerate(kernels, start=1):
        place = f"{report.file}:{report.kernel.line}"
        if not _known(report):
            rows.append([f"{number}", wording.instance(report), place, "unknown", *[None] * 4])
            continue
        rows.append(
            [
                f"{number}",
                wording.instance(report),
                place,
                wording.bound_words(report),
                wording.margin(report, device) or None,
                wording.chance_of_compute(report),
                f"{wording.scaled(report.counts.dram_bytes)}B",
                wording.seconds(report.bound.floor_s) if report.bound.floor_s > 0 else None,
            ]
        )
    figures = ("chance of compute", "DRAM traffic", "time, at least")
    return table(("", "kernel", "place", "bound", "ridge point", *figures), rows, words=5)


def _smells(analysis: Analysis, smells: Sequence[tuple[str, Smell]]) -> str:
    rows = [
        [f"{file}:{analysis.texts[file].point(smell.start).line + 1}", smell.code, smell.message]
        for file, smell in smells
    ]
    return table(["place", "smell", "what costs energy"], rows, words=3)


def _kernel(number: int, report: KernelReport, device: Device) -> Iterator[str]:
    counts = report.counts
    yield heading(f"{number}. {wording.instance(report)}, {report.file}:{report.kernel.line}", 3)
    if not _known(report):
        yield paragraph(f"{wording.NOTHING.capitalize()}.")
        return
    sentences = [
        f"{wording.bound_words(report).capitalize()}, {wording.margin_sentence(report, device)}",
        wording.certainty(report),
        wording.evidence_sentence(report),
        f"launch: {shape}" if (shape := wording.shape(report)) else "",
        f"operations: {wording.operations(counts)}",
        wording.resources(report),
        wording.traffic_sentence(counts),
    ]
    yield paragraph(" ".join(f"{text[0].upper()}{text[1:]}." for text in sentences if text))
    if counts.arrays:
        rows = [
            [
                wording.array_name(array, quote=""),
                f"{wording.scaled(array.dram_bytes)}B",
                f"{array.coalescing:.0%}",
            ]
            for array in counts.arrays
        ]
        yield table(["array", "DRAM traffic", "of each sector used by one access"], rows)
    if notes := list(assumed.grouped(assumed.assumptions(report, device))):
        yield paragraph("Assumed:", "note")
        yield items(notes)


def _device(device: Device) -> Iterator[str]:
    figures = device.figures()
    rows = []
    for field, name in _FIGURES.items():
        if known := figures.get(field):
            value = f"{wording.scaled(known.value)}{_unit(known.unit)}".strip()
            rows.append([name, value, str(known.provenance), known.source])
    yield table([device.name, "figure", "provenance", "source"], rows, words=4)


def _unit(unit: str) -> str:
    return "" if unit == "1" else unit
