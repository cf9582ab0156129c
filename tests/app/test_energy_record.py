import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jouleline.app.energy_record import (
    EnergyRecord,
    EnergyRecordError,
    Header,
    Subject,
    Surroundings,
    read_energy_record,
    recording,
)
from jouleline.app.energy_replay import replay, replayable
from jouleline.app.measure import MeasurementError, Phase, Plan, Window, compare, measure_one
from jouleline.app.measure_report import agree, figures, result_json
from jouleline.core.energy import Arm, EnergyVerdict
from jouleline.core.meter import (
    Conditions,
    EnergySample,
    Measured,
    Meter,
    MeterInfo,
    Modelled,
    Part,
    PowerPoint,
)
from jouleline.core.ports import Job, Runner
from jouleline.meters.cpu_time import CpuTimeMeter
from jouleline.meters.replay import ReplayMeter
from jouleline.runners.local import LocalRunner
from tests.support.energy import NoisyRunner, ScriptedMeter, program

SUBJECT = Subject("work", "make", "./work 1", "1")
NO_IDLE = Plan(idle_s=0.0)


def header(meter: MeterInfo[Any], plan: Plan = NO_IDLE, *, seed: int | None = None) -> Header:
    return Header(
        surroundings=Surroundings.here("test processor", {}),
        meter=meter,
        plan=plan,
        seed=seed,
        runner="test double",
        guarantees=("starts nothing",),
        baseline=SUBJECT,
        candidate=None if seed is None else replace(SUBJECT, program="better work"),
    )


def record(path: Path, runner: Runner, meter: Meter[Any], jobs: list[Job], plan: Plan) -> dict[str, Any]:
    """Measure one job or two into a record, and give the document with the figures."""
    seed = None if len(jobs) == 1 else 7
    with recording(path) as file:

        def observe(window: Window[Any]) -> None:
            file.see(window, lambda: header(meter.info, plan, seed=seed))

        result: Any
        if len(jobs) == 1:
            result = asyncio.run(measure_one(runner, meter, jobs[0], plan=plan, observe=observe))
        else:
            result = asyncio.run(compare(runner, meter, *jobs, plan=plan, seed=seed, observe=observe))
        file.finish(result_json(result))
    return result_json(result)


def replayed(path: Path) -> dict[str, Any]:
    source = replayable(read_energy_record(path))
    meter = ReplayMeter(source.record.header.meter, source.samples, source.recorded)
    return result_json(asyncio.run(replay(source, meter)))


SPIN = "i=0; while [ $i -lt {} ]; do i=$((i+1)); done"


@pytest.mark.parametrize("loops", [(30_000,), (30_000, 10_000)], ids=["one program", "two"])
def test_a_real_measurement_replays_to_the_same_figures(tmp_path: Path, loops: tuple[int, ...]) -> None:
    meter = CpuTimeMeter(rated_watts=65, cores=4, device="test processor", source="invented for the tests")
    jobs = [Job(SPIN.format(count), str(tmp_path)) for count in loops]
    plan = Plan(windows=3, control=3 if len(jobs) == 2 else 0)
    measured = record(tmp_path / "run.jsonl", LocalRunner(), meter, jobs, plan)
    again = replayed(tmp_path / "run.jsonl")
    assert figures(again) == figures(measured)
    assert "energy" in figures(measured) or "energy_ratio" in figures(measured)
    assert again["meter"]["name"] == "replay of cpu-time"
    assert again["meter"]["modelled"] is True
    assert again["meter"]["device"] == "test processor"
    assert any("a replay, nothing was modelled now: run.jsonl" in said for said in again["warnings"])


@settings(max_examples=40, deadline=None)
@given(
    noise=st.sampled_from([0.0, 0.01, 0.2]),
    candidate=st.sampled_from([0.5, 0.98, 1.0, 1.3]),
    chance=st.integers(0, 1000),
    plan=st.builds(
        Plan,
        budget_j=st.sampled_from([None, 40.0, 150.0, 400.0]),
        control=st.sampled_from([0, 3, 5]),
        idle_s=st.sampled_from([0.0, 0.001]),
    ),
)
def test_whatever_ended_a_comparison_its_replay_ends_there_too(
    tmp_path_factory: pytest.TempPathFactory,
    noise: float,
    candidate: float,
    chance: int,
    plan: Plan,
) -> None:
    path = tmp_path_factory.mktemp("records") / "run.jsonl"
    jobs = [program(0.02), program(0.02 * candidate)]
    measured = record(path, NoisyRunner(noise, chance), ScriptedMeter(), jobs, plan)
    assert figures(replayed(path)) == figures(measured)
    read = read_energy_record(path)
    assert read.result is not None
    assert figures(read.result) == figures(measured)


def test_a_record_holds_what_the_meter_told_of_each_window(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    plan = Plan(windows=2, idle_s=0.001)
    record(path, NoisyRunner(), ScriptedMeter(warnings=["it was shared"]), [program(0.02)], plan)
    read = read_energy_record(path)
    phases = [window.phase for window in read.windows]
    assert phases[0] is Phase.IDLE_BEFORE
    assert phases[1] is Phase.WARM_UP
    assert phases[-3:] == [Phase.MEASURING, Phase.MEASURING, Phase.IDLE_AFTER]
    last = read.windows[-2]
    assert (last.arm, last.block) == (Arm.BASELINE, 2)
    assert last.sample.warnings == ("it was shared",)
    assert [part.name for part in last.sample.parts] == ["GPU 0", "package-0"]
    assert len(last.sample.trace) == 3
    assert last.sample.conditions[0].throttled == ("power cap",)
    assert read.header.meter == ScriptedMeter().info
    text = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["line"] for line in text] == ["header", *["window"] * len(phases), "result"]
    assert text[0]["schema"] == "jouleline/energy-record/1"
    assert "samples" not in text[-1]["document"]


numbers = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(max_size=8)
origins = st.sampled_from([Measured, Modelled])


def samples(origin: type[Any]) -> st.SearchStrategy[EnergySample[Any]]:
    maybe = st.none() | numbers
    return st.builds(
        EnergySample,
        origin=st.just(origin),
        energy_j=numbers,
        wall_s=numbers,
        cpu_s=numbers,
        runs=st.integers(0, 10**9),
        parts=st.lists(st.builds(Part, words, numbers), max_size=3).map(tuple),
        trace=st.lists(st.builds(PowerPoint, numbers, numbers), max_size=3).map(tuple),
        conditions=st.lists(
            st.builds(
                Conditions,
                words,
                numbers,
                maybe,
                maybe,
                maybe,
                st.lists(words, max_size=2).map(tuple),
                st.none() | st.integers(0, 9),
            ),
            max_size=2,
        ).map(tuple),
        warnings=st.lists(words, max_size=2).map(tuple),
    )


@st.composite
def contents(draw: st.DrawFn) -> tuple[Header, list[Window[Any]]]:
    origin = draw(origins)
    meter: MeterInfo[Any] = MeterInfo(
        draw(words),
        draw(words),
        origin,
        window_s=draw(numbers),
        note=draw(words),
        period_s=draw(st.none() | numbers),
        driver=draw(words),
        labels=tuple(draw(st.lists(words, max_size=2))),
    )
    windows = draw(
        st.lists(
            st.builds(
                Window,
                st.sampled_from(Phase),
                numbers,
                samples(origin),
                st.none() | st.sampled_from(Arm),
                st.none() | st.integers(1, 20),
            ),
            min_size=1,
            max_size=4,
        )
    )
    return header(meter, seed=draw(st.none() | st.integers(0, 2**32))), windows


@given(content=contents())
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, content: tuple[Header, list[Window[Any]]]
) -> None:
    path = tmp_path_factory.mktemp("records") / "run.jsonl"
    head, windows = content
    with recording(path) as file:
        for window in windows:
            file.see(window, lambda: head)
    assert read_energy_record(path) == EnergyRecord(path, head, tuple(windows))


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    path = tmp_path / "run.jsonl"
    record(path, NoisyRunner(), ScriptedMeter(), [program(0.02), program(0.01)], NO_IDLE)
    return path


def test_a_killed_run_leaves_its_whole_blocks(finished: Path) -> None:
    lines = finished.read_bytes().splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if b'"measuring"' in line)
    # Two blocks, one window of the third, and half a line of the next.
    finished.write_bytes(b"".join(lines[: first + 9]) + lines[first + 9][:50])
    read = read_energy_record(finished)
    assert read.ended_early
    assert len(read.windows) == first + 8
    document = replayed(finished)
    assert len(document["blocks"]) == 2
    assert document["verdict"] == str(EnergyVerdict.INCONCLUSIVE)
    assert any("ended early" in said for said in document["warnings"])


def test_a_run_that_was_killed_while_it_warmed_up_has_no_figures(finished: Path) -> None:
    lines = finished.read_bytes().splitlines(keepends=True)
    finished.write_bytes(b"".join(lines[:3]))
    with pytest.raises(EnergyRecordError, match=r"run\.jsonl: ended before its first block"):
        replayed(finished)


def test_a_measurement_that_fails_says_so_in_its_record(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    meter = ScriptedMeter()

    def fail(file: Any) -> None:
        window = Window(Phase.WARM_UP, 0.0, meter.stop([]), Arm.BASELINE)
        file.see(window, lambda: header(meter.info))
        raise MeasurementError("the GPU is lost")

    with pytest.raises(MeasurementError), recording(path) as file:
        fail(file)
    read = read_energy_record(path)
    assert read.failure == "the GPU is lost"
    assert not read.ended_early
    with pytest.raises(EnergyRecordError, match="holds a measurement that failed: the GPU is lost"):
        replayable(read)


def test_nothing_is_written_over_and_nothing_is_left_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with recording(path):
        pass
    assert not path.exists()
    path.write_text("precious")
    with pytest.raises(EnergyRecordError, match="is there already"), recording(path):
        pytest.fail("it was opened")
    assert path.read_text() == "precious"
    missing = tmp_path / "no" / "run.jsonl"
    with pytest.raises(EnergyRecordError, match="cannot be written: No such file"), recording(missing):
        pytest.fail("it was opened")


@pytest.mark.parametrize(
    ("line", "old", "new", "said"),
    [
        (1, "energy-record/1", "energy-record/9", "1: is no energy record that this version reads"),
        (1, '"line":"header"', '"line":"window"', "1: is no energy record"),
        (1, '"period_s":0.02', '"period_s":"soon"', "1: meter.period_s: 'soon' is no number"),
        (2, '{"line"', "{line", "2: is no JSON"),
        (2, '"energy_j":', '"energy_j":NaN,"was":', "2: is no JSON"),
        (2, '"energy_j":', '"energy_j":1e999,"runs":', "2: sample.energy_j: inf is no finite number"),
        (2, '"energy_j":', '"energy":', "2: sample.energy_j: is missing"),
        (2, '"arm":"A"', '"arm":"C"', "2: arm: 'C' is neither A nor B"),
        (2, '"warm-up"', '"lunch"', "2: phase: 'lunch' is no phase of a measurement"),
        (2, '"origin":"measured"', '"origin":"guessed"', "2: sample.origin: 'guessed' is neither"),
        (2, '"origin":"measured"', '"origin":"modelled"', "2: its joules are modelled"),
        (2, '"watts":[', '"watts":[1.0,', "2: sample.trace: a trace is two columns of one length"),
        (2, '"arm":', '"leg":1,"arm":', "2: it: nobody knows the field leg"),
        (3, '"line":"window"', '"line":"door"', '3: a line of the kind "door" has no place here'),
        (3, '"line":"window"', '"line":7', "3: is no line of an energy record"),
    ],
)  # fmt: skip
def test_damage_is_named_with_its_line(finished: Path, line: int, old: str, new: str, said: str) -> None:
    lines = finished.read_text().splitlines(keepends=True)
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    finished.write_text("".join(lines))
    with pytest.raises(EnergyRecordError) as caught:
        read_energy_record(finished)
    assert f"{finished}:{said}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_record_at_all_is_said_so(tmp_path: Path, finished: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    with pytest.raises(EnergyRecordError, match="empty:1: is no energy record"):
        read_energy_record(empty)
    with pytest.raises(EnergyRecordError, match="cannot be read: Is a directory"):
        read_energy_record(tmp_path)
    with finished.open("ab") as file:
        file.write(finished.read_bytes().splitlines(keepends=True)[1])
    with pytest.raises(EnergyRecordError, match="follows the line that ends a record"):
        read_energy_record(finished)


def test_windows_in_another_order_are_refused(finished: Path) -> None:
    lines = finished.read_text().splitlines(keepends=True)
    place = next(number for number, text in enumerate(lines) if '"measuring"' in text)
    lines[place] = lines[place].replace('"runs":1', '"runs":0')
    finished.write_text("".join(lines))
    with pytest.raises(Exception, match="in another order than this version takes them"):
        replayed(finished)


def test_figures_agree_up_to_the_last_digits_of_another_machine() -> None:
    told = {"verdict": "improved", "net": None, "ratio": {"value": 0.9, "interval": [0.85, 0.95]}}
    assert agree(told, {**told, "ratio": {"value": 0.9 * (1 + 2e-16), "interval": [0.85, 0.95]}})
    assert not agree(told, {**told, "ratio": {"value": 0.9, "interval": [0.85, 0.950001]}})
    assert not agree(told, {**told, "ratio": {"value": 0.9, "interval": None}})
    assert not agree(told, {**told, "verdict": "regressed"})
    assert not agree(told, {"verdict": "improved", "net": None})


def test_only_variables_that_matter_are_recorded() -> None:
    environment = {
        "OMP_NUM_THREADS": "4",
        "GOMP_CPU_AFFINITY": "0-3",
        "CUDA_VISIBLE_DEVICES": "1",
        "OMP_SECRET_KEY": "hidden",
        "OPENAI_API_KEY": "hidden",
        "PATH": "/usr/bin",
        "HOME": "/home/you",
    }
    here = Surroundings.here("test processor", environment)
    assert here.environment == {
        "OMP_NUM_THREADS": "4",
        "GOMP_CPU_AFFINITY": "0-3",
        "CUDA_VISIBLE_DEVICES": "1",
    }
    assert {"jouleline", "python", "kernel", "os"} == here.versions.keys()
    assert here.began.endswith("+00:00")
