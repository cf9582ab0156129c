"""The tables of ``ncu --csv``: one row a launch (page ``raw``) or one a metric (page ``details``).

Lines of the profiler itself (``==PROF==``) and of the program may stand before, between and after
them, for all share one standard output.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from jouleline.core.profile import Extent, LaunchRecord, ProfileError

_KEY: Final = ("Process ID", "ID")
_NAME: Final = "Kernel Name"
_DESCRIBING: Final = frozenset(
    (*_KEY, _NAME, "Process Name", "Host Name", "Kernel Time", "Context", "Stream", "Block Size",
     "Grid Size", "Device", "CC", "Section Name")
)  # fmt: skip
_LONG: Final = ("Metric Name", "Metric Unit", "Metric Value")
_KEPT = re.compile(
    r"(?:derived__)?sm(?:sp)?__sass_thread_inst_executed_op\w*_pred_on\w*(?:\.sum(?:\.per_cycle_elapsed)?)?"
    r"|sm(?:sp)?__inst_executed_pipe_tensor\.sum(?:\.per_cycle_elapsed)?"
    r"|sm__ops_path_tensor_src_\w+\.sum(?:\.per_cycle_elapsed)?"
    r"|dram__bytes(?:_read|_write)?\.sum(?:\.per_second)?"
    r"|gpu__time_duration\.sum|sm(?:sp)?__cycles_elapsed\.(?:avg|max)(?:\.per_second)?"
    r"|launch__registers_per_thread|sm__warps_active\.avg\.pct_of_peak_sustained_active"
)
_GROUPED = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_PLAIN = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
# Written so by no English locale: 27.595.520 and 65,77 and 1 234,5.
_FOREIGN = re.compile(
    r"-?\d{1,3}(?:\.\d{3}){2,}(?:,\d+)?|-?\d{1,3}(?:\.\d{3})+,\d+|-?\d+,(?:\d{1,2}|\d{4,})"
    "|-?\\d{1,3}(?:[\u00a0\u202f' ’]\\d{3})+(?:[.,]\\d+)?"  # noqa: RUF001 - how some locales group digits
)
_AMBIGUOUS = re.compile(r"\d{1,3}\.\d{3}")
_ABSENT: Final = frozenset(("", "n/a", "nan", "-nan", "inf", "-inf", "no data"))
_INSTANCES = re.compile(r"(\S+) \(.*\)")
_COUNT_SUFFIX: Final = ".sum"
_PREFIXES: Final = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}
_COUNTED = re.compile(r"([KMGTP]?)(bytes?|B|inst|instructions?|cycles?|ops?|[Hh]z|sector|register)")
_SECONDS: Final = {
    "nsecond": Decimal("1e-9"), "ns": Decimal("1e-9"), "usecond": Decimal("1e-6"), "us": Decimal("1e-6"),
    "msecond": Decimal("1e-3"), "ms": Decimal("1e-3"), "second": Decimal(1), "s": Decimal(1),
}  # fmt: skip


def starts_table(line: str) -> bool:
    """Whether a line is the head of a table."""
    if _NAME not in line or not line.lstrip().lstrip('"').startswith("ID"):
        return False
    names = _cells(line)
    return names[0] == "ID" and _NAME in names


def read_launches(text: str) -> tuple[LaunchRecord, ...]:
    """The launches of every table in a text, in order.

    Raises:
        ProfileError: if a row is cut off, or a number is written as only another locale would.
    """
    launches: dict[tuple[object, ...], _Launch] = {}
    for table in _tables(text):
        table.read_into(launches)
    return tuple(launch.record() for launch in launches.values())


@dataclass
class _Launch:
    row: Mapping[str, str]
    counters: dict[str, Decimal] = field(default_factory=dict)
    rounded: dict[str, None] = field(default_factory=dict)

    def add(self, metric: str, unit: str, value: str, line: int) -> None:
        """Keep a metric that a roofline needs; look at all for the marks of a foreign locale."""
        value = value.strip()
        if instances := _INSTANCES.fullmatch(value):
            value = instances[1]
        if unit and _FOREIGN.fullmatch(value):
            raise _foreign(value, metric, line)
        if not _KEPT.fullmatch(metric) or value.lower() in _ABSENT:
            return
        if not (_GROUPED.fullmatch(value) or _PLAIN.fullmatch(value)):
            raise ProfileError(f"line {line}: {metric} is {value!r}, which is no number")
        scale = _scale(unit)
        if scale is None:
            raise ProfileError(f"line {line}: {metric} is in {unit!r}, a unit that is not known")
        if metric.endswith(_COUNT_SUFFIX) and unit in ("byte", "inst") and _AMBIGUOUS.fullmatch(value):
            # Half a byte is never counted, but 117.344 is how other locales write 117344.
            raise _foreign(value, metric, line)
        number = Decimal(value.replace(",", "")) * scale
        if number < 0:
            raise ProfileError(f"line {line}: {metric} is {value}, but a count is never negative")
        self.counters[metric] = number
        if scale > 1 and metric.endswith(_COUNT_SUFFIX):
            self.rounded[unit] = None

    def record(self) -> LaunchRecord:
        """The launch with what its row says of it."""
        capability = self.row.get("CC", "").strip().replace(".", "")
        units = " and ".join(self.rounded)
        return LaunchRecord(
            kernel=self.row[_NAME],
            grid=_extent(self.row.get("Grid Size", "")),
            block=_extent(self.row.get("Block Size", "")),
            counters=self.counters,
            target=f"sm_{capability}" if capability.isdigit() else "",
            notes=(f"rounded by the profiler to {units}: --print-units base is exact",) if units else (),
        )


@dataclass
class _Table:
    names: Sequence[str]
    number: int
    rows: list[tuple[int, Mapping[str, str]]] = field(default_factory=list)
    units: Mapping[str, str] = field(default_factory=dict)

    def read_into(self, launches: dict[tuple[object, ...], _Launch]) -> None:
        """Add the table's launches; a table after another one is another run with its own numbers."""
        long = _LONG[0] in self.names
        for line, row in self.rows:
            key = (self.number, *(row.get(part, "") for part in _KEY))
            launch = launches.setdefault(key, _Launch(row))
            if long:
                launch.add(row[_LONG[0]], row[_LONG[1]], row[_LONG[2]], line)
                continue
            for metric, value in row.items():
                if metric not in _DESCRIBING:
                    launch.add(metric, self.units.get(metric, "").strip(), value, line)


def _tables(text: str) -> Iterator[_Table]:
    table: _Table | None = None
    number = 0
    for line, content in enumerate(text.splitlines(), start=1):
        if starts_table(content):
            if table is not None:
                yield table
            number += 1
            table = _Table(_cells(content), number)
        elif table is not None and not content.startswith("=="):
            _add_row(table, content, line)
    if table is not None:
        yield table


def _add_row(table: _Table, content: str, line: int) -> None:
    """Take a line that belongs to the table; others are the program's own output."""
    cells = _cells(content)
    launched = re.match(r'"\d+",|\d+,', content) is not None
    if len(cells) == len(table.names):
        row = dict(zip(table.names, cells, strict=True))
        if launched:
            table.rows.append((line, row))
        elif not table.rows and cells[0] == "" and row[_NAME] == "":
            table.units = row
    elif launched and content.startswith('"'):
        raise ProfileError(
            f"line {line} is not a whole row of {len(table.names)} columns: the file is cut off; "
            "profile again"
        )


def _cells(line: str) -> list[str]:
    """The cells of a line; one alone if its quotes do not match, as where a file was cut off."""
    try:
        return next(csv.reader([line], strict=True), [""])
    except csv.Error:
        return [line]


def _foreign(value: str, metric: str, line: int) -> ProfileError:
    return ProfileError(
        f"line {line}: {metric} is {value!r}: these numbers are not written as in English, so commas and "
        "points cannot be told apart; profile again with the environment variable LC_ALL=C"
    )


def _scale(unit: str) -> Decimal | None:
    """What a figure in ``unit`` is multiplied by to be in bytes, seconds and counts; None if unknown.

    Nsight Compute scales by powers of ten: a Kbyte is 1,000 bytes.
    """
    over, _, under = unit.partition("/")
    scale = _SECONDS.get(over)
    if scale is None:
        counted = _COUNTED.fullmatch(over)
        if counted is None and over not in ("", "1", "%"):
            return None
        scale = Decimal(1000) ** _PREFIXES[counted[1]] if counted else Decimal(1)
    return scale / _SECONDS.get(under, Decimal(1))


def _extent(text: str) -> Extent:
    sizes = [int(number) for number in re.findall(r"\d+", text)][:3]
    x, y, z = [*sizes, 1, 1, 1][:3]
    return x, y, z
