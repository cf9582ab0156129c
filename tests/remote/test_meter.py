"""A meter there gives what it gives here: the same figures, state of the device, labels and errors."""

import asyncio
import shlex
from pathlib import Path

import pytest

from jouleline.core.meter import Measured, MeterError, Modelled
from jouleline.core.ports import Job
from jouleline.remote.meter import RemoteMeter, RemoteTurn
from jouleline.remote.runner import RemoteRunner

from .conftest import Connect


@pytest.mark.needs("gcc")
def test_a_gpu_there_is_measured_with_its_clocks_what_slowed_it_down_and_who_else_used_it(
    connect: Connect, nvml_library: Path, tmp_path: Path
) -> None:
    """The double of NVIDIA's driver, loaded by the agent's own binding: at its power limit, and shared.

    This process has not loaded it, so nothing in the sample can be of here.
    """
    script = tmp_path / "script"
    script.write_text(
        "gpus 1\nclock real\npower 70\nperiod 0.02\nreasons 4\nsm_clock 1200\nmemory_clock 2619\n"
        "temperature 61\ncompute 1\n"
    )
    places = {"LD_LIBRARY_PATH": str(nvml_library.parent), "NVML_DOUBLE_SCRIPT": str(script)}
    setup = "; ".join(f"export {name}={shlex.quote(value)}" for name, value in places.items())
    machine = connect(setup=setup)
    meter = RemoteMeter(machine, name="nvml", uses_gpu=True)
    assert meter.sees_gpus
    assert meter.check().period_s == pytest.approx(0.02, rel=0.5)
    assert meter.info.device.endswith(f" of {machine.facts.node}")
    meter.start()
    work = tmp_path / "work"
    work.mkdir()
    done = asyncio.run(RemoteRunner(machine).run(Job("sleep 0.5", str(work))))
    sample = meter.stop([done], repeats=4)
    assert (sample.origin, sample.runs) == (Measured, 4)
    assert sample.energy_j / sample.wall_s == pytest.approx(70, rel=0.1)
    # From right before the run to right after it: neither the connection nor the copying is in it.
    assert done.wall_s <= sample.wall_s < done.wall_s + 0.4
    assert {one.core_clock_hz for one in sample.conditions} == {1.2e9}
    assert {one.memory_clock_hz for one in sample.conditions} == {2.619e9}
    assert {one.temperature_c for one in sample.conditions} == {61}
    in_a_container = Path("/proc/self/ns/pid").stat().st_ino != 0xEFFFFFFC
    assert {one.others for one in sample.conditions} == {None if in_a_container else 1}
    assert any("was shared: 1 other" in warning for warning in sample.warnings) == (not in_a_container)
    assert any("was throttled (power limit) in 100% of readings" in warning for warning in sample.warnings)
    assert any("a window of" in warning for warning in sample.warnings)


def test_what_cannot_be_measured_there_is_said_as_here(connect: Connect) -> None:
    machine = connect(sandboxes=())
    with pytest.raises(MeterError, match=r"not here|not loaded"):
        RemoteMeter(machine, name="nvml")
    with pytest.raises(MeterError, match="there is no such meter; there are nvml"):
        RemoteMeter(machine, name="crystal-ball")


def test_a_whole_search_is_one_window_over_many_runs(connect: Connect, tmp_path: Path) -> None:
    machine = connect(sandboxes=())
    runner, search = RemoteRunner(machine), RemoteMeter(machine, name="cpu-time", by_run=False)
    search.start()
    runs = [asyncio.run(runner.run(Job("true", str(tmp_path)))) for _ in range(3)]
    sample = search.stop(runs)
    assert (sample.origin, sample.runs) == (Modelled, 3)
    assert sample.cpu_s == pytest.approx(sum(run.cpu_s for run in runs))


def test_one_measures_there_at_a_time(connect: Connect) -> None:
    one, other = RemoteTurn(connect(sandboxes=())), RemoteTurn(connect(sandboxes=()))
    assert one.take()
    assert not other.take()
    one.give_back()
    assert other.take()
