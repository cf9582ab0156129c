import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jouleline.core.meter import MeterError
from jouleline.core.ports import Availability, Completed
from jouleline.meters import rapl
from jouleline.meters.rapl import RaplMeter, find_rapl

RUN = Completed(0, b"", b"", 0.01, 0.02)
RANGE_UJ = 262_143_328_850


def zone(root: Path, folder: str, name: str, counter: int = 0, range_uj: int = RANGE_UJ) -> Path:
    path = root / folder
    path.mkdir(parents=True)
    (path / "name").write_text(f"{name}\n")
    (path / "max_energy_range_uj").write_text(f"{range_uj}\n")
    (path / "energy_uj").write_text(f"{counter}\n")
    return path / "energy_uj"


def double(root: Path, counter: int = 0, range_uj: int = RANGE_UJ) -> dict[str, Path]:
    """A powercap folder that is a test double and says so in its zones' names."""
    return {
        "package": zone(root, "intel-rapl:0", "package-0 (test double)", counter, range_uj),
        "core": zone(root, "intel-rapl:0:0", "core", 5),
        "dram": zone(root, "intel-rapl:0:1", "dram (test double)", 7),
        "psys": zone(root, "intel-rapl:1", "psys", 9),
        "mmio": zone(root, "intel-rapl-mmio:0", "package-0", 11),
    }


def put(counter: Path, value: int) -> None:
    # In one step, as a reader of sysfs sees it.
    fresh = counter.with_suffix(".new")
    fresh.write_text(f"{value}\n")
    fresh.replace(counter)


@contextmanager
def ticking(counter: Path, step_uj: int = 100, range_uj: int = RANGE_UJ) -> Iterator[None]:
    """Have a counter of the double move every millisecond or so."""
    stop = threading.Event()

    def tick() -> None:
        value = int(counter.read_text())
        while not stop.is_set():
            value = (value + step_uj) % range_uj
            put(counter, value)
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_package_and_memory_are_counted_and_nothing_twice(tmp_path: Path) -> None:
    counters = double(tmp_path)
    meter = RaplMeter(tmp_path)
    assert meter.info.device == "package-0 (test double), dram (test double)"
    assert not meter.info.modelled
    assert meter.info.window_s == 5.0
    with ticking(counters["package"]):
        meter.start()
        time.sleep(0.02)
        for name in ("core", "psys", "mmio"):
            put(counters[name], 10**9)
        put(counters["dram"], 2_000_007)
        sample = meter.stop([RUN, RUN], repeats=3)
    assert 2.0 < sample.energy_j < 2.1
    assert sample.wall_s > 0.02
    assert (sample.cpu_s, sample.runs) == (0.04, 6)


def test_a_counter_that_starts_again_from_zero_is_followed(tmp_path: Path) -> None:
    counters = double(tmp_path, counter=RANGE_UJ - 150)
    meter = RaplMeter(tmp_path)
    with ticking(counters["package"]):
        meter.start()
        time.sleep(0.02)
        sample = meter.stop([RUN])
    assert int(counters["package"].read_text()) < 10**6
    assert 0 < sample.energy_j < 0.1


def test_a_counter_that_stands_still_gives_no_figure(tmp_path: Path) -> None:
    counters = double(tmp_path)
    meter = RaplMeter(tmp_path)
    with pytest.raises(MeterError, match="stands still"):
        meter.start()
    with ticking(counters["package"]):
        meter.start()
    with pytest.raises(MeterError, match="stands still"):
        meter.stop([RUN])


def test_a_counter_that_jumps_gives_no_figure(tmp_path: Path) -> None:
    counters = double(tmp_path)
    meter = RaplMeter(tmp_path)
    with ticking(counters["package"]):
        meter.start()
        put(counters["dram"], 10**10)
        with pytest.raises(MeterError, match=r"dram .* jumped"):
            meter.stop([RUN])


def test_a_window_too_long_for_the_counter_s_range_is_refused(tmp_path: Path) -> None:
    counters = double(tmp_path, range_uj=10_000_000)
    meter = RaplMeter(tmp_path)
    with ticking(counters["package"], range_uj=10_000_000):
        meter.start()
        time.sleep(0.02)
        with pytest.raises(MeterError, match="more than once"):
            meter.stop([RUN])


def test_a_window_is_begun_before_it_ends(tmp_path: Path) -> None:
    double(tmp_path)
    with pytest.raises(MeterError, match="no window was begun"):
        RaplMeter(tmp_path).stop([RUN])


def test_starting_again_abandons_the_first_window(tmp_path: Path) -> None:
    counters = double(tmp_path)
    meter = RaplMeter(tmp_path)
    with ticking(counters["package"]):
        meter.start()
        time.sleep(0.05)
        again = time.monotonic()
        meter.start()
        sample = meter.stop([RUN])
        assert sample.wall_s <= time.monotonic() - again


def test_it_is_found(tmp_path: Path) -> None:
    double(tmp_path)
    finding = find_rapl(tmp_path)
    assert finding.availability is Availability.READY
    assert "test double" in finding.detail


def test_where_permission_is_missing_the_command_that_grants_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    double(tmp_path)
    read = rapl._text

    def refuse(path: Path) -> str:
        # Root, as which tests often run, may read whatever the mode says.
        if path.name == "energy_uj":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(rapl, "_text", refuse)
    finding = find_rapl(tmp_path)
    assert finding.availability is Availability.LIMITED
    assert finding.remedy == "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj"
    with pytest.raises(MeterError, match="sudo chmod a"):
        RaplMeter(tmp_path)


@pytest.mark.parametrize("folder", ["", "nowhere"])
def test_a_virtual_machine_has_none(tmp_path: Path, folder: str) -> None:
    finding = find_rapl(tmp_path / folder)
    assert finding.availability is Availability.MISSING
    assert "modprobe intel_rapl_msr" in finding.remedy


def test_a_broken_zone_is_one_clear_error(tmp_path: Path) -> None:
    counters = double(tmp_path)
    put(counters["package"], 0)
    counters["package"].write_text("garbage\n")
    with pytest.raises(MeterError, match="cannot be read"):
        RaplMeter(tmp_path)
    (tmp_path / "intel-rapl:0/max_energy_range_uj").unlink()
    assert find_rapl(tmp_path).availability is Availability.LIMITED
