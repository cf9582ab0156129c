"""``jouleline whatif``: the bounds of a program's kernels on several GPUs, side by side."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from jouleline import wiring
from jouleline.app import assumed, wording
from jouleline.app.analyse import parse_files
from jouleline.app.what_if import KernelAcross, WhatIf, what_if, what_if_json
from jouleline.core.device import Device
from jouleline.core.roofline import BoundKind

from . import options as shared
from .console import detail, output
from .exit_codes import Exit, UserError

_COLOURS = {BoundKind.COMPUTE: "magenta", BoundKind.BANDWIDTH: "cyan"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Say which program and which devices."""
    shared.add_paths(parser)
    parser.add_argument(
        "--gpu",
        action="append",
        metavar="ID,...",
        help="devices to compare, with commas or repeated (default: "
        f"{', '.join(wiring.WHAT_IF_DEVICES)}; `jouleline devices` lists all)",
    )
    shared.add_arguments(parser)
    shared.add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Print each kernel's bound on each device."""
    devices = _devices(options.gpu)
    program = shared.program(options.paths)
    arguments, words = shared.run_line(options, program)
    parsed, problems = parse_files(program.files)
    found = what_if(parsed, devices, words, (*program.problems, *problems))
    if options.format == "json":
        shared.print_json(what_if_json(found, arguments))
    else:
        _print(found)
    nothing_read = found.problems and not parsed
    return Exit.FAILED if nothing_read else Exit.DONE


def _devices(asked: Sequence[str] | None) -> list[Device]:
    """The devices of ``--gpu``, each once."""
    if asked is None:
        names: Sequence[str] = wiring.WHAT_IF_DEVICES
    else:
        names = [name.strip() for words in asked for name in words.split(",") if name.strip()]
        if not names:
            raise UserError("--gpu names no device; `jouleline devices` lists all")
    return list({device.id: device for device in map(shared.device_named, names)}.values())


def _print(found: WhatIf) -> None:
    console = output()
    for problem in found.problems:
        console.print(f"[yellow]{escape(problem.file)}[/]: {escape(problem.message)}", soft_wrap=True)
    if not found.kernels:
        console.print("No kernel found.")
        return
    if found.arguments:
        console.print(f"Run with {escape(' '.join(found.arguments))}\n", soft_wrap=True)
    for kernel in found.kernels:
        _print_kernel(kernel, found.devices)
    console.print(_summary(found))
    console.print(
        "Estimates from the source: nothing was compiled or run. `chance` is that of being compute-bound; "
        "`time ≥` is what a launch takes at least by the device's roofs (derived)."
    )


def _summary(found: WhatIf) -> str:
    changing, every = sum(kernel.changes for kernel in found.kernels), len(found.kernels)
    across = f"between these {len(found.devices)} devices" if len(found.devices) > 1 else "on one device"
    if not changing:
        return f"No kernel changes its bound {across}."
    if changing == every == 1:
        return f"The kernel changes its bound {across}."
    if changing == 1:
        return f"1 of {every} kernels changes its bound {across}."
    return f"{changing} of {every} kernels change their bound {across}."


def _print_kernel(kernel: KernelAcross, devices: Sequence[Device]) -> None:
    console = output()
    first = kernel.known[0]
    console.print(
        f"[bold]{escape(wording.instance(first))}[/]  {escape(first.file)}:{first.kernel.line}",
        soft_wrap=True,
    )
    if not any(wording.counted(report.counts) for report in kernel.known):
        detail(console, f"{wording.NOTHING}\n")
        return
    if kernel.changes:
        detail(console, f"[bold yellow]{_change(kernel, devices)}[/]")
    shapes = list(dict.fromkeys(map(wording.shape, kernel.known)))
    several = f"{shapes[0]} on {devices[kernel.reports.index(first)].id}; it depends on the device"
    if shapes[0]:
        detail(console, f"launch: {several if len(shapes) > 1 else shapes[0]}")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("  device", no_wrap=True)
    for title, width in (("bound", 13), ("ridge point", 14)):
        table.add_column(title, no_wrap=True, min_width=width)
    for title, width in (("chance", 6), ("traffic", 7), ("time ≥", 8)):
        table.add_column(title, justify="right", no_wrap=True, min_width=width)
    for device, report in zip(devices, kernel.reports, strict=True):
        if report is None:
            table.add_row(f"  {device.id}", "not launched so")
            continue
        bound = report.bound
        table.add_row(
            f"  {device.id}",
            f"[{_COLOURS[bound.kind]}]{bound.kind}[/]" + (f" ({bound.driver})" if bound.driver else ""),
            wording.margin(report, device),
            wording.chance_of_compute(report),
            f"{wording.scaled(report.counts.dram_bytes)}B",
            wording.seconds(bound.floor_s),
        )
    console.print(table)
    if wording.runs_on_host(first):
        detail(console, f"[dim]{assumed.ON_EACH}[/]")
    assumptions = dict.fromkeys(note for report in kernel.known for note in report.counts.assumptions)
    for assumption in assumed.grouped(assumptions):
        detail(console, f"[dim]assumed: {escape(assumption)}[/]")
    console.print()


def _change(kernel: KernelAcross, devices: Sequence[Device]) -> str:
    """``changes its bound: bandwidth-bound on l40s, rtx-4090; compute-bound on the others``."""
    sides: dict[BoundKind, list[str]] = {}
    for device, report in zip(devices, kernel.reports, strict=True):
        if report is not None:
            sides.setdefault(report.bound.kind, []).append(device.id)
    fewer, more = sorted(sides, key=lambda kind: len(sides[kind]))
    others = sides[more][0] if len(sides[more]) == 1 else "the others"
    return f"changes its bound: {fewer}-bound on {', '.join(sides[fewer])}; {more}-bound on {others}"
