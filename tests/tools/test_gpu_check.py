"""``tools/gpu-check`` on the doubles of NVML and of the load: what it records, and what it refuses."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jouleline.core.meter import EnergySample, Measured
from tests.support.nvml import NvmlDouble
from tests.support.profiles import Launched, ncu_csv
from tests.support.tools import require_tool
from tools.gpu_check import samples
from tools.gpu_check.__main__ import StageTimeout, _limited
from tools.gpu_check.bench import LOAD, ROOT, Bench
from tools.gpu_check.bounds import check_bounds
from tools.gpu_check.comparison import assigned, false_positives
from tools.gpu_check.results import Figure, Findings, Origin, ResultsError, open_results, stage_done
from tools.gpu_check.samples import sample
from tools.gpu_check.stages import MOST_S, STAGES
from tools.gpu_check.summary import summary

NCU_DOUBLE = ROOT / "tests" / "support" / "ncu_double.py"
SCALE = "0.02"
ORIGIN = Origin("NVIDIA Test", "NVIDIA 1", "2026-01-01T00:00:00+00:00")


@dataclass(frozen=True)
class Machine:
    """A machine whose driver is the double of NVML, drawing 200 W whatever it does."""

    environment: dict[str, str]
    load: Path
    out: Path

    def check(self, *words: str, out: bool = True) -> subprocess.CompletedProcess[str]:
        command = [str(ROOT / "tools" / "gpu-check"), *words, "--seconds-scale", SCALE]
        command += ["--load", str(self.load), *(("--out", str(self.out)) if out else ())]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    @property
    def file(self) -> Path:
        return self.out / "gpu-check-nvidia-d1-test-double.json"

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.file.read_text())
        return document


def machine_in(folder: Path, nvml_library: Path) -> Machine:
    (folder / "script").write_text("power 200\nperiod 0.02\n")
    load = folder / "load"
    source = ROOT / "tests" / "support" / "load_double.c"
    flags = "-std=c11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror".split()
    subprocess.run([str(require_tool("gcc")), *flags, str(source), "-o", str(load)], check=True)
    environment = dict(os.environ) | {
        "LD_LIBRARY_PATH": str(nvml_library.parent),
        "NVML_DOUBLE_SCRIPT": str(folder / "script"),
        "PYTHON": sys.executable,
    }
    return Machine(environment, load, folder / "out")


@pytest.fixture
def machine(tmp_path: Path, nvml_library: Path) -> Machine:
    return machine_in(tmp_path, nvml_library)


@dataclass(frozen=True)
class Checked:
    machine: Machine
    said: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory, nvml_library: Path) -> Checked:
    """A run of three stages, of which the first cannot be done: nobody knows the double's roofline."""
    machine = machine_in(tmp_path_factory.mktemp("gpu-check"), nvml_library)
    return Checked(machine, machine.check("--stage", "bounds", "--stage", "counter", "--stage", "idle"))


def test_a_stage_that_fails_is_recorded_and_the_next_one_runs(checked: Checked) -> None:
    assert checked.said.returncode == 1, checked.said.stderr
    stages = checked.machine.document["stages"]
    assert {name: entry["status"] for name, entry in stages.items()} == {
        "bounds": "failed",
        "counter": "done",
        "idle": "done",
    }
    assert "unknown GPU" in stages["bounds"]["reason"]
    assert stages["bounds"]["reason"] in checked.said.stdout


def test_every_figure_tells_where_it_comes_from(checked: Checked) -> None:
    figures = [
        one for entry in checked.machine.document["stages"].values() for one in entry.get("figures", ())
    ]
    assert figures
    for figure in figures:
        assert isinstance(figure["value"], float | int)
        for what in ("unit", "device", "driver", "date", "provenance"):
            assert figure[what]


def test_what_the_double_does_is_found(checked: Checked) -> None:
    stages = checked.machine.document["stages"]
    figures = {one["name"]: one["value"] for one in stages["counter"]["figures"] + stages["idle"]["figures"]}
    assert figures["period by the self-test"] == pytest.approx(20, rel=0.5)
    assert figures["idle: power by the counter"] == pytest.approx(200, rel=0.1)
    assert figures["idle: counter over mean instant power"] == pytest.approx(1, rel=0.1)


def test_results_name_the_doubles(checked: Checked) -> None:
    document = checked.machine.document
    assert "test double" in document["device"]
    assert "no real check" in document["machine"]["seconds scale"]
    assert "takes the place" in document["machine"]["load"]
    assert "load: load double: computes nothing" in document["stages"]["counter"]["notes"]


def test_the_summary_is_made_of_the_json_alone(checked: Checked) -> None:
    assert checked.machine.file.with_suffix(".md").read_text() == summary(checked.machine.document)


def test_a_stage_that_has_a_result_is_not_run_again(checked: Checked) -> None:
    before = checked.machine.file.read_bytes()
    said = checked.machine.check("--stage", "bounds", "--stage", "counter")
    assert "bounds: has a result (failed)" in said.stdout
    assert "counter: has a result (done)" in said.stdout
    assert checked.machine.file.read_bytes() == before


def test_unless_that_is_asked_for(checked: Checked) -> None:
    assert "bounds: has a result" not in checked.machine.check("--stage", "bounds", "--again").stdout


def test_what_would_take_too_long_is_left_for_the_next_run(machine: Machine) -> None:
    said = machine.check("--seconds", "0.1")
    assert f"left for want of time: {', '.join(STAGES)}" in said.stdout
    assert machine.check("--stage", "idle", "--seconds", "60").returncode == 0
    assert list(machine.document["stages"]) == ["idle"]


def test_control_and_step_on_doubles(machine: Machine) -> None:
    machine.check("--stage", "control", "--stage", "step")
    stages = machine.document["stages"]
    assert [entry["status"] for entry in stages.values()] == ["done", "done"]
    control = {one["name"]: one["value"] for one in stages["control"]["figures"]}
    assert control["windows"] == 24
    assert 0 <= control["called changed, of random assignments"] <= 1
    step = {one["name"]: one for one in stages["step"]["figures"]}
    assert step["blocks"]["value"] == 6
    low, high = step["energy ratio"]["interval"]
    assert low <= step["energy ratio"]["value"] <= high  # a steady double leaves no width
    assert step["expected ratio"]["value"] == pytest.approx(1.05)


def test_a_machine_without_a_gpu_is_refused_in_a_sentence(machine: Machine, tmp_path: Path) -> None:
    bare = Machine(machine.environment | {"LD_LIBRARY_PATH": str(tmp_path)}, machine.load, machine.out)
    said = bare.check()
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.startswith("gpu-check: NVIDIA's driver library")
    assert said.stderr.count("\n") == 1
    assert not machine.out.exists()


def test_a_broken_counter_fails_the_stage_with_the_meters_sentence(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "script").write_text("power 200\nfrozen 1\n")
    assert machine.check("--stage", "idle").returncode == 1
    assert "stands still" in machine.document["stages"]["idle"]["reason"]


def test_results_of_doubles_do_not_go_into_the_documentation(machine: Machine) -> None:
    said = machine.check("--stage", "idle", out=False)
    assert said.returncode == 1
    assert "name another folder with --out" in said.stderr
    assert said.stderr.count("\n") == 1


def test_the_documentation_holds_no_double() -> None:
    for file in (ROOT / "docs" / "results").glob("gpu-check-*.json"):
        document = json.loads(file.read_text())
        assert "double" not in document["device"]
        assert "seconds scale" not in document["machine"]


def test_stages_keep_to_eight_minutes_and_together_to_twenty() -> None:
    assert all(stage.expected_s <= MOST_S for stage in STAGES.values())
    assert sum(stage.expected_s for stage in STAGES.values()) <= 1200


def test_a_stage_that_takes_too_long_is_ended() -> None:
    begun = time.monotonic()
    with pytest.raises(StageTimeout, match="longer than"), _limited(0.1):
        time.sleep(60)
    assert time.monotonic() - begun < 30


def test_results_that_are_not_ours_are_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "gpu-check-nvidia-test.json"
    for text in ("{", "[]", '{"schema": "another"}'):
        file.write_text(text)
        with pytest.raises(ResultsError, match="remove it to begin anew"):
            open_results(tmp_path, "NVIDIA Test", {})
        assert file.read_text() == text


def test_an_interval_without_an_end_is_kept_as_none() -> None:
    figure = Figure("ratio", 1.0, "1", float("-inf"), float("inf"))
    entry = stage_done(ORIGIN, 1.0, Findings([figure]))
    assert entry["figures"][0]["interval"] == [None, None]
    json.dumps(entry, allow_nan=False)


def window(energy_j: float) -> EnergySample[Measured]:
    return EnergySample(Measured, energy_j=energy_j, wall_s=5.0, cpu_s=0.0, runs=1)


def test_blocks_keep_every_window_in_order() -> None:
    windows = [window(100 + number) for number in range(12)]
    blocks = assigned(windows, random.Random(1))  # noqa: S311 - repeatable
    assert [one for block in blocks for _, one in block.windows] == windows
    assert {block.order for block in blocks} == {"ABBA", "BAAB"}


def test_independent_noise_gives_few_false_positives() -> None:
    chance = random.Random(7)  # noqa: S311 - repeatable
    windows = [window(1000 * chance.lognormvariate(0, 0.01)) for _ in range(48)]
    rate = false_positives(windows, 400, chance)
    assert rate.low <= rate.value <= rate.high
    assert rate.value < 0.15


@pytest.mark.needs("nvcc")
def test_the_load_builds(tmp_path: Path) -> None:
    command = ["nvcc", "-std=c++17", "-O3", "-arch=sm_90", str(LOAD), "-o", str(tmp_path / "load")]
    subprocess.run(command, check=True)


def test_a_sample_is_built_for_the_gpu_that_is_there() -> None:
    with sample("jacobi-cuda", "sm_90") as (program, workload):
        assert "-arch=sm_90" in workload.build
        assert "sm_86" not in (program.root / "Makefile").read_text()
    assert "sm_86" in (ROOT / "samples" / "jacobi-cuda" / "Makefile").read_text()


@pytest.mark.needs("g++")
def test_a_loop_that_does_not_end_in_time_says_where_it_was(
    nvml: NvmlDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml.script("power 200", "period 0.02", clock="real")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # so that what the bench sets is undone
    monkeypatch.setattr(samples, "_RULES", {"jacobi-omp": "swap-buffers"})
    monkeypatch.setattr(samples, "LARGE", {"jacobi-omp": "256 10"})
    ours = Bench("0", float(SCALE), "", tmp_path, lambda _: None)
    ours.find()
    ours.deadline_s = time.monotonic() + 8.0
    found = samples.check_refactor(ours)
    ours.close()
    assert any(note.startswith("jacobi-omp: the loop did not end") for note in found.notes), found
    assert not found.claims


def bench(folder: Path) -> Bench:
    ours = Bench("0", 1.0, "", folder, lambda _: None)
    ours.device, ours.capability = "NVIDIA H200", (9, 0)
    return ours


@pytest.mark.needs("nvcc")
def test_bounds_say_why_there_is_no_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/usr/local/bin:/usr/bin:/bin")
    found = check_bounds(bench(tmp_path))
    assert any(note.startswith("jacobi-cuda: not profiled: no profiler is here") for note in found.notes)
    assert any(figure.name == "jacobi-cuda jacobi_step, by source: DRAM traffic" for figure in found.figures)
    assert not found.claims


@pytest.mark.needs("nvcc")
def test_bounds_are_held_against_the_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    shutil.copy(NCU_DOUBLE, tmp_path / "bin")
    launches = [Launched("jacobi_step(const float *, float *, int)", sp=8_000_000, dram_bytes=10**8)]
    (tmp_path / "bin" / "log").write_text(ncu_csv(launches))
    ncu = tmp_path / "bin" / "ncu"
    ncu.write_text(f'#!/bin/sh\nexec {sys.executable} {tmp_path / "bin" / NCU_DOUBLE.name} "$@"\n')
    ncu.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = check_bounds(bench(tmp_path))
    claims = {claim.text: claim.holds for claim in found.claims}
    assert claims[
        "jacobi-cuda jacobi_step, by source: bandwidth-bound, as the profiler's counts say (bandwidth)"
    ]
    figures = {figure.name: figure.value for figure in found.figures}
    assert figures["jacobi-cuda jacobi_step, by profile: DRAM traffic"] == 10**8
    assert figures["jacobi-cuda jacobi_step, by source: DRAM bytes over profile"] > 0
