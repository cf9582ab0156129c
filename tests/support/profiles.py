"""Profiles in the layouts that profilers write, made from counts that a test knows."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

Extent = tuple[int, int, int]

_SASS = "smsp__sass_thread_inst_executed_op_{}_pred_on.sum"
HEAD = ("ID", "Process ID", "Process Name", "Host Name", "Kernel Name", "Context", "Stream",
        "Block Size", "Grid Size", "Device", "CC")  # fmt: skip
SECTION = ("Section Name", "Metric Name", "Metric Unit", "Metric Value")


@dataclass(frozen=True)
class Launched:
    """One launch with its counts: FLOP and integer instructions, bytes, and nanoseconds."""

    kernel: str
    sp: int = 0
    dp: int = 0
    integer: int = 0
    dram_bytes: int = 0
    time_ns: int = 1000
    grid: Extent = (1, 1, 1)
    block: Extent = (256, 1, 1)
    process: int = 21524
    more: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    without: tuple[str, ...] = ()

    def metrics(self) -> dict[str, tuple[str, Decimal]]:
        """Metric -> base unit and value; FLOP are split so that sums with FMA as two give them back."""
        counts: dict[str, int] = {"integer": self.integer}
        for letter, flop in (("f", self.sp), ("d", self.dp)):
            fma = flop // 3
            counts |= {f"{letter}fma": fma, f"{letter}mul": (flop - 2 * fma) // 2}
            counts[f"{letter}add"] = flop - 2 * fma - counts[f"{letter}mul"]
        read = self.dram_bytes // 3
        found = {_SASS.format(name): ("inst", Decimal(count)) for name, count in counts.items()}
        found["dram__bytes_read.sum"] = ("byte", Decimal(read))
        found["dram__bytes_write.sum"] = ("byte", Decimal(self.dram_bytes - read))
        found["gpu__time_duration.sum"] = ("nsecond", Decimal(self.time_ns))
        return {name: value for name, value in found.items() if name not in self.without}


@dataclass(frozen=True)
class Style:
    """How numbers are written: thousands grouped or not, and in which unit bytes, counts and times are."""

    grouped: bool = True
    byte: str = "byte"
    inst: str = "inst"
    time: str = "nsecond"

    def written(self, unit: str, value: Decimal) -> tuple[str, str]:
        unit = {"byte": self.byte, "inst": self.inst, "nsecond": self.time}[unit]
        # From the base unit: byte, instruction, nanosecond.
        scales = {"n": 0, "u": 3, "m": 6, "s": 9} if unit == self.time else {"K": 3, "M": 6, "G": 9}
        digits = 9 if unit in ("second", "s") else scales.get(unit[0], 0)
        text = f"{value.scaleb(-digits):{',' if self.grouped else ''}f}"
        return unit, text


def ncu_csv(
    launches: Sequence[Launched], style: Style | None = None, *, long: bool = False, cc: str = "8.6"
) -> str:
    """A table of ``ncu --csv``: page raw, or ``long`` as page details."""
    style = style or Style()
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    rows = [
        {name: style.written(*value) for name, value in launch.metrics().items()} | dict(launch.more)
        for launch in launches
    ]
    names = list(dict.fromkeys(name for row in rows for name in row))
    units = {name: next(row[name][0] for row in rows if name in row) for name in names}
    if long:
        writer.writerow([*HEAD, *SECTION])
    else:
        writer.writerow([*HEAD, *names])
        writer.writerow([*[""] * len(HEAD), *units.values()])
    for number, (launch, row) in enumerate(zip(launches, rows, strict=True)):
        head = [
            number,
            launch.process,
            "main",
            "127.0.0.1",
            launch.kernel,
            1,
            7,
            launch.block,
            launch.grid,
            0,
            cc,
        ]
        if long:
            for name, (unit, value) in row.items():
                writer.writerow([*head, "Command line profiler metrics", name, unit, value])
        else:
            writer.writerow([*head, *(row.get(name, ("", "n/a"))[1] for name in names)])
    return out.getvalue()


V3_HEAD = ("Correlation_Id", "Dispatch_Id", "Agent_Id", "Queue_Id", "Process_Id", "Thread_Id", "Grid_Size",
           "Kernel_Id", "Kernel_Name", "Workgroup_Size", "LDS_Block_Size", "Scratch_Size", "VGPR_Count",
           "Accum_VGPR_Count", "SGPR_Count", "Counter_Name", "Counter_Value", "Start_Timestamp",
           "End_Timestamp")  # fmt: skip


@dataclass(frozen=True)
class Dispatched:
    """One dispatch on an AMD GPU, with its counters; ``threads`` of the grid in groups of ``group``."""

    kernel: str
    counters: Mapping[str, int | float]
    threads: int = 4096
    group: int = 256
    time_ns: int = 1000


def rocprofv3_csv(dispatches: Sequence[Dispatched]) -> str:
    """``counter_collection.csv`` of rocprofv3: a row for each counter of each dispatch."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(V3_HEAD)
    for number, one in enumerate(dispatches, start=1):
        for name, value in one.counters.items():
            writer.writerow(
                [number, number, "Agent 4", 1, 77, 77, one.threads, 9, one.kernel, one.group, 0, 0, 12, 0, 16,
                 name, value, 5000, 5000 + one.time_ns]
            )  # fmt: skip
    return out.getvalue()


FIRST_HEAD = ("Index", "KernelName", "gpu-id", "queue-id", "queue-index", "pid", "tid", "grd", "wgr", "lds",
              "scr", "arch_vgpr", "accum_vgpr", "sgpr", "wave_size", "sig", "obj")  # fmt: skip
FIRST_TIMES = ("DispatchNs", "BeginNs", "EndNs", "CompleteNs")
SECOND_HEAD = ("Dispatch_ID", "GPU_ID", "Queue_ID", "PID", "TID", "Grid_Size", "Workgroup_Size",
               "LDS_Per_Workgroup", "Scratch_Per_Workitem", "Arch_VGPR", "Accum_VGPR", "SGPR", "Wave_Size",
               "Kernel_Name", "Start_Timestamp", "End_Timestamp", "Correlation_ID")  # fmt: skip


def rocprof_csv(dispatches: Sequence[Dispatched], *, second: bool = False) -> str:
    """``results.csv`` of rocprof, or of the file plugin's ``second`` version: a row for each dispatch."""
    counters = list(dict.fromkeys(name for one in dispatches for name in one.counters))
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    head = (*SECOND_HEAD, *counters) if second else (*FIRST_HEAD, *counters, *FIRST_TIMES)
    out.write(",".join(head) + "\n")
    for number, one in enumerate(dispatches):
        values = [one.counters.get(name, 0) for name in counters]
        end = 5000 + one.time_ns
        if second:
            row = [number, 4, 1, 77, 77, one.threads, one.group, 0, 0, 12, 0, 16, 64, one.kernel,
                   5000, end, 1, *values]  # fmt: skip
        else:
            row = [number, one.kernel, 0, 0, 0, 77, 77, one.threads, one.group, 0, 0, 12, 0, 16, 64, 0, 0,
                   *values, 4000, 5000, end, end]  # fmt: skip
        writer.writerow(row)
    return out.getvalue()
