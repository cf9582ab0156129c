"""The energy study on real programs with the rules alone; the model's part is in test_model_loop.py."""

from __future__ import annotations

import asyncio
import csv
import io
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from jouleline.app.energy_study import Draw, ToolsFor, draws, run_trials, scores_of, study_csv, study_json
from jouleline.app.energy_study_page import study_page
from jouleline.app.energy_suite import Member, SuiteError, read_suite
from jouleline.app.journal import Journal
from jouleline.app.measure import Plan
from jouleline.app.outcome import Outcome, SearchCost, Tools
from jouleline.app.program import Program
from jouleline.app.refactor import RefactorError
from jouleline.core.loop_settings import NAMED
from jouleline.meters.cpu_time import CpuTimeMeter
from jouleline.rules import RULES
from jouleline.runners.local import LocalRunner
from jouleline.toolchains.gnu import GnuToolchain
from tests.cli.command import SAMPLES


class Metered(CpuTimeMeter):
    """The model, which counts how often it was closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_a_suite_that_cannot_be_used_is_refused_in_a_sentence(tmp_path: Path) -> None:
    suite = tmp_path / "suite.toml"
    for text, complaint in (
        ("", r"needs at least one \[\[program\]\]"),
        ('[[program]]\nfolder = "missing"\n', "no such folder"),
        ('[[program]]\nfoldr = "."\n', "unknown key 'foldr'"),
        ('[[program]]\nfolder = "."\n[[program]]\nfolder = "."\n', "two programs are called"),
        ('[[program]]\nfolder = "."\nworkload = "none.toml"\n', "no such file"),
    ):
        suite.write_text(text)
        with pytest.raises(SuiteError, match=complaint):
            read_suite(suite)


def test_a_model_is_drawn_n_times_and_rules_once() -> None:
    members = [Member("p", Path())]
    assert len(draws(members, ["rules", "vanilla"], 3)) == 1 + 3


def test_a_study_makes_no_trial_twice(tmp_path: Path) -> None:
    shutil.copytree(SAMPLES / "dot-omp", tmp_path / "dot-omp")
    (tmp_path / "empty").mkdir()
    suite = tmp_path / "suite.toml"
    suite.write_text('[[program]]\nfolder = "dot-omp"\n[[program]]\nfolder = "empty"\n')
    made: list[str] = []
    meters: list[Metered] = []

    def meter() -> Metered:
        source = "assumed by a test"
        meters.append(Metered(rated_watts=100, cores=2, device="a test's processor", source=source))
        return meters[-1]

    def tools_for(draw: Draw, program: Program) -> Tools:
        made.append(draw.member.name)
        del program
        return Tools(
            runner=LocalRunner(),
            meter=meter(),
            search_meter=meter(),
            rules=RULES,
            toolchains=[GnuToolchain()],
            records=tmp_path / "records",
            plan=Plan(budget_s=10),
            settings=NAMED["rules"],
        )

    def study() -> list[object]:
        journal = Journal(tmp_path / "events.jsonl")
        asked = draws(read_suite(suite), ["rules"], 2)
        trials = asyncio.run(run_trials(asked, tools_for, journal, lambda *_: None))
        journal.close()
        page = study_page(trials, None)
        assert "energy-reduction@k" in page
        assert "dot-omp" in page
        document = study_json(trials, None)
        assert document["settings"][0]["failures"]["not run"] == 1
        assert len(list(csv.DictReader(io.StringIO(study_csv(trials))))) == 2
        return list(trials)

    first = study()
    runs = len(list((tmp_path / "records").iterdir()))
    assert study() == first
    assert len(list((tmp_path / "records").iterdir())) == runs
    assert made == ["dot-omp", "dot-omp"]
    assert [each.closed for each in meters] == [1, 1, 1, 1]


def tools_in(folder: Path, setting: str = "rules") -> ToolsFor:
    """Tools of this machine for every trial, which measures for ten seconds."""

    def tools_for(draw: Draw, program: Program) -> Tools:
        del draw, program
        return Tools(
            runner=LocalRunner(),
            meter=Metered(rated_watts=100, cores=2, device="a test's processor", source="a test"),
            rules=RULES,
            toolchains=[GnuToolchain()],
            records=folder / "records",
            plan=Plan(budget_s=10),
            settings=NAMED[setting],
        )

    return tools_for


def test_what_could_not_be_run_is_tried_again_when_the_study_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    async def fails(program: Program, *_: object) -> None:
        tried.append(program.root.name)
        raise RefactorError("the machine is busy")

    monkeypatch.setattr("jouleline.app.energy_study.refactor", fails)

    asked = draws([Member("dot", SAMPLES / "dot-omp")], ["rules"], 1)
    for count in (1, 2):
        with closing(Journal(tmp_path / "events.jsonl")) as journal:
            (trial,) = asyncio.run(run_trials(asked, tools_in(tmp_path), journal, lambda *_: None))
        assert trial.failure == "not run"
        assert len(tried) == count


def test_trials_of_a_fleet_overlap_and_keep_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meet = asyncio.Barrier(2)
    ended: list[str] = []

    async def fails(program: Program, *_: object) -> None:
        await meet.wait()
        if program.root.name == "dot-omp":
            await asyncio.sleep(0.05)
        ended.append(program.root.name)
        raise RefactorError("enough is seen")

    monkeypatch.setattr("jouleline.app.energy_study.refactor", fails)

    names = ["dot-omp", "triad-omp"]
    asked = draws([Member(name, SAMPLES / name) for name in names], ["rules"], 1)
    with closing(Journal(tmp_path / "events.jsonl")) as journal:
        trials = asyncio.run(run_trials(asked, tools_in(tmp_path), journal, lambda *_: None, at_once=2))
    assert ended == names[::-1]
    assert [trial.program for trial in trials] == names


def test_a_trial_whose_model_did_not_answer_is_made_when_it_does_and_never_counts_as_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreachable = iter(["nobody can be reached", ""])

    async def answered(program: Program, *_: object) -> Outcome:
        return Outcome(
            improved=False,
            headline="",
            details="",
            candidate=None,
            energy=None,
            attempts=(),
            base=program.files,
            edits={},
            record=tmp_path,
            cost=SearchCost(1.0, 0.0, 0.0, 0.0),
            notes=(),
            unanswered=next(unreachable),
        )

    monkeypatch.setattr("jouleline.app.energy_study.refactor", answered)

    asked = draws([Member("dot", SAMPLES / "dot-omp")], ["vanilla"], 1)
    made = []
    for _ in range(3):
        with closing(Journal(tmp_path / "events.jsonl")) as journal:
            made += asyncio.run(run_trials(asked, tools_in(tmp_path, "vanilla"), journal, lambda *_: None))
    assert [trial.failure for trial in made] == ["not run", "no proposal", "no proposal"]
    assert [len(scores_of([trial])) for trial in made] == [0, 1, 1]
