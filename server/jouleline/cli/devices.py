"""``jouleline devices``: the catalogue."""

from __future__ import annotations

import argparse

from rich.table import Table

from jouleline import wiring
from jouleline.core.device import Device, UnknownDevice

from . import options as shared
from .console import output
from .exit_codes import Exit, UserError


def configure(parser: argparse.ArgumentParser) -> None:
    """Say which device, if only one."""
    parser.add_argument(
        "device", nargs="?", metavar="ID", help="show every figure of one device, with its source"
    )
    shared.add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Print the catalogue, or one device's figures and their sources."""
    try:
        devices = (
            [wiring.catalogue().get(options.device)]
            if options.device is not None
            else list(wiring.catalogue())
        )
    except UnknownDevice as error:
        raise UserError(str(error)) from None
    except ValueError as error:
        raise UserError(str(error)) from error
    if options.format == "json":
        shared.print_json(
            {"schema": "jouleline/devices/1", "devices": [device_json(device) for device in devices]}
        )
    elif options.device is not None:
        _print_figures(devices[0])
    else:
        _print_table(devices)
    return Exit.DONE


def device_json(device: Device) -> dict[str, object]:
    """One device with each figure's unit, provenance and source (SI units)."""
    return {
        "id": device.id,
        "name": device.name,
        "aliases": list(device.aliases),
        "vendor": device.vendor,
        "architecture": device.architecture,
        "target": device.target,
        "ridge": {kind: device.ridge(kind) for kind in ("sp", "dp", "int", "tensor")},
        "figures": {
            name: {
                "value": figure.value,
                "unit": figure.unit,
                "provenance": str(figure.provenance),
                "source": figure.source,
            }
            for name, figure in device.figures().items()
        },
    }


def _print_table(devices: list[Device]) -> None:
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    table.add_column("id", no_wrap=True)
    table.add_column("name")  # what gives way where there is little room
    for title in ("fp32", "fp64", "int", "GB/s", "L2 MiB", "W"):
        table.add_column(title, justify="right", no_wrap=True)
    for one in devices:
        table.add_row(
            one.id,
            one.name,
            f"{one.sp_flop_per_s.value / 1e12:.3g}",
            f"{one.dp_flop_per_s.value / 1e12:.3g}",
            f"{one.int_op_per_s.value / 1e12:.3g}",
            f"{one.dram_bytes_per_s.value / 1e9:.4g}",
            f"{one.l2_bytes.value / 2**20:.3g}",
            f"{one.tdp_w.value:.4g}",
        )
    console = output()
    console.print(table)
    console.print("\nPeaks in TFLOP/s and Top/s. `jouleline devices ID` shows where each figure comes from.")


def _print_figures(device: Device) -> None:
    console = output()
    console.print(
        f"[bold]{device.name}[/] ({device.id}; also {', '.join(device.aliases) or 'no other name'})"
    )
    console.print(f"{device.architecture}, {device.target}\n")
    table = Table(box=None, pad_edge=False)
    for title in ("figure", "value", "unit", "provenance", "source"):
        table.add_column(title, justify="right" if title == "value" else "left", overflow="fold")
    for name, figure in device.figures().items():
        table.add_row(name, f"{figure.value:.6g}", figure.unit, str(figure.provenance), figure.source)
    console.print(table)
