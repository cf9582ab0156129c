"""This machine's CPU as a device, so that host OpenMP code has a roofline too.

What the operating system reports is labelled measured, what follows from it derived with its
formula, and what nobody says assumed with its reason. Nothing here needs Linux; elsewhere more
figures are assumed.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jouleline.core.device import Device, Figure, Provenance

if TYPE_CHECKING:
    from collections.abc import Callable

_SCHEMA: Final = "jouleline/host/1"
_GB: Final = 1e9
_MIB: Final = 1024 * 1024


class MeasurementError(RuntimeError):
    """The memory bandwidth could not be measured; the message says what to do."""


@dataclass(frozen=True, slots=True)
class _Cpu:
    """What the operating system says about the processors this process may use."""

    root: Path
    model: str
    vendor: str
    family: str
    flags: frozenset[str]
    processors: tuple[int, ...]
    cores: int
    reported_mhz: float | None

    @property
    def key(self) -> str:
        return f"{self.model}, {self.cores} cores"


def host_device(root: Path = Path("/")) -> Device:
    """This host's CPU with id `host`.

    `root` is where `proc` and `sys` are found. The DRAM bandwidth is measured if
    `measure_bandwidth` has run on this CPU with as many cores, and assumed otherwise.
    """
    cpu = _cpu(root)
    clock = _clock(cpu)
    simd = _simd(cpu)
    machine = platform.machine() or "unknown"
    return Device(
        id="host",
        name=cpu.model,
        aliases=("cpu", "localhost"),
        vendor="cpu",
        architecture=simd.name,
        target={"x86_64": "x86-64", "AMD64": "x86-64", "arm64": "aarch64"}.get(machine, machine),
        multiprocessors=_measured(cpu.cores, "1", "cores this process may run on"),
        warp_size=_derived(simd.lanes, "1", f"{simd.name}: {32 * simd.lanes} bits / 32"),
        clock_hz=clock,
        sp_flop_per_s=_peak(cpu, simd, clock, "fp32", simd.lanes),
        dp_flop_per_s=_peak(cpu, simd, clock, "fp64", max(1, simd.lanes // 2)),
        int_op_per_s=_peak(cpu, simd, clock, "int32", simd.int_lanes),
        dram_bytes_per_s=_bandwidth(cpu),
        dram_bytes=_memory(),
        l2_bytes=_l2(cpu),
        llc_bytes=_l3(cpu),
        tdp_w=_tdp(cpu),
    )


def measure_bandwidth(compiler: str = "g++") -> float:
    """DRAM bandwidth of this host (B/s) by a triad over all available cores; about a second.

    The result is remembered for `host_device`, under the user's cache folder.

    Raises MeasurementError when the compiler is missing or fails, or the triad does.
    """
    cpu = _cpu(Path("/"))
    caches = sum(_cache_bytes(cpu, level) for level in (2, 3))
    # Four times the caches, so that at most a quarter could hit, but never half the memory.
    array_bytes = min(max(4 * caches, 192 * _MIB), _memory().value / 2) / 3
    with tempfile.TemporaryDirectory(prefix="jouleline-triad-") as folder:
        source, program = Path(folder, "triad.cpp"), Path(folder, "triad")
        source.write_bytes(resources.files(__package__).joinpath("triad.cpp").read_bytes())
        flags = ["-O3", "-march=native", "-fopenmp"]
        _run([compiler, *flags, str(source), "-o", str(program)], "compile the bandwidth test")
        written = _run([str(program), str(int(array_bytes / 8)), "1.0"], "run the bandwidth test")
    try:
        rate = float(written.split()[0])
    except (IndexError, ValueError) as error:
        raise MeasurementError(f'the bandwidth test printed "{written.strip()}"') from error
    _remember(cpu.key, rate)
    return rate


def _run(command: list[str], purpose: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    except FileNotFoundError as error:
        raise MeasurementError(f'cannot {purpose}: "{command[0]}" is not installed') from error
    except subprocess.TimeoutExpired as error:
        raise MeasurementError(f"cannot {purpose}: it took longer than two minutes") from error
    except (OSError, subprocess.CalledProcessError) as error:
        detail = str(getattr(error, "stderr", "") or error).strip().splitlines()
        raise MeasurementError(f"cannot {purpose}: {detail[0]}") from error
    return done.stdout


# What is remembered between runs.


def _cache_file() -> Path:
    folder = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(folder) if os.path.isabs(folder) else Path.home() / ".cache"  # noqa: PTH117
    return base / "jouleline" / "host.json"


def _remembered() -> dict[str, float]:
    try:
        document = json.loads(_cache_file().read_text(encoding="utf-8"))
    except (OSError, ValueError, RuntimeError):
        return {}
    if not isinstance(document, dict) or document.get("schema") != _SCHEMA:
        return {}
    rates = document.get("dram_bytes_per_s")
    if not isinstance(rates, dict):
        return {}
    return {k: float(v) for k, v in rates.items() if isinstance(v, (int, float)) and v > 0}


def _remember(key: str, rate: float) -> None:
    file = _cache_file()
    document = {"schema": _SCHEMA, "dram_bytes_per_s": {**_remembered(), key: rate}}
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.parent.chmod(0o700)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=file.parent, prefix=file.name, delete=False
    ) as draft:
        json.dump(document, draft, indent=1)
    Path(draft.name).replace(file)


# What the operating system reports.


def _cpu(root: Path) -> _Cpu:
    fields: dict[str, str] = {}
    mhz: list[float] = []
    for line in _lines(root / "proc/cpuinfo"):
        name, _, value = (part.strip() for part in line.partition(":"))
        fields.setdefault(name, value)
        if name == "cpu MHz":
            with suppress(ValueError):
                mhz.append(float(value))
    processors = _processors()
    topologies = [root / f"sys/devices/system/cpu/cpu{n}/topology" for n in processors]
    places = {(_line(t / "physical_package_id"), _line(t / "core_id")) for t in topologies}
    return _Cpu(
        root=root,
        model=fields.get("model name") or platform.processor() or "unknown CPU",
        vendor=fields.get("vendor_id", ""),
        family=fields.get("cpu family", ""),
        flags=frozenset((fields.get("flags") or fields.get("Features") or "").split()),
        processors=processors,
        # Hardware threads share a core's vector units; without topology each counts as a core.
        cores=len(processors) if ("", "") in places else len(places),
        reported_mhz=max(mhz, default=None),
    )


def _processors() -> tuple[int, ...]:
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def _clock(cpu: _Cpu) -> Figure:
    fastest = [
        int(text)
        for n in cpu.processors
        if (text := _line(_cpu_folder(cpu, n) / "cpufreq/cpuinfo_max_freq")).isdigit()
    ]
    if fastest:
        return _measured(max(fastest) * 1e3, "Hz", "cpufreq cpuinfo_max_freq")
    if cpu.reported_mhz:
        source = "current clock in /proc/cpuinfo; cpufreq tells no maximum"
        return _measured(cpu.reported_mhz * 1e6, "Hz", source)
    if named := re.search(r"@ *([0-9.]+) *GHz", cpu.model):
        return _derived(float(named[1]) * 1e9, "Hz", "the clock in the CPU's name")
    return _assumed(2.5e9, "Hz", "2.5 GHz: this system reports no clock")


def _cpu_folder(cpu: _Cpu, number: int) -> Path:
    return cpu.root / f"sys/devices/system/cpu/cpu{number}"


@dataclass(frozen=True, slots=True)
class _Simd:
    name: str
    lanes: int
    int_lanes: int
    flop: int
    units: int


def _simd(cpu: _Cpu) -> _Simd:
    """Widest vectors by the CPU's flags; how many execute at once is an assumption."""
    flags = cpu.flags
    fused = 2 if flags & {"fma", "fma4", "asimd"} else 1
    if "avx512f" in flags:
        # Zen 4 (family 25) passes 512-bit vectors through its two 256-bit units in two halves.
        halves = cpu.vendor == "AuthenticAMD" and cpu.family == "25"
        return _Simd("AVX-512", 16, 16, fused, 1 if halves else 2)
    if "avx2" in flags:
        return _Simd("AVX2", 8, 8, fused, 2)
    if "avx" in flags:
        return _Simd("AVX", 8, 4, fused, 2)
    if "sse2" in flags:
        return _Simd("SSE2", 4, 4, fused, 2)
    if "asimd" in flags:
        return _Simd("NEON", 4, 4, fused, 2)
    return _Simd("unknown vectors, taken as 128 bits", 4, 4, fused, 2)


def _peak(cpu: _Cpu, simd: _Simd, clock: Figure, kind: str, lanes: int) -> Figure:
    # Integers by the one convention for all devices: x 2, although an instruction counts once.
    factor, unit = (2, "op") if kind == "int32" else (simd.flop, "FLOP")
    formula = (
        f"{cpu.cores} cores x {simd.units} units (assumed) x {lanes} {kind} lanes"
        f" x {factor} {unit} x {clock.value / 1e9:.3g} GHz"
    )
    return _derived(
        cpu.cores * simd.units * lanes * factor * clock.value,
        f"{unit}/s",
        f"{formula}, {simd.name}",
    )


def _bandwidth(cpu: _Cpu) -> Figure:
    if (rate := _remembered().get(cpu.key)) is not None:
        return _measured(rate, "B/s", f"triad on {cpu.key}, 24 bytes an element")
    rate = min(10 * cpu.cores, 200) * _GB
    return _assumed(rate, "B/s", "10 GB/s a core, at most 200: not measured on this host yet")


def _memory() -> Figure:
    with suppress(AttributeError, OSError, ValueError):
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if size > 0:
            return _measured(size, "B", "physical memory by sysconf")
    return _assumed(16 * _GB, "B", "16 GB: this system reports no memory size")


def _l2(cpu: _Cpu) -> Figure:
    if size := _cache_bytes(cpu, 2):
        return _measured(size, "B", "L2 caches in sysfs, summed over the cores")
    return _assumed(cpu.cores * _MIB, "B", "1 MiB a core: this system reports no caches")


def _l3(cpu: _Cpu) -> Figure | None:
    size = _cache_bytes(cpu, 3)
    return _measured(size, "B", "L3 caches in sysfs") if size else None


def _cache_bytes(cpu: _Cpu, level: int) -> int:
    sizes: dict[str, int] = {}
    for number in cpu.processors:
        for index in sorted((_cpu_folder(cpu, number) / "cache").glob("index*")):
            if _line(index / "level") == str(level) and _line(index / "type") != "Instruction":
                owners = _line(index / "shared_cpu_list") or str(number)
                sizes[owners] = _size(_line(index / "size"))
    return sum(sizes.values())


def _size(text: str) -> int:
    parsed = re.fullmatch(r"(\d+)([KMG]?)", text)
    if parsed is None:
        return 0
    return int(parsed[1]) * {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}[parsed[2]]


def _tdp(cpu: _Cpu) -> Figure:
    packages = [
        folder
        for folder in sorted((cpu.root / "sys/class/powercap").glob("intel-rapl:*"))
        if _line(folder / "name").startswith("package")
    ]
    limits = [_line(folder / "constraint_0_max_power_uw") for folder in packages]
    microwatts = [int(limit) for limit in limits if limit.isdigit() and int(limit)]
    if microwatts and len(microwatts) == len(packages):
        source = "RAPL constraint_0_max_power_uw of the packages"
        return _measured(sum(microwatts) / 1e6, "W", source)
    return _assumed(max(15, 8 * cpu.cores), "W", "8 W a core, at least 15 W: RAPL tells no maximum")


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _line(file: Path) -> str:
    return next(iter(_lines(file)), "").strip()


def _labelled(provenance: Provenance) -> Callable[[float, str, str], Figure]:
    return lambda value, unit, source: Figure(float(value), unit, provenance, source)


_measured = _labelled(Provenance.MEASURED)
_derived = _labelled(Provenance.DERIVED)
_assumed = _labelled(Provenance.ASSUMED)
