"""A study asks for labelled kernels only, shows nobody their labels, and does nothing twice."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from jouleline.app.analyse import Analysis
from jouleline.app.answers import ANSWERS_FILE, AnswerFile, AnswersError, answer_file
from jouleline.app.evidence import Refinement
from jouleline.app.labels import LabelledKernel, read_labels
from jouleline.app.program import Program, read_program
from jouleline.app.study import SCENARIOS, Replies, Scenario, Task, answer, given, tasks
from jouleline.app.study_run import StudyError, run
from jouleline.core.counts import Evidence, Operation
from jouleline.core.roofline import Bound, BoundKind
from jouleline.wiring import UnavailableError, catalogue
from tests.support.corpus import write_corpus, write_labels

PAPER = catalogue().get("rtx-3080-paper")
SCENARIO = {scenario.name: scenario for scenario in SCENARIOS}


@pytest.fixture
def labels(tmp_path: Path) -> tuple[LabelledKernel, ...]:
    return read_labels(write_labels(tmp_path / "labels.csv"), PAPER)


@pytest.fixture
def programs(tmp_path: Path, labels: tuple[LabelledKernel, ...]) -> dict[str, Program]:
    corpus = write_corpus(tmp_path / "corpus")
    return {label.kernel.program: read_program([corpus / label.kernel.program]) for label in labels}


@pytest.fixture
def source_tasks(labels: tuple[LabelledKernel, ...], programs: dict[str, Program]) -> list[Task]:
    return tasks([SCENARIO["source"]], programs, [label.kernel for label in labels], PAPER.id)


def from_source(task: Task) -> Replies:
    return answer(task, PAPER, ())


class Oracle:
    """A stand-in for a model: knows one kernel and says that it is compute-bound."""

    kind = Evidence.MODEL

    def __init__(self, knows: str) -> None:
        self.knows = knows
        self.asked: list[str] = []

    def refine(self, analysis: Analysis, program: Program) -> Refinement:
        self.asked += [report.kernel.name for report in analysis.kernels]
        return Refinement(
            opinions={
                index: Bound(BoundKind.COMPUTE, Operation.SP, 0.0, 0.9, 0.0)
                for index, report in enumerate(analysis.kernels)
                if report.kernel.name == self.knows
            }
        )


class DeadlyTask(Task):
    """Ends the process that it is sent to."""

    def __reduce__(self) -> tuple[Callable[[int], NoReturn], tuple[int]]:
        return os._exit, (1,)


def of(found: list[Task], program: str) -> Task:
    return next(task for task in found if task.name == program)


def test_an_answer_carries_the_counts_it_follows_from(source_tasks: list[Task]) -> None:
    [reply] = from_source(of(source_tasks, "matmul-cuda")).replies
    assert reply.answer is not None
    assert reply.answer.place == "main.cu:9"
    # 256 x 256 results of 256 multiply-adds each, from the run line "256 2".
    assert reply.answer.operations["sp"] == pytest.approx(2 * 256**3, rel=0.1)
    assert (reply.answer.grid, reply.answer.launch_known) == ((16, 16, 1), True)
    assert reply.answer.evidence == "source"


def test_a_kernel_that_is_not_found_is_answered_for_by_a_reason(source_tasks: list[Task]) -> None:
    [reply] = from_source(of(source_tasks, "colormap-omp-offload")).replies
    assert (reply.answer, reply.reason) == (None, "no such kernel was found in the program")


def test_a_source_of_evidence_is_asked_for_labelled_kernels_only(
    labels: tuple[LabelledKernel, ...], programs: dict[str, Program]
) -> None:
    wanted = [label.kernel for label in labels]
    found = tasks([SCENARIO["zero-shot"]], programs, wanted, PAPER.id)
    # The program has two regions, step and copy_back; a model is paid by the kernel.
    oracle = Oracle("step")
    [reply] = answer(of(found, "heat-omp-offload"), PAPER, [oracle]).replies
    assert oracle.asked == ["step"]
    assert reply.answer is not None
    assert (reply.answer.evidence, reply.answer.compute) == ("model", True)


def test_what_a_model_does_not_say_is_not_answered_by_the_source(
    labels: tuple[LabelledKernel, ...], programs: dict[str, Program]
) -> None:
    found = tasks([SCENARIO["few-shot"]], programs, [label.kernel for label in labels], PAPER.id)
    [reply] = answer(of(found, "jacobi-cuda"), PAPER, [Oracle("another")]).replies
    assert (reply.answer, reply.reason) == (None, "the model gave no answer")


def test_measured_counts_give_the_label(labels: tuple[LabelledKernel, ...]) -> None:
    for label in labels:
        said = given(label, PAPER).answer
        assert said is not None
        assert (said.compute, said.driver) == (label.kind is BoundKind.COMPUTE, label.driver)
        assert said.evidence == "profile"


def test_a_key_changes_with_all_that_answers_depend_on_and_with_nothing_else(
    labels: tuple[LabelledKernel, ...], programs: dict[str, Program]
) -> None:
    def key(
        scenario: Scenario = SCENARIO["source"],
        program: Program | None = None,
        args: str = "256 2",
        gpu: str = "h200",
    ) -> str:
        kernel = replace(labels[0].kernel, arguments=args)
        [task] = tasks([scenario], {kernel.program: program or programs[kernel.program]}, [kernel], gpu)
        return task.key

    program = programs["matmul-cuda"]
    edited = replace(program, files={**program.files, "main.cu": program.files["main.cu"] + b"\n"})
    others = [
        key(program=edited),
        key(program=replace(program, makefile="run:\n")),
        key(args="512 2"),
        key(gpu="l4"),
        key(SCENARIO["compiled"]),
        key(replace(SCENARIO["source"], setting="another model")),
    ]
    assert key(program=replace(program, root=Path("elsewhere"))) == key()
    assert len({key(), *others}) == len(others) + 1


def study(
    found: Sequence[Task], folder: Path, work: Callable[[Task], Replies], jobs: int = 1
) -> dict[str, Replies]:
    with answer_file(folder) as answers:
        run(found, work, answers, jobs, lambda _message, _fraction: None)
        return answers.done


def said(done: dict[str, Replies]) -> dict[str, Replies]:
    """All but how long it took."""
    return {key: replace(replies, seconds=0.0) for key, replies in done.items()}


def test_an_interrupted_study_goes_on_where_it_was(source_tasks: list[Task], tmp_path: Path) -> None:
    worked: list[str] = []

    def until_interrupted(task: Task) -> Replies:
        if len(worked) == 2:
            raise KeyboardInterrupt
        worked.append(task.name)
        return from_source(task)

    with pytest.raises(KeyboardInterrupt):
        study(source_tasks, tmp_path / "out", until_interrupted)
    # As if the run had been killed in the middle of a line.
    with (tmp_path / "out" / ANSWERS_FILE).open("ab") as file:
        file.write(b'{"key":"abc","scen')

    def resumed(task: Task) -> Replies:
        assert task.name not in worked
        return from_source(task)

    done = study(source_tasks, tmp_path / "out", resumed)
    assert said(done) == said(study(source_tasks, tmp_path / "fresh", from_source))
    assert len((tmp_path / "out" / ANSWERS_FILE).read_text().splitlines()) == len(source_tasks)


def test_a_finished_study_works_no_more(source_tasks: list[Task], tmp_path: Path) -> None:
    def never(task: Task) -> Replies:
        raise AssertionError(task.name)

    first = study(source_tasks, tmp_path, from_source)
    assert study(source_tasks, tmp_path, never) == first


def test_several_processes_answer_as_one_does(source_tasks: list[Task], tmp_path: Path) -> None:
    from jouleline.cli.study_roofline import _work

    together = study(source_tasks, tmp_path / "two", _work, jobs=2)
    assert said(together) == said(study(source_tasks, tmp_path / "one", from_source))


def test_an_error_in_another_process_arrives_here(source_tasks: list[Task], tmp_path: Path) -> None:
    from jouleline.cli.study_roofline import _work

    broken = [replace(task, scenario=SCENARIO["few-shot"]) for task in source_tasks]
    with pytest.raises(UnavailableError, match="no language model is configured"):
        study(broken, tmp_path, _work, jobs=2)


def test_a_process_that_is_killed_is_told_of_in_a_sentence(source_tasks: list[Task], tmp_path: Path) -> None:
    from jouleline.cli.study_roofline import _work

    deadly = [DeadlyTask(**vars(task)) for task in source_tasks]
    with pytest.raises(StudyError, match="ended without an answer"):
        study(deadly, tmp_path, _work, jobs=2)


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    (tmp_path / ANSWERS_FILE).write_text('{"key": 1}\n')
    with (
        pytest.raises(AnswersError, match=r"answers\.jsonl:1: is no answer of a study"),
        answer_file(tmp_path),
    ):
        pass


def test_two_studies_do_not_write_to_one_file(tmp_path: Path) -> None:
    with answer_file(tmp_path), pytest.raises(AnswersError, match="another study"), answer_file(tmp_path):
        pass


def test_a_full_disk_is_told_in_a_sentence(source_tasks: list[Task], tmp_path: Path) -> None:
    replies = from_source(source_tasks[0])
    with (
        Path("/dev/full").open("ab", buffering=0) as full,
        pytest.raises(AnswersError, match="cannot be written: No space left on device"),
    ):
        AnswerFile(tmp_path / ANSWERS_FILE, {}, full).add(replies)


def test_answers_come_back_as_they_were_written(source_tasks: list[Task], tmp_path: Path) -> None:
    replies = from_source(source_tasks[0])
    with answer_file(tmp_path) as answers:
        assert isinstance(answers, AnswerFile)
        answers.add(replies)
    with answer_file(tmp_path) as answers:
        assert answers.done == {replies.key: replies}
