"""``jouleline measure`` as a user calls it: real programs, the CPU-time model, files that are kept."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from jouleline.app.measure import Phase, Plan, Progress, compare, measure_one
from jouleline.app.measure_report import figures
from jouleline.cli.measure_progress import Shown, interval_scale
from jouleline.cli.measure_text import print_comparison, print_measurement, quantity
from jouleline.core.interval import Estimate
from jouleline.core.kernel_joules import joules_by_kernel
from jouleline.core.profile import KernelProfile
from tests.cli.command import SAMPLES, jouleline
from tests.support.energy import NoisyRunner, ScriptedMeter, program
from tests.support.nvml import build_nvml_double
from tests.support.profiles import Launched, ncu_csv

MODEL = ("--meter", "cpu-time", "--no-sandbox")


@pytest.fixture
def spin(tmp_path: Path) -> Path:
    """A program of a few milliseconds, so that windows are short."""
    folder = tmp_path / "spin"
    folder.mkdir()
    (folder / "main.cpp").write_text(
        "#include <cstdlib>\n"
        "int main(int, char **argv) {\n"
        "  volatile long sum = 0;\n"
        "  for (long i = 0, n = std::atol(argv[1]); i < n; ++i) sum += i;\n"
        "}\n"
    )
    (folder / "jouleline.toml").write_text(
        '[workload]\nbuild = "g++ -O1 main.cpp -o main"\nrun = "./main {args}"\nargs = "9000000"\n'
    )
    return folder


@pytest.mark.needs("g++")
def test_a_record_replays_to_the_same_figures_and_is_drawn(tmp_path: Path, spin: Path) -> None:
    worse = tmp_path / "worse"
    shutil.copytree(spin, worse)
    source = (worse / "main.cpp").read_text()
    (worse / "main.cpp").write_text(source.replace("sum += i", "sum += i, sum += i, sum += i, sum += i"))
    record, plot = tmp_path / "run.jsonl", tmp_path / "run.svg"
    said = jouleline(
        "measure", spin, worse, *MODEL, "--control", 3, "--record", record, "--plot", plot,
        "--format", "json", home=tmp_path, OMP_NUM_THREADS="2", OPENAI_API_KEY="hidden",
    )  # fmt: skip
    assert said.code == 3, said.err
    document = said.document
    assert document["verdict"] == "regressed"
    assert document["reason"]
    assert len(document["control"]) == 3
    assert said.err == ""

    header = json.loads(record.read_text().splitlines()[0])
    assert header["surroundings"]["environment"] == {"OMP_NUM_THREADS": "2"}
    assert "hidden" not in record.read_text()
    assert header["baseline"]["command"] == "./main 9000000"
    assert header["candidate"]["program"] == str(worse)

    again = jouleline("measure", "--replay", record, "--format", "json", home=tmp_path)
    assert again.code == 3
    assert figures(again.document) == {**figures(document), "notes": []}
    assert again.document["meter"]["name"] == "replay of cpu-time"

    redrawn = tmp_path / "again.svg"
    text = jouleline("measure", "--replay", record, "--plot", redrawn, home=tmp_path)
    assert "regressed: energy +" in text.out
    assert "modelled by replay of cpu-time" in text.out
    assert "warning: a replay, nothing was modelled now: run.jsonl" in text.out
    assert f"plot: {redrawn}" in text.out
    assert plot.read_bytes().startswith(b"<?xml")
    assert redrawn.read_bytes().startswith(b"<?xml")


@pytest.mark.needs("g++")
def test_settings_of_the_program_count_and_the_command_line_comes_first(tmp_path: Path, spin: Path) -> None:
    with (spin / "jouleline.toml").open("a") as file:
        file.write('[measure]\nmeter = "cpu-time"\nseconds = 3\njoules = 1e6\n')
    record = tmp_path / "run.jsonl"
    said = jouleline("measure", spin, "--no-sandbox", "--seconds", 2, "--record", record, home=tmp_path)
    assert said.code == 0, said.err
    plan = json.loads(record.read_text().splitlines()[0])["plan"]
    assert (plan["budget_s"], plan["budget_j"]) == (2, 1e6)
    assert "J a run, modelled by cpu-time on" in said.out
    phases = [line.strip() for line in said.err.splitlines()]
    assert phases == [f"building {spin}", "checking the meter", "warm-up", "measuring"]


@pytest.mark.needs("g++")
def test_a_killed_measurement_leaves_what_it_took(tmp_path: Path, spin: Path) -> None:
    record = tmp_path / "run.jsonl"
    words = ("measure", spin, spin, *MODEL, "--control", "100", "--record", record)
    process = subprocess.Popen(
        [sys.executable, "-m", "jouleline", *map(str, words)],
        env={**os.environ, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not record.exists() or record.read_bytes().count(b"\n") < 6:
        assert time.monotonic() < deadline, "no window was taken"
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    said = jouleline("measure", "--replay", record, home=tmp_path)
    assert said.code == 2
    assert said.err == f"jouleline measure: {record}: ended before its first block, so it holds no figures\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name a PROGRAM to measure, or a record with --replay FILE"),
        (["--replay", "no.jsonl"], "no.jsonl: cannot be read: No such file"),
        (["--replay", "x", "--joules", "3"], "--replay takes all from its record, so --joules has no place"),
        ([SAMPLES / "triad-omp", "--replay", "x"], "so PROGRAM has no place beside it"),
        ([SAMPLES / "triad-omp", "--plot", "x.gif"], "--plot x.gif: name a file that ends in .svg or .png"),
        ([SAMPLES / "triad-omp", "--control", "2"], "'2' is no number of blocks"),
        ([SAMPLES / "triad-omp", "--joules", "-1"], "-1 is no energy to spend (J)"),
        ([SAMPLES / "triad-omp", "--record", SAMPLES], "is there already; a record needs a new name"),
        ([SAMPLES / "triad-omp", "--profile", "no.csv"], "no.csv: cannot be read"),
        ([SAMPLES / "triad-omp", SAMPLES / "dot-omp", "--profile", "x"], "--profile is of one program"),
        ([SAMPLES / "triad-omp", "nothing"], "nothing: no such file or folder"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(tmp_path: Path, words: list[Any], said: str) -> None:
    answer = jouleline("measure", *words, home=tmp_path)
    assert answer.code == 2
    assert answer.out == ""
    assert said in answer.err
    assert "Traceback" not in answer.err


def test_a_profile_that_no_joules_can_be_split_by_is_refused_before_minutes_of_measuring(
    tmp_path: Path,
) -> None:
    timed, untimed = tmp_path / "timed.csv", tmp_path / "untimed.csv"
    timed.write_text(ncu_csv([Launched("step")]))
    untimed.write_text(ncu_csv([Launched("step", without=("gpu__time_duration.sum",))]))
    for file, said in (
        (timed, "joules per kernel need measured joules of a GPU; cpu-time models them"),
        (untimed, "does not tell how long step took; profile with times"),
    ):
        answer = jouleline("measure", SAMPLES / "triad-omp", *MODEL, "--profile", file, home=tmp_path)
        assert (answer.code, answer.out) == (2, "")
        assert said in answer.err
        assert "building" not in answer.err


MEASURING = SAMPLES.parent / "docs" / "measuring.md"


def test_the_documents_example_of_a_record_replays_to_its_own_figures(tmp_path: Path) -> None:
    example = MEASURING.read_text(encoding="utf-8").split("```jsonl\n")[1].split("```")[0]
    record = tmp_path / "run.jsonl"
    record.write_text(example, encoding="utf-8")
    said = jouleline("measure", "--replay", record, "--format", "json", home=tmp_path)
    assert said.code == 0, said.err
    assert said.document["notes"] == []
    told = json.loads(example.splitlines()[-1])["document"]
    assert said.document["energy"]["value_j"] == told["energy"]["value_j"]


def test_every_option_is_documented_and_no_other(tmp_path: Path) -> None:
    table = MEASURING.read_text(encoding="utf-8").split("| option | meaning |")[1].split("\n\n")[0]
    documented = set(re.findall(r"^\| `(--[a-z-]+)", table, re.MULTILINE))
    helped = jouleline("measure", "--help", home=tmp_path).out
    options = set(re.findall(r"^  (?:-h, )?(--[a-z-]+)", helped, re.MULTILINE))
    assert documented == options - {"--help", "--workload", "--no-sandbox"}


def test_a_meter_that_is_not_there_is_named(tmp_path: Path) -> None:
    answer = jouleline("measure", SAMPLES / "triad-omp", "--meter", "abacus", home=tmp_path)
    assert answer.code == 1
    assert "meter abacus: there is no such meter" in answer.err


def shown(width: int, draw: Any) -> str:
    console = Console(
        width=width, file=io.StringIO(), force_terminal=True, color_system=None, highlight=False
    )
    draw(console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 140])
def test_figures_stand_with_their_kind_their_meter_and_their_warnings(width: int) -> None:
    meter = ScriptedMeter(warnings=["the GPU was shared with 1 other process"])
    plan = Plan(windows=3, idle_s=0.01)
    one = asyncio.run(measure_one(NoisyRunner(), meter, program(0.02), plan=plan))
    text = shown(width, lambda console: print_measurement(console, one, None))
    assert "a run, measured by scripted test double on no device" in text
    assert "warning: a test double" in text
    assert "warning: the GPU was shared with 1 other process" in text
    assert "net of idle" in text
    assert re.search(r"time +\d+\.\d\d ms +\d+\.\d\d to \d+\.\d\d ms ", text), "one unit for all three"
    assert "50.00 W and 50.00 W" in text
    assert "counter moves every 20.00 ms" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= width

    plan = Plan(control=3, idle_s=0.01)
    two = asyncio.run(compare(NoisyRunner(), meter, program(0.02), program(0.01), plan=plan, seed=1))
    text = shown(width, lambda console: print_comparison(console, two))
    assert text.startswith("improved: energy −")
    assert "the interval lies below no change, and the change is at least" in text
    assert text.index("warning:") < text.index("energy, measured")
    assert "energy, measured" in text
    assert "net of idle" in text
    assert "noise floor" in text
    assert max(map(len, text.splitlines())) <= width


def test_joules_of_kernels_are_called_derived() -> None:
    plan = Plan(windows=3, idle_s=0.0)
    one = asyncio.run(measure_one(NoisyRunner(), ScriptedMeter(), program(0.02), plan=plan))
    launch = KernelProfile("step", (1, 1, 1), (32, 1, 1), {}, 0.0, "ncu", seconds=0.005)
    kernels = joules_by_kernel(one.samples, frozenset({"GPU 0"}), [launch, launch])
    text = shown(80, lambda console: print_measurement(console, one, kernels))
    assert "energy, derived" in text
    assert "step" in text
    assert "outside of kernels" in text


def test_progress_shows_phases_blocks_and_the_interval() -> None:
    def draw(console: Console) -> None:
        live = Shown(console)
        live.say("building spin")
        live.report(Progress(Phase.CHECK))
        live.report(Progress(Phase.WARM_UP, 2, 10))
        live.report(Progress(Phase.MEASURING, 6, 20, Estimate(0.9, 0.85, 0.97), 8))
        console.print(live)

    text = shown(80, draw)
    assert "✓ building spin" in text
    assert "✓ warm-up" in text
    assert "6 of at most 20 blocks, next look after 8" in text
    assert "energy −10% (−15% to −3%)" in text
    assert "├" in text
    assert max(map(len, text.splitlines())) <= 80


@given(low=st.floats(0.01, 3), span=st.floats(1e-6, 3), place=st.floats(0, 1), width=st.integers(0, 200))
def test_a_scale_fits_and_holds_its_marks(low: float, span: float, place: float, width: int) -> None:
    scale = interval_scale(Estimate(low + place * span, low, low + span), width)
    assert len(scale) <= width
    if scale:
        assert scale.count("●") == 1


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0123, "12.30 mJ"),
        (1.0, "1.000 J"),
        (999.96, "1.000 kJ"),
        (123456.0, "123.5 kJ"),
        (5e-7, "500.0 nJ"),
        (0.0, "0 J"),
    ],
)
def test_figures_have_four_digits_and_a_prefix(value: float, shown: str) -> None:
    assert quantity(value, "J") == shown


@pytest.mark.slow
@pytest.mark.needs("g++", "gcc")
def test_a_gpu_is_measured_recorded_and_replayed_with_its_idle_power(tmp_path: Path, spin: Path) -> None:
    """The double of NVIDIA's driver says 70 W all along: what is net of idle is nothing."""
    library = build_nvml_double(tmp_path)
    script, record, plot = tmp_path / "script", tmp_path / "run.jsonl", tmp_path / "run.svg"
    script.write_text("gpus 1\nclock real\npower 70\nperiod 0.05\n")
    profile = tmp_path / "profile.csv"
    profile.write_text(ncu_csv([Launched("step", time_ns=2_000_000), Launched("sum", time_ns=1_000_000)]))
    said = jouleline(
        "measure", spin, "--no-sandbox", "--meter", "nvml", "--gpu", 0, "--seconds", 25, "--record", record,
        "--plot", plot, "--profile", profile, "--format", "json",
        home=tmp_path, LD_LIBRARY_PATH=str(library.parent), NVML_DOUBLE_SCRIPT=str(script),
    )  # fmt: skip
    assert said.code == 0, said.err
    document = said.document
    assert "test double" in document["meter"]["device"]
    assert document["meter"]["period_s"] == pytest.approx(0.05, rel=0.3)
    assert document["watts"]["value"] == pytest.approx(70, rel=0.02)
    assert document["idle"]["watts"] == pytest.approx(70, rel=0.02)
    windows = [json.loads(line) for line in record.read_text().splitlines()[1:-1]]
    assert [window["phase"] for window in windows][:2] == ["idle-before", "warm-up"]
    assert len(windows[1]["sample"]["trace"]["watts"]) > 10
    step, total = document["kernels"]["kernels"]
    assert (step["name"], total["name"]) == ("step", "sum")
    assert step["value_j"] == pytest.approx(70 * 2e-3, rel=0.02)
    assert total["value_j"] == pytest.approx(70 * 1e-3, rel=0.02)
    again = jouleline(
        "measure", "--replay", record, "--profile", profile, "--format", "json", home=tmp_path
    )  # fmt: skip
    assert figures(again.document) == {**figures(document), "notes": []}
    assert ">idle<" in plot.read_text()
