"""AMD's rocprofv3 and rocprof: the command that counts what a roofline needs, and their CSV files.

Counters and formulas: AMD, "MI300 and MI200 series performance counters and metrics" (ROCm
documentation) and the performance model of ROCm Compute Profiler (Omniperf), whose FLOP counts and
memory traffic these are. A VALU instruction counts for all lanes of its wavefront, masked ones
included, as it does there.
"""

from __future__ import annotations

import csv
import os
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from jouleline.core.counts import Operation
from jouleline.core.ports import Availability, Finding
from jouleline.core.profile import Extent, KernelProfile, LaunchRecord, ProfileError, united

_VALU: Final = "SQ_INSTS_VALU_"
# Operations of an instruction on one lane. A transcendental is one, in the class of its precision.
_FLOATS: Final = {"ADD": 1, "MUL": 1, "FMA": 2, "TRANS": 1}
_NEEDED: Final = (
    *(f"{_VALU}{name}_F{bits}" for bits in (32, 64) for name in ("ADD", "MUL", "FMA")),
    f"{_VALU}INT32",
    f"{_VALU}INT64",
)
_MATRIX = re.compile(_VALU + r"MFMA_MOPS_\w+")
_MATRIX_DOUBLE: Final = _VALU + "MFMA_MOPS_F64"
# MFMA counters are in units of 512 operations, FETCH_SIZE and WRITE_SIZE in KiB.
_MATRIX_UNIT: Final = 512
_KIBIBYTE: Final = 1024
_WAVEFRONT: Final = 64
# One application run each: the sequencer has eight counters, and the two sizes take most of the L2's.
PASSES: Final = (
    tuple(f"{_VALU}{name}_F{bits}" for bits in (32, 64) for name in _FLOATS),
    (*(f"{_VALU}{name}_F16" for name in _FLOATS), f"{_VALU}INT32", f"{_VALU}INT64",
     f"{_VALU}MFMA_MOPS_F16", f"{_VALU}MFMA_MOPS_BF16"),
    (f"{_VALU}MFMA_MOPS_F32", f"{_VALU}MFMA_MOPS_F64"),
    ("FETCH_SIZE",),
    ("WRITE_SIZE",),
)  # fmt: skip
"""The counters that are asked for, by pass."""

_REMEDY: Final = "install ROCm's profiler: the package rocprofiler-sdk (rocprofv3) or rocprofiler (rocprof)"
_GROUPS: Final = "sudo usermod -aG render,video $USER, and log in again"
_REFUSALS: Final[Mapping[str, str]] = {
    (
        r"/dev/kfd.*[Pp]ermission denied|Unable to open /dev/kfd|HSA_STATUS_ERROR_NOT_AUTHORIZED"
        r"|permission.*perf(?:ormance)? counter"
    ): (f"this user may not open the AMD GPU's device /dev/kfd: {_GROUPS}"),
    (
        r"no (?:HIP|ROCm)-capable device|hipErrorNoDevice|[Nn]o (?:GPU )?agents? found"
        r"|ROCk module is NOT loaded|HSA_STATUS_ERROR_OUT_OF_RESOURCES"
    ): "no AMD GPU with a working driver is here: look at what `rocminfo` says",
    (
        r"(?:counter|metric)[^\n]*(?:not (?:found|supported|valid)|invalid)|[Ii]nvalid (?:counter|metric)"
        r"|not able to collect"
    ): "this GPU lacks a counter that is needed; MI200 and MI300 have all (`rocprofv3 -L` lists them)",
}


class Rocprof:
    """``rocprofv3``, or ``rocprof`` where only that is there; the CSV files of versions 1, 2 and 3.

    ``system`` is the root of the file system in which the driver is looked for.
    """

    def __init__(self, system: Path = Path("/")) -> None:
        """Nothing is tried here; see :meth:`find`."""
        self._system = system

    @property
    def name(self) -> str:
        """``rocprof``."""
        return "rocprof"

    def find(self) -> Finding:
        """Whether a version of rocprof is here, and a GPU that this user may open."""
        program = _program()
        if program is None:
            return _finding(Availability.MISSING, "neither rocprofv3 nor rocprof is on the PATH", _REMEDY)
        node = self._system / "dev/kfd"
        if not node.exists():
            remedy = "look at what `rocminfo` says"
            return _finding(Availability.LIMITED, f"{program}; no AMD GPU answers here", remedy)
        if not os.access(node, os.R_OK | os.W_OK):
            return _finding(Availability.LIMITED, f"{program}; this user may not open {node}", _GROUPS)
        return _finding(Availability.READY, f"{program}; it may read operations, DRAM bytes and time")

    def command(self, run: str, folder: str, *, tensor: bool = False) -> str:
        """The shell command that runs ``run`` once a pass and writes CSV files into ``folder``."""
        program = _program() or "rocprofv3"
        counters = shlex.quote(f"{folder}/counters.txt")
        lines = " ".join(shlex.quote("pmc: " + " ".join(names)) for names in PASSES)
        asked = f"mkdir -p {shlex.quote(folder)} && printf '%s\\n' {lines} > {counters} && "
        if program.endswith("rocprofv3"):
            options = f"-i {counters} -d {shlex.quote(folder)} --output-format csv --"
        else:
            options = f"-i {counters} --timestamp on -o {shlex.quote(folder + '/results.csv')}"
        return f"{asked}{shlex.quote(program)} {options} sh -c {shlex.quote(run)}"

    def recognises(self, text: str) -> bool:
        """Whether a text holds a table of counters that a version of rocprof wrote."""
        return any(_starts_table(line) for line in text.splitlines())

    def read(self, text: str) -> tuple[LaunchRecord, ...]:
        """The launches of every table in a text, those of several passes taken together.

        Raises:
            ProfileError: if a row is cut off or a counter is no number.
        """
        return united(_launches(table) for table in _tables(text))

    def profile(self, record: LaunchRecord) -> KernelProfile:
        """What a launch's counters amount to.

        Raises:
            ProfileError: naming the counters that are missing, and how to collect them.
        """
        counters = record.counters
        missing = [name for name in _NEEDED if name not in counters]
        dram_bytes = _dram_bytes(counters)
        if dram_bytes is None:
            missing += ["FETCH_SIZE", "WRITE_SIZE"]
        if missing or dram_bytes is None:
            lines = "; ".join("pmc: " + " ".join(names) for names in PASSES)
            raise ProfileError(
                f"lacks {', '.join(missing)}: collect with `rocprofv3 -i counters.txt --output-format csv -- "
                f"./program`, where counters.txt holds the lines {lines}"
            )
        lanes = counters.get("wave_size", Decimal(_WAVEFRONT))

        def instructions(name: str) -> Decimal:
            return counters.get(_VALU + name, Decimal(0)) * lanes

        def floats(*bits: int) -> Decimal:
            return sum(
                (weight * instructions(f"{name}_F{one}") for one in bits for name, weight in _FLOATS.items()),
                Decimal(0),
            )

        doubles = counters.get(_MATRIX_DOUBLE, Decimal(0))
        matrix = sum((value for name, value in counters.items() if _MATRIX.fullmatch(name)), -doubles)
        operations = {
            Operation.SP: floats(32),
            Operation.HALF: floats(16),
            Operation.DP: floats(64) + doubles * _MATRIX_UNIT,
            Operation.INT: instructions("INT32") + instructions("INT64"),
            Operation.SPECIAL: sum((instructions(f"TRANS_F{bits}") for bits in (16, 32, 64)), Decimal(0)),
            Operation.TENSOR: matrix * _MATRIX_UNIT,
        }
        seconds, registers = counters.get("seconds"), counters.get("registers")
        return KernelProfile(
            kernel=record.kernel,
            grid=record.grid,
            block=record.block,
            operations={operation: float(amount) for operation, amount in operations.items()},
            dram_bytes=float(dram_bytes),
            profiler=self.name,
            seconds=None if seconds is None else float(seconds),
            registers=None if registers is None else int(registers),
            flat=True,
            notes=record.notes,
        )

    def refusal(self, log: str) -> str | None:
        """What kept rocprof from measuring, in a sentence with its remedy; None if it says nothing."""
        return next((sentence for pattern, sentence in _REFUSALS.items() if re.search(pattern, log)), None)


def _dram_bytes(counters: Mapping[str, Decimal]) -> Decimal | None:
    """Bytes between L2 and memory: the derived sizes, else requests of 32, 64 and 128 bytes.

    MI300's counters are called EA0 and count its 128-byte reads as bubbles.
    """
    sizes = [
        counters.get(names[0], counters.get(names[1]))
        for names in (("FETCH_SIZE", "FetchSize"), ("WRITE_SIZE", "WriteSize"))
    ]
    if sizes[0] is not None and sizes[1] is not None:
        return (sizes[0] + sizes[1]) * _KIBIBYTE
    for prefix in ("TCC_EA", "TCC_EA0"):
        reads, small = counters.get(f"{prefix}_RDREQ_sum"), counters.get(f"{prefix}_RDREQ_32B_sum")
        writes, large = counters.get(f"{prefix}_WRREQ_sum"), counters.get(f"{prefix}_WRREQ_64B_sum")
        if reads is None or small is None or writes is None or large is None:
            continue
        wide = counters.get("TCC_BUBBLE_sum", Decimal(0))
        read = 128 * wide + 64 * (reads - wide - small) + 32 * small
        return read + 64 * large + 32 * (writes - large)
    return None


_NAMES: Final = ("Kernel_Name", "KernelName")
_ORDERS: Final = ("Dispatch_Id", "Dispatch_ID", "Index")
_GRIDS: Final = ("Grid_Size", "grd")
_BLOCKS: Final = ("Workgroup_Size", "wgr")
_STARTS: Final = ("Start_Timestamp", "BeginNs")
_ENDS: Final = ("End_Timestamp", "EndNs")
_WAVES: Final = ("Wave_Size", "wave_size")
_REGISTERS: Final = ("VGPR_Count", "Arch_VGPR", "arch_vgpr", "vgpr")
_SUFFIX = re.compile(r"(\s*\[clone [^\]]*\]|\.kd)+$")
_COUNTER = re.compile(r"(?:SQ|TCC|GRBM|TCP|TA|TD|SPI|CPC|CPF)_\w+|FETCH_SIZE|WRITE_SIZE|FetchSize|WriteSize")
_Table = list[tuple[int, dict[str, str]]]


def _starts_table(line: str) -> bool:
    if not any(name in line for name in _NAMES):
        return False
    names = _cells(line)
    return bool({*_NAMES} & {*names} and {*_ORDERS} & {*names} and {*_BLOCKS} & {*names})


def _tables(text: str) -> Iterator[_Table]:
    names: list[str] = []
    table: _Table = []
    for line, content in enumerate(text.splitlines(), start=1):
        if _starts_table(content):
            if table:
                yield table
            names, table = _cells(content), []
        elif names and re.match(r'"?\d+"?,', content):
            cells = _cells(content)
            if len(cells) < len(names):
                raise ProfileError(
                    f"line {line} is not a whole row of {len(names)} columns: the file is cut off; "
                    "profile again"
                )
            table.append((line, dict(zip(names, cells, strict=False))))
    if table:
        yield table


def _launches(table: _Table) -> list[LaunchRecord]:
    """The launches of one run, in the order of their dispatch."""
    rows: dict[tuple[str, str], list[tuple[int, dict[str, str]]]] = {}
    for line, row in table:
        key = (row.get("Process_Id") or row.get("PID") or row.get("pid") or "", _first(row, _ORDERS))
        rows.setdefault(key, []).append((line, row))
    ordered = sorted(rows.items(), key=lambda item: int(item[0][1] or 0))
    return [_launch(lines) for _, lines in ordered]


def _launch(lines: _Table) -> LaunchRecord:
    line, row = lines[0]
    counters: dict[str, Decimal] = {}
    for place, one in lines:
        if "Counter_Name" in one:
            # A row for each instance of a counter, where the tool did not add them up.
            name = one["Counter_Name"]
            counters[name] = counters.get(name, Decimal(0)) + _number(one["Counter_Value"], name, place)
        else:
            counters |= {
                name: _number(value, name, place)
                for name, value in one.items()
                if _COUNTER.fullmatch(name) and value.strip()
            }
    begin, end = _first(row, _STARTS), _first(row, _ENDS)
    if begin and end:
        elapsed = _number(end, "the end", line) - _number(begin, "the start", line)
        counters["seconds"] = elapsed * Decimal("1e-9")
    for key, names in (("wave_size", _WAVES), ("registers", _REGISTERS)):
        if value := _first(row, names):
            counters[key] = _number(value, names[0], line)
    block = int(_number(_first(row, _BLOCKS) or "1", "the workgroup size", line)) or 1
    threads = int(_number(_first(row, _GRIDS) or "1", "the grid size", line))
    return LaunchRecord(
        kernel=_SUFFIX.sub("", next((row[name] for name in _NAMES if name in row), "")),
        grid=_flat(-(-threads // block)),
        block=_flat(block),
        counters=counters,
        flat=True,
    )


def _flat(total: int) -> Extent:
    return total, 1, 1


def _number(text: str, name: str, line: int) -> Decimal:
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        value = Decimal("nan")
    if not value.is_finite() or value < 0:
        raise ProfileError(f"line {line}: {name} is {text!r}, which is no count")
    return value


def _first(row: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((row[name] for name in names if row.get(name)), "")


def _cells(line: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], strict=True), [""])]
    except csv.Error:
        return [line]


def _program() -> str | None:
    for name in ("rocprofv3", "rocprof"):
        if found := shutil.which(name) or shutil.which(name, path="/opt/rocm/bin"):
            return found
    return None


def _finding(availability: Availability, detail: str, remedy: str = "") -> Finding:
    return Finding("profiler", "rocprof", availability, detail, remedy)
