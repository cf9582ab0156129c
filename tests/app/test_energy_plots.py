import asyncio
import struct
from pathlib import Path
from typing import Any

import pytest

from jouleline.app.energy_plots import energy_plot, write_energy_plot
from jouleline.app.measure import EnergyComparison, Measurement, Plan, Window, compare, measure_one
from tests.support.energy import NoisyRunner, ScriptedMeter, program


def one(plan: Plan) -> tuple[Measurement[Any], list[Window[Any]]]:
    seen: list[Window[Any]] = []
    measured = measure_one(NoisyRunner(), ScriptedMeter(), program(0.02), plan=plan, observe=seen.append)
    return asyncio.run(measured), seen


def two(plan: Plan) -> tuple[EnergyComparison[Any], list[Window[Any]]]:
    seen: list[Window[Any]] = []
    jobs = program(0.02), program(0.018)
    compared = compare(NoisyRunner(), ScriptedMeter(), *jobs, plan=plan, seed=3, observe=seen.append)
    return asyncio.run(compared), seen


def test_a_comparison_shows_power_idle_and_the_interval_as_it_narrows() -> None:
    result, windows = two(Plan(control=3, idle_s=0.01))
    svg = energy_plot(result, windows, ".svg").decode()
    assert svg == energy_plot(result, windows, ".svg").decode()
    for text in ("idle", "warm-up", "control", "baseline", "candidate", "a block", "power (W)"):
        assert f">{text}<" in svg, text
    assert "Power, measured by scripted test double on no device" in svg
    assert "Improved: energy of the candidate" in svg
    assert "change of energy (%), measured" in svg
    assert "<dc:date>" not in svg


def test_a_single_program_shows_each_window() -> None:
    result, windows = one(Plan(windows=4, idle_s=0.0))
    svg = energy_plot(result, windows, ".svg").decode()
    assert "energy of a run (J), measured" in svg
    assert ">a window<" in svg
    assert ">idle<" not in svg


@pytest.mark.parametrize("windows", [1, 2])
def test_few_windows_can_be_drawn(windows: int) -> None:
    assert energy_plot(*one(Plan(windows=windows, idle_s=0.0)), ".svg").startswith(b"<?xml")
    assert energy_plot(*two(Plan(budget_s=1e-9, idle_s=0.0)), ".svg").startswith(b"<?xml")


def test_png_is_the_same_twice_and_large_enough_to_print(tmp_path: Path) -> None:
    path = tmp_path / "plot.PNG"
    result, windows = one(Plan(windows=3, idle_s=0.0))
    write_energy_plot(path, result, windows)
    data = path.read_bytes()
    assert data == energy_plot(result, windows, ".png")
    width, height = struct.unpack(">II", data[16:24])
    assert data.startswith(b"\x89PNG")
    assert width >= 1000
    assert height >= 700


def test_other_formats_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\.gif cannot be drawn: use \.svg or \.png"):
        energy_plot(*one(Plan(windows=1, idle_s=0.0)), ".gif")
