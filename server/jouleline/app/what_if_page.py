"""What if, as Markdown: a table of devices for each kernel, for editors."""

from __future__ import annotations

from collections.abc import Iterator

from . import assumed, wording
from .markdown import code, words
from .what_if import KernelAcross, WhatIf


def what_if_page(found: WhatIf) -> str:
    """The page without its title; each figure is an estimate from the source, and says so at the end."""
    return "\n\n".join(_blocks(found)) + "\n"


def _blocks(found: WhatIf) -> Iterator[str]:
    for problem in found.problems:
        yield f"{words(problem.file)}: {words(problem.message)}"
    if not found.kernels:
        yield "No kernel found."
        return
    if found.arguments:
        yield f"Run line: {code(' '.join(found.arguments))}."
    for kernel in found.kernels:
        yield from _kernel(kernel, found)
    yield (
        "*Estimates from the source: nothing was compiled or run. The time that a launch takes at least "
        "follows from the device's roofs (derived).*"
    )


def _kernel(kernel: KernelAcross, found: WhatIf) -> Iterator[str]:
    first = kernel.known[0]
    yield f"## {code(wording.instance(first))}, {words(first.file)}:{first.kernel.line}"
    if not any(wording.counted(report.counts) for report in kernel.known):
        yield f"{wording.NOTHING.capitalize()}."
        return
    if kernel.changes:
        yield "**Its bound depends on the device.**"
    rows = [
        "| device | bound | ridge point | sure | traffic | time, at least |",
        "|:--|:--|:--|--:|--:|--:|",
    ]
    for device, report in zip(found.devices, kernel.reports, strict=True):
        if report is None:
            rows.append(f"| {device.name} | not launched so | | | | |")
            continue
        rows.append(
            f"| {device.name} | {wording.bound_words(report)} | {wording.margin(report, device) or '–'} "
            f"| {wording.chance(report)} | {wording.scaled(report.counts.dram_bytes)}B "
            f"| {wording.seconds(report.bound.floor_s)} |"
        )
    yield "\n".join(rows)
    if wording.runs_on_host(first):
        yield f"{assumed.ON_EACH.capitalize()}."
    taken = dict.fromkeys(note for report in kernel.known for note in report.counts.assumptions)
    if notes := list(assumed.grouped(taken)):
        yield "\n".join(["Assumed:", "", *(f"- {words(note)}" for note in notes)])
