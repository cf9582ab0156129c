"""The loop with a fleet whose workers are threads of this process: what is asked, kept and told."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from jouleline.app.energy_record import read_energy_record
from jouleline.app.evaluation import Question, Reply, Request, Worker
from jouleline.app.journal import EVENTS_FILE, read_events
from jouleline.app.measure_settings import MeasureSettings
from jouleline.app.measurement import Plan
from jouleline.app.outcome import Outcome, Tools
from jouleline.app.program import Program, read_program
from jouleline.app.refactor import RefactorError, refactor
from jouleline.app.workload import find_workload
from jouleline.core.candidate import Candidate, Rewrite
from jouleline.core.loop_settings import NAMED
from jouleline.core.meter import MeterInfo, Modelled
from jouleline.core.ports import LostWorkerError
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.source import Edit
from jouleline.core.syntax import ParsedSource
from jouleline.core.workload import Workload
from jouleline.fleet.elsewhere import Elsewhere, MeterElsewhere
from jouleline.meters.cpu_time import CpuTimeMeter
from jouleline.meters.located import LocatedMeter
from jouleline.runners.local import LocalRunner
from jouleline.wiring.measuring import replay_meter

pytestmark = pytest.mark.needs("g++")

SOURCE = """\
extern "C" int printf(const char *, ...);
extern "C" int atoi(const char *);
int main(int, char **argv) {
  double sum = 0;
  for (int i = 1; i <= atoi(argv[1]); ++i) sum += 1.0 / i;
  printf("%.12g\\n", sum);
}
"""


class QuickMeter(CpuTimeMeter):
    """A test double: the meter of CPU time with windows of one run."""

    @property
    def info(self) -> MeterInfo[Modelled]:
        return replace(super().info, window_s=0.01)

    def check(self) -> MeterInfo[Modelled]:
        return self.info


METER = QuickMeter(rated_watts=100, cores=2, device="a test's processor", source="assumed by a test")


@dataclass(frozen=True)
class ReplacingRule:
    """A test double: a rule that replaces one text by another, right or wrong."""

    name: str
    old: str
    new: str
    title: str = "replace a text"
    rationale: str = "A test double."

    def rewrites(self, source: ParsedSource, program: ProgramFacts) -> list[Rewrite]:
        place = source.text.data.find(self.old.encode())
        if place < 0:
            return []
        edit = Edit(place, place + len(self.old), self.new.encode())
        return [Rewrite(self.name, 1, self.title, self.rationale, (edit,))]


HOISTED = ReplacingRule("hoisted", "int i = 1; i <= atoi(argv[1])", "int i = 1, n = atoi(argv[1]); i <= n")
WRONG = ReplacingRule("wrong", "int i = 1;", "int i = 2;")


@dataclass
class Threads:
    """A test double of a fleet: it asks workers of this process, each time as if on another node."""

    folder: Path
    tools: Tools
    ends_workers: str = ""
    asked: list[tuple[Question, str]] = field(default_factory=list)
    nodes: Any = field(default_factory=lambda: cycle(("n1", "n2")))
    worker: Worker = field(default_factory=Worker)

    def keep(self, key: str, copy: Callable[[Path], None]) -> None:
        if not (self.folder / key).exists():
            copy(self.folder / key)

    async def ask(
        self,
        question: Question,
        program: Program,
        workload: Workload,
        key: str,
        *,
        candidate: Candidate | None = None,
        name: str = "",
    ) -> Reply:
        self.asked.append((question, name))
        if name and name == self.ends_workers:
            raise LostWorkerError("3 workers ended over it")
        node = next(self.nodes)
        request = Request(
            question, MeasureSettings(), (), program=replace(program, root=self.folder / key),
            workload=workload, root=str(program.root), candidate=candidate, name=name,
        )  # fmt: skip
        there = replace(self.tools, meter=LocatedMeter(METER, node))
        return await asyncio.to_thread(self.worker.answer, request, there, Reply(node, "", 1, 0.0))


@pytest.fixture
def program(tmp_path: Path) -> Program:
    folder = tmp_path / "sum"
    folder.mkdir()
    (folder / "main.cpp").write_text(SOURCE)
    # By its path the compiler is not found by those who would add options: no gate builds with sanitizers.
    (folder / "jouleline.toml").write_text(
        f'[workload]\nbuild = "{shutil.which("g++")} -O1 main.cpp -o main"\nrun = "./main {{args}}"\n'
        'args = "300000"\ncheck_args = ["1000"]\n'
    )
    return read_program([folder])


@pytest.fixture
def fleet(tmp_path: Path) -> Threads:
    (tmp_path / "shared").mkdir()
    here = Tools(
        runner=LocalRunner(), meter=METER, rules=(), toolchains=(), records=tmp_path, plan=Plan(),
        replay_meter=replay_meter,
    )  # fmt: skip
    return Threads(tmp_path / "shared", here)


def run(program: Program, fleet: Threads, tmp_path: Path, record: Path | None = None) -> Outcome:
    # Whatever would be run or measured here would be an error.
    tools = Tools(
        runner=Elsewhere("none", (), "double"),
        meter=MeterElsewhere(METER.info),
        rules=[HOISTED, WRONG],
        toolchains=(),
        records=tmp_path / "records",
        settings=replace(NAMED["rules"], rounds=0),
        replay_meter=replay_meter,
        fleet=fleet,
    )
    return asyncio.run(refactor(program, find_workload(program, ()), tools, record=record))


def test_the_best_is_measured_again_and_each_comparison_is_of_one_node(
    program: Program, fleet: Threads, tmp_path: Path
) -> None:
    outcome = run(program, fleet, tmp_path)
    assert outcome.improved
    assert outcome.candidate is not None
    assert outcome.candidate.name == "hoisted"
    assert sorted(fleet.asked[1:]) == [
        (Question.CONFIRM, "hoisted, again"), (Question.TRY, "hoisted"), (Question.TRY, "wrong"),
    ]  # fmt: skip
    [tried] = [one for one in outcome.attempts if one.proposer == "hoisted"]
    assert tried.verdict.gates[-1].name == "recheck"
    [refused] = [one for one in outcome.attempts if one.proposer == "wrong"]
    assert refused.verdict.failed is not None
    assert refused.verdict.failed.name == "output"
    assert outcome.cost.build_s > 0
    assert outcome.cost.measure_s > 0

    evaluations = [one["result"] for one in read_events(outcome.record / EVENTS_FILE) if "result" in one]
    records = {one["record"]: one["node"] for one in evaluations if one["record"]}
    assert len(records) == 2
    for name, node in records.items():
        kept = read_energy_record(outcome.record / name)
        assert kept.header.meter.device.endswith(f" of {node}")
        assert kept.header.baseline.program == str(program.root)
        assert kept.header.candidate is not None
        assert kept.result is not None

    # As if it had been killed before its end: a worker looks at the baseline, and nothing else is asked.
    events = (outcome.record / EVENTS_FILE).read_bytes().splitlines(keepends=True)
    (outcome.record / EVENTS_FILE).write_bytes(b"".join(events[:-1]))
    fleet.asked.clear()
    again = run(program, fleet, tmp_path, outcome.record)
    assert fleet.asked == [(Question.BASELINE, "")]
    assert again.cost.reused == 3
    assert again.headline == outcome.headline
    assert json.loads((outcome.record / "result.json").read_text())["improved"] is True


def test_a_candidate_that_ends_its_workers_is_refused_and_the_run_goes_on(
    program: Program, fleet: Threads, tmp_path: Path
) -> None:
    fleet.ends_workers = "hoisted"
    outcome = run(program, fleet, tmp_path)
    verdicts = {one.proposer: one.verdict.failed for one in outcome.attempts}
    assert verdicts["hoisted"] is not None
    assert (verdicts["hoisted"].name, verdicts["hoisted"].reason) == ("worker", "3 workers ended over it")
    assert verdicts["wrong"] is not None


def test_what_is_wrong_with_the_baseline_is_said_as_it_is_here(
    program: Program, fleet: Threads, tmp_path: Path
) -> None:
    (program.root / "main.cpp").write_text("int main() { return 3; }\n")
    with pytest.raises(RefactorError, match="the baseline failed with exit code 3"):
        run(read_program([program.root]), fleet, tmp_path)
    (program.root / "main.cpp").write_text("int main() {\n")
    with pytest.raises(RefactorError, match="the baseline does not build"):
        run(read_program([program.root]), fleet, tmp_path)
