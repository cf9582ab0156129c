"""A powercap folder that is a test double, says so in its zones' names, and counts in virtual time."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jouleline.core.meter import EnergySample, Measured, MeterError
from jouleline.core.ports import Availability
from jouleline.meters import rapl
from jouleline.meters.polling import End, Step
from jouleline.meters.rapl import RaplSource, find_rapl
from jouleline.meters.sensor import SensorMeter
from tests.support.sensors import World, run_of

RANGE_UJ = 262_143_328_850


def zone(root: Path, folder: str, name: str, counter: int = 0, range_uj: int = RANGE_UJ) -> Path:
    path = root / folder
    path.mkdir(parents=True)
    (path / "name").write_text(f"{name}\n")
    (path / "max_energy_range_uj").write_text(f"{range_uj}\n")
    (path / "energy_uj").write_text(f"{counter}\n")
    return path / "energy_uj"


def double(root: Path, counter: int = 0, range_uj: int = RANGE_UJ) -> dict[str, Path]:
    return {
        "package": zone(root, "intel-rapl:0", "package-0 (test double)", counter, range_uj),
        "core": zone(root, "intel-rapl:0:0", "core", 5),
        "dram": zone(root, "intel-rapl:0:1", "dram (test double)", 7),
        "psys": zone(root, "intel-rapl:1", "psys", 9),
        "mmio": zone(root, "intel-rapl-mmio:0", "package-0", 11),
    }


class Ticking(World):
    """Every millisecond of its time each counter moves by so many watts' worth."""

    def __init__(self, watts: dict[Path, float], range_uj: int = RANGE_UJ) -> None:
        super().__init__()
        self._watts = watts
        self._range_uj = range_uj
        self._began = {path: int(path.read_text()) for path in watts}
        self._began_s = self.now
        self._ticks = 0

    def clock(self) -> float:
        self._tick()
        return self.now

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._tick()

    def background(self, step: Step) -> End:
        def tick_and_step() -> float | None:
            self._tick()
            return step()

        return super().background(tick_and_step)

    def _tick(self) -> None:
        ticks = int((self.now - self._began_s) * 1000)
        if ticks == self._ticks:
            return
        self._ticks = ticks
        for path, watts in self._watts.items():
            path.write_text(f"{(self._began[path] + int(ticks * watts * 1000)) % self._range_uj}\n")


def measured(root: Path, world: World, wall_s: float = 5.1) -> EnergySample[Measured]:
    meter = SensorMeter(RaplSource(root), world.clock, world.sleep, world.background)
    meter.start()
    world.sleep(wall_s)
    return meter.stop([run_of(wall_s), run_of(0)], repeats=3)


def test_package_and_memory_are_counted_and_nothing_twice(tmp_path: Path) -> None:
    counters = double(tmp_path)
    world = Ticking(dict(zip(counters.values(), (50.0, 20.0, 8.0, 90.0, 50.0), strict=True)))
    sample = measured(tmp_path, world)
    assert [part.name for part in sample.parts] == ["package-0 (test double)", "dram (test double)"]
    assert [part.energy_j / sample.wall_s for part in sample.parts] == pytest.approx([50.0, 8.0], rel=1e-3)
    assert sample.energy_j == pytest.approx(58 * sample.wall_s, rel=1e-3)
    assert (sample.runs, sample.warnings) == (6, ())


def test_the_counters_movements_give_the_trace(tmp_path: Path) -> None:
    counters = double(tmp_path)
    sample = measured(tmp_path, Ticking({counters["package"]: 50.0, counters["dram"]: 8.0}))
    assert [point.watts for point in sample.trace] == pytest.approx([58.0] * len(sample.trace), rel=0.03)
    assert len(sample.trace) > 40


def test_it_says_what_it_is(tmp_path: Path) -> None:
    counters = double(tmp_path)
    world = Ticking({counters["package"]: 50.0, counters["dram"]: 8.0})
    info = SensorMeter(RaplSource(tmp_path), world.clock, world.sleep, world.background).check()
    assert (info.name, info.device) == ("rapl", "package-0 (test double), dram (test double)")
    assert info.driver.startswith("Linux ")
    assert "a GPU's is not" in info.note
    assert "no power reading to check" in info.note
    assert info.period_s == pytest.approx(0.001, abs=2e-4)
    assert info.window_s == 5.0


def test_the_memory_of_every_socket_has_its_own_name(tmp_path: Path) -> None:
    for socket in (0, 1):
        zone(tmp_path, f"intel-rapl:{socket}", f"package-{socket}", 1)
        zone(tmp_path, f"intel-rapl:{socket}:0", "dram", 1)
    assert [part.name for part in RaplSource(tmp_path).energy()] == [
        "package-0", "dram (intel-rapl:0:0)", "package-1", "dram (intel-rapl:1:0)",
    ]  # fmt: skip


def test_a_zone_for_memory_that_never_counted_is_left_out_and_named(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", 0)
    zone(tmp_path, "intel-rapl:0:0", "dram", 0)
    source = RaplSource(tmp_path)
    assert source.device == "package-0"
    assert source.labels == ("dram is not in it: its counter has never moved",)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 999_999), min_size=1, max_size=20),
    st.integers(0, 999_999),
    st.integers(0, 999_999),
)
def test_wrapping_at_any_point_gives_the_same_energy(
    steps: Sequence[int], begun: int, begun_elsewhere: int
) -> None:
    def used(counter: int) -> list[float]:
        with TemporaryDirectory() as folder:
            path = zone(Path(folder), "intel-rapl:0", "package-0 (test double)", counter, 1_000_000)
            source = RaplSource(Path(folder))
            total = counter
            energies = []
            for step in steps:
                total += step
                path.write_text(f"{total % 1_000_000}\n")
                energies.append(source.energy()[0].energy_j)
            return energies

    assert used(begun) == used(begun_elsewhere)
    assert used(begun)[-1] == pytest.approx(sum(steps) * 1e-6)


def test_a_window_through_several_wraps_is_followed(tmp_path: Path) -> None:
    # A range of 600 J lasts for three seconds at 200 W, and for 0.4 s at the most that can be.
    path = zone(tmp_path, "intel-rapl:0", "package-0 (test double)", 599_999_000, 600_000_000)
    sample = measured(tmp_path, Ticking({path: 200.0}, range_uj=600_000_000), 20.0)
    assert sample.energy_j == pytest.approx(200 * sample.wall_s, rel=1e-3)


def test_two_wraps_between_readings_are_refused(tmp_path: Path) -> None:
    path = zone(tmp_path, "intel-rapl:0", "package-0 (test double)", 1, 600_000_000)
    world = Ticking({path: 200.0}, range_uj=600_000_000)
    # As on a machine so busy that polling never gets its turn.
    meter = SensorMeter(RaplSource(tmp_path), world.clock, world.sleep, lambda _: lambda: None)
    meter.start()
    world.sleep(6.0)
    with pytest.raises(MeterError, match="passed its range more than once"):
        meter.stop([run_of(6.0)])


def test_a_counter_that_stands_still_gives_no_figure(tmp_path: Path) -> None:
    counters = double(tmp_path)
    world = Ticking({counters["package"]: 50.0})
    with pytest.raises(MeterError, match=r"dram .* stands still"):
        measured(tmp_path, world)


def test_a_counter_that_falls_is_no_wrap_around(tmp_path: Path) -> None:
    counters = double(tmp_path, counter=10**9)
    world = Ticking({counters["package"]: 50.0, counters["dram"]: 8.0})
    meter = SensorMeter(RaplSource(tmp_path), world.clock, world.sleep, world.background)
    meter.start()
    world.sleep(1.0)
    world._began[counters["package"]] = 10**8
    world.sleep(5.0)
    with pytest.raises(MeterError, match=r"package-0 .* jumped"):
        meter.stop([run_of(6.0)])


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
    assert finding.remedy == f"sudo chmod a+r {tmp_path}/intel-rapl:*/energy_uj"
    with pytest.raises(MeterError, match=r"may not read .*; sudo chmod a"):
        RaplSource(tmp_path)


def test_permission_lost_within_a_window_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counters = double(tmp_path)
    world = Ticking({counters["package"]: 50.0, counters["dram"]: 8.0})
    meter = SensorMeter(RaplSource(tmp_path), world.clock, world.sleep, world.background)
    meter.start()

    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(rapl, "_text", refuse)
    world.sleep(6.0)
    with pytest.raises(MeterError, match="sudo chmod a"):
        meter.stop([run_of(6.0)])


@pytest.mark.parametrize("folder", ["", "nowhere"])
def test_a_virtual_machine_has_none(tmp_path: Path, folder: str) -> None:
    finding = find_rapl(tmp_path / folder)
    assert finding.availability is Availability.MISSING
    assert "modprobe intel_rapl_msr" in finding.remedy
    assert "modprobe" not in finding.detail


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("energy_uj", "garbage", "cannot be read"),
        ("max_energy_range_uj", "garbage", "cannot be read"),
        ("max_energy_range_uj", "0", "has no range"),
        ("name", "core", "no RAPL package zone"),
    ],
)
def test_a_broken_zone_is_one_clear_error(tmp_path: Path, file: str, text: str, said: str) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0 (test double)", 3)
    (tmp_path / "intel-rapl:0" / file).write_text(f"{text}\n")
    with pytest.raises(MeterError, match=said):
        RaplSource(tmp_path)
    finding = find_rapl(tmp_path)
    assert finding.availability is Availability.LIMITED
    assert finding.remedy
    assert "chmod" not in finding.remedy
