"""The host's CPU as a device, on this machine and on made-up ones."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path

import pytest

from jouleline.core.device import Provenance
from jouleline.devices import host
from jouleline.devices.host import MeasurementError, host_device, measure_bandwidth

CPUINFO = """\
processor : 0
vendor_id : {vendor}
cpu family : {family}
model name : Test CPU @ 3.00GHz
flags : {flags}

"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "jouleline" / "host.json"


@pytest.fixture
def four_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)


def put(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text + "\n", encoding="utf-8")


def machine(root: Path, flags: str, vendor: str = "GenuineIntel", family: str = "6") -> Path:
    """Two cores of two threads each, 1 MiB of L2 a core and a shared L3 of 8 MiB."""
    put(root, "proc/cpuinfo", CPUINFO.format(flags=flags, vendor=vendor, family=family) * 4)
    for n in range(4):
        cpu = f"sys/devices/system/cpu/cpu{n}"
        put(root, f"{cpu}/topology/physical_package_id", "0")
        put(root, f"{cpu}/topology/core_id", str(n // 2))
        put(root, f"{cpu}/cpufreq/cpuinfo_max_freq", "3500000")
        caches = [
            ("Data", 1, "32K", f"{n}"),
            ("Unified", 2, "1M", f"{n // 2 * 2}-{n // 2 * 2 + 1}"),
        ]
        for i, (kind, level, size, shared) in enumerate([*caches, ("Unified", 3, "8192K", "0-3")]):
            put(root, f"{cpu}/cache/index{i}/type", kind)
            put(root, f"{cpu}/cache/index{i}/level", str(level))
            put(root, f"{cpu}/cache/index{i}/size", size)
            put(root, f"{cpu}/cache/index{i}/shared_cpu_list", shared)
    return root


def test_this_host_is_plausible() -> None:
    cpu = host_device()
    assert (cpu.id, cpu.vendor) == ("host", "cpu")
    assert 1 <= cpu.multiprocessors.value <= (os.cpu_count() or 1)
    assert 0.5e9 < cpu.clock_hz.value < 7e9
    assert 1e9 < cpu.dp_flop_per_s.value < cpu.sp_flop_per_s.value < 1e15
    assert cpu.dram_bytes.value > 100e6
    assert cpu.ridge("tensor") is None
    assert all(figure.source for figure in cpu.figures().values())


@pytest.mark.usefixtures("four_threads")
def test_threads_share_a_cores_units_and_caches(tmp_path: Path) -> None:
    cpu = host_device(machine(tmp_path, "sse2 avx avx2 fma"))
    assert cpu.multiprocessors.value == 2
    assert cpu.l2_bytes.value == 2 * 1024**2
    assert cpu.llc_bytes is not None
    assert cpu.llc_bytes.value == 8 * 1024**2
    assert cpu.clock_hz.value == 3.5e9
    assert cpu.sp_flop_per_s.value == 2 * 2 * 8 * 2 * 3.5e9
    assert "2 cores x 2 units (assumed) x 8 fp32 lanes" in cpu.sp_flop_per_s.source


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize(
    ("flags", "vendor", "family", "sp", "dp", "integer"),
    [
        ("sse2", "GenuineIntel", "6", 8, 4, 16),
        ("sse2 avx", "GenuineIntel", "6", 16, 8, 16),
        ("sse2 avx avx2 fma", "GenuineIntel", "6", 32, 16, 32),
        ("sse2 avx avx2 fma avx512f", "GenuineIntel", "6", 64, 32, 64),
        ("sse2 avx avx2 fma avx512f", "AuthenticAMD", "25", 32, 16, 32),
        ("sse2 avx avx2 fma avx512f", "AuthenticAMD", "26", 64, 32, 64),
        ("fp asimd", "", "", 16, 8, 16),
    ],
)
def test_operations_a_cycle_and_core_by_instruction_set(  # noqa: PLR0917 - columns of a table
    tmp_path: Path, flags: str, vendor: str, family: str, sp: int, dp: int, integer: int
) -> None:
    cpu = host_device(machine(tmp_path, flags, vendor, family))
    cycles = cpu.multiprocessors.value * cpu.clock_hz.value
    peaks = (cpu.sp_flop_per_s, cpu.dp_flop_per_s, cpu.int_op_per_s)
    assert [peak.value / cycles for peak in peaks] == [sp, dp, integer]


@pytest.mark.usefixtures("four_threads")
def test_without_cpufreq_the_name_tells_the_clock(tmp_path: Path) -> None:
    machine(tmp_path, "sse2")
    for n in range(4):
        shutil.rmtree(tmp_path / f"sys/devices/system/cpu/cpu{n}/cpufreq")
    assert host_device(tmp_path).clock_hz.value == 3e9


@pytest.mark.usefixtures("four_threads")
def test_rapl_tells_the_power(tmp_path: Path) -> None:
    machine(tmp_path, "sse2")
    put(tmp_path, "sys/class/powercap/intel-rapl:0/name", "package-0")
    put(tmp_path, "sys/class/powercap/intel-rapl:0/constraint_0_max_power_uw", "125000000")
    put(tmp_path, "sys/class/powercap/intel-rapl:0:0/name", "core")
    tdp = host_device(tmp_path).tdp_w
    assert (tdp.value, tdp.provenance) == (125.0, Provenance.MEASURED)


def test_a_system_that_tells_nothing_is_assumed_and_says_so(tmp_path: Path) -> None:
    cpu = host_device(tmp_path)
    gaps = [cpu.clock_hz, cpu.l2_bytes, cpu.tdp_w, cpu.dram_bytes_per_s]
    assert {gap.provenance for gap in gaps} == {Provenance.ASSUMED}
    assert cpu.llc_bytes is None


@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++ to compile the triad with")
def test_a_measured_bandwidth_is_remembered(cache: Path) -> None:
    assert host_device().dram_bytes_per_s.provenance is Provenance.ASSUMED
    rate = measure_bandwidth()
    assert 0.5e9 < rate < 5e12
    measured = host_device().dram_bytes_per_s
    assert (measured.value, measured.provenance) == (rate, Provenance.MEASURED)
    assert stat.S_IMODE(cache.parent.stat().st_mode) == 0o700
    assert json.loads(cache.read_text(encoding="utf-8"))["schema"] == "jouleline/host/1"


def test_a_missing_compiler_is_named() -> None:
    with pytest.raises(MeasurementError, match='"no-such-compiler" is not installed'):
        measure_bandwidth("no-such-compiler")


def test_a_failing_compiler_is_quoted() -> None:
    with pytest.raises(MeasurementError, match="cannot compile the bandwidth test"):
        measure_bandwidth("false")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": "jouleline/host/1"}'])
def test_a_foreign_cache_is_no_measurement(cache: Path, text: str) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text(text, encoding="utf-8")
    assert host_device().dram_bytes_per_s.provenance is Provenance.ASSUMED


def test_measurements_of_other_machines_stay(cache: Path) -> None:
    host._remember("Other CPU, 64 cores", 4e11)
    host._remember("Test CPU, 2 cores", 3e10)
    rates = json.loads(cache.read_text(encoding="utf-8"))["dram_bytes_per_s"]
    assert rates == {"Other CPU, 64 cores": 4e11, "Test CPU, 2 cores": 3e10}
