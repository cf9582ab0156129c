"""Runs that were kept: listed, shown, and resumed, through the command line."""

from __future__ import annotations

import json
import shlex
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from jouleline.app.history import HistoryError, named_run, past_runs, resumable
from jouleline.app.journal import EVENTS_FILE, Journal, identity
from jouleline.app.program import read_program
from jouleline.app.workload import find_workload
from jouleline.cli.refactor import _earlier
from jouleline.wiring import toolchains
from tests.cli.command import SAMPLES, jouleline, kept, records_of, unfinished


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return records_of(tmp_path)


def test_runs_are_listed_the_newest_first_and_those_that_did_not_end_say_so(
    records: Path, tmp_path: Path
) -> None:
    assert "No run has been kept yet" in jouleline("history", home=tmp_path).out
    kept(records, "first", ended=True)
    kept(records, "second", ended=False)
    (records / "no-run").mkdir()
    assert [run.name for run in past_runs(records)] == ["second", "first"]
    told = jouleline("history", home=tmp_path).out
    assert "−20% energy" in told
    assert "did not end" in told
    document = json.loads(jouleline("history", "--format", "json", home=tmp_path).out)
    assert [run["run"] for run in document["runs"]] == ["second", "first"]
    assert document["schema"] == "jouleline/history/1"


def test_a_run_that_did_not_end_says_in_words_how_far_it_came_and_goes_on_by_what_is_said(
    records: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "my program"
    shutil.copytree(SAMPLES / "dot-omp", folder)
    program = read_program([folder])
    known = identity(program, find_workload(program, toolchains()))
    run = records / "earlier"
    run.mkdir(parents=True)
    with closing(Journal(run / EVENTS_FILE)) as journal:
        settings = {"candidates": 3, "temperatures": [0.2, 0.8], "judge": None}
        journal.note("start", program=str(folder), identity=known, settings=settings, model=None)
    shown = jouleline("show", home=tmp_path).out
    assert f"start: program {folder}, settings (candidates 3, temperatures 0.2 0.8)\n" in shown
    command = f"jouleline refactor '{folder}' --resume earlier"
    assert f"It did not end; `{command}` goes on with it." in shown
    assert _earlier(shlex.split(command)[-1], program, find_workload(program, toolchains()), records) == run
    shutil.rmtree(folder)
    assert "It did not end, and its program is not there any more." in jouleline("show", home=tmp_path).out


def test_a_run_is_named_by_how_it_begins_or_as_the_last(records: Path, tmp_path: Path) -> None:
    kept(records, "20260101-a", ended=True)
    kept(records, "20260102-b", ended=False)
    assert named_run(records, "20260101").name == "20260101-a"
    assert named_run(records, "last").name == "20260102-b"
    with pytest.raises(HistoryError, match="2 runs called '2026'"):
        named_run(records, "2026")
    shown = jouleline("show", "nothing", home=tmp_path)
    assert shown.code == 2
    assert "no run called 'nothing'" in shown.err


def test_only_a_run_of_the_same_folder_is_gone_on_with_unasked(records: Path) -> None:
    kept(records, "mine", ended=False)
    assert resumable(records, Path("/programs/mine"), "i") is not None
    assert resumable(records, Path("/programs/mine"), "another") is None
    assert resumable(records, Path("/programs/copy"), "i") is None
    kept(records, "done", ended=True)
    assert resumable(records, Path("/programs/done"), "i") is None


def test_a_run_that_somebody_works_on_is_not_gone_on_with(records: Path) -> None:
    journal = Journal(kept(records, "mine", ended=False) / EVENTS_FILE)
    assert resumable(records, Path("/programs/mine"), "i") is None
    journal.close()
    assert resumable(records, Path("/programs/mine"), "i") is not None


@pytest.mark.slow
def test_a_run_is_shown_and_cannot_be_resumed_once_it_ended(records: Path, tmp_path: Path) -> None:
    shutil.copytree(SAMPLES / "dot-omp", tmp_path / "dot-omp")
    with (tmp_path / "dot-omp" / "jouleline.toml").open("a") as settings:
        settings.write("[measure]\nseconds = 1\n")  # a glance: this test is not about the figure
    folder = str(tmp_path / "dot-omp")
    found = jouleline("refactor", folder, "--use", "rules", home=tmp_path)
    assert found.code == 0
    shown = jouleline("show", "--events", home=tmp_path)
    assert "reduction clause" in shown.out
    assert "attempt: " in shown.out
    document = json.loads(jouleline("show", "--format", "json", home=tmp_path).out)
    assert document["schema"] == "jouleline/refactor/1"
    assert document["events"] == []  # only when they are asked for
    again = jouleline("refactor", folder, "--resume", home=tmp_path)
    assert again.code == 2
    assert "no unfinished run of this program as it is now" in again.err

    # Verdicts and measurements are not paid for again.
    [run] = list(records.iterdir())
    unfinished(run)
    resumed = jouleline("refactor", folder, "--resume", "--use", "rules", "--format", "json", home=tmp_path)
    assert resumed.code == 0
    result = json.loads(resumed.out)
    assert result["record"] == str(run)
    # A verdict and a measurement; a second one if the first was an improvement, as it is on a calm machine.
    assert result["cost"]["reused"] >= 2
    (tmp_path / "dot-omp" / "main.cpp").write_text("int main() { return 0; }\n")
    changed = jouleline("refactor", folder, "--resume", run.name, home=tmp_path)
    assert changed.code == 2
    assert "has changed since" in changed.err


def test_settings_that_cannot_be_used_are_refused_in_a_sentence(tmp_path: Path) -> None:
    shutil.copytree(SAMPLES / "dot-omp", tmp_path / "dot-omp")
    file = tmp_path / "dot-omp" / "jouleline.toml"
    text = file.read_text()
    for line, complaint in (
        ("candidates = 0", "candidates in [refactor] must be a whole number from 1 to 32"),
        ("candidate = 3", "unknown key 'candidate' in [refactor]"),
        ('use = "best"', "use in [refactor] must be one of full, vanilla"),
        ("temperatures = [3]", "must be a list of numbers from 0 to 2"),
        ("judge = 1", "judge in [refactor] must be true or false"),
    ):
        file.write_text(f"{text}\n[refactor]\n{line}\n")
        refused = jouleline("refactor", tmp_path / "dot-omp", home=tmp_path)
        assert refused.code == 2
        assert complaint in refused.err


def test_a_setting_that_needs_a_model_says_so_where_none_is_configured(tmp_path: Path) -> None:
    shutil.copytree(SAMPLES / "dot-omp", tmp_path / "dot-omp")
    refused = jouleline("refactor", tmp_path / "dot-omp", "--use", "vanilla", home=tmp_path)
    assert refused.code == 2
    assert "no language model is configured" in refused.err


def test_a_run_that_cannot_go_on_tells_what_was_kept(records: Path, tmp_path: Path) -> None:
    (tmp_path / "main.cpp").write_text("int main() { return 0; }\n")
    (tmp_path / "jouleline.toml").write_text('[workload]\nbuild = "false"\nrun = "./main"\n')
    folder = str(tmp_path / "main.cpp")
    refused = jouleline("refactor", folder, home=tmp_path)
    assert refused.code == 1
    assert "--resume" not in refused.err  # nothing was kept
    program = read_program([tmp_path / "main.cpp"])
    run = records / "earlier"
    run.mkdir(parents=True)
    with closing(Journal(run / EVENTS_FILE)) as journal:
        journal.note(
            "start",
            program=str(program.root),
            identity=identity(program, find_workload(program, toolchains())),
        )
        beside = jouleline("refactor", folder, home=tmp_path)
    assert beside.code == 1
    assert "--resume" not in beside.err  # this process works on the only run there is
    stopped = jouleline("refactor", folder, home=tmp_path)
    assert stopped.code == 1
    assert "what was found so far is kept, and --resume goes on with earlier" in stopped.err
