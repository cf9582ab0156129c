"""``jouleline study roofline``: score the bounds of a labelled corpus, scenario by scenario."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from jouleline import wiring
from jouleline.app.answers import AnswersError, answer_file
from jouleline.app.evidence import EvidenceUnavailableError
from jouleline.app.labels import LabelledKernel, LabelsError, read_labels
from jouleline.app.program import Program, ProgramError, read_program
from jouleline.app.spreads import spreads_toml
from jouleline.app.study import (
    DEFAULT_SCENARIOS,
    SCENARIOS,
    Replies,
    Reply,
    Scenario,
    Task,
    answer,
    given,
    tasks,
)
from jouleline.app.study_page import study_page
from jouleline.app.study_report import Judged, ScenarioResult, spreads, study_json
from jouleline.app.study_run import StudyError
from jouleline.app.study_run import run as run_tasks
from jouleline.core.device import Device

from . import options as shared
from .console import output, progress
from .exit_codes import Exit, UserError

LABELS_DEVICE = "rtx-3080-paper"
"""The device of the papers' labels; on another one, their counts are labelled anew."""
REPORT_JSON = "report.json"
REPORT_PAGE = "report.html"
SPREADS = "spreads.toml"


def configure(parser: argparse.ArgumentParser) -> None:
    """Say which labels, which corpus and which scenarios."""
    parser.add_argument(
        "--labels", type=Path, required=True, metavar="CSV", help="measured counts and labels"
    )
    parser.add_argument(
        "--corpus", type=Path, required=True, metavar="DIR", help="the folder with a folder for each program"
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="where answers and the report go; a stopped study goes on from there",
    )
    parser.add_argument(
        "--scenario",
        action="append",
        choices=[scenario.name for scenario in SCENARIOS],
        help=f"what answers, may be repeated (default: {', '.join(DEFAULT_SCENARIOS)}, where there)",
    )
    parser.add_argument(
        "--gpu", metavar="ID", default=LABELS_DEVICE, help="device to judge for (default: %(default)s)"
    )
    parser.add_argument("--programs", metavar="GLOB", default="*", help="only programs of such a name")
    parser.add_argument("--jobs", type=_jobs, default=1, metavar="N", help="processes (default: %(default)s)")
    shared.add_format(parser)


def _jobs(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text} is no number of processes from 1 to 256")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Answer what is not answered yet, then write and print the report."""
    device = shared.device(options)
    labels, notes = _labels(options, device)
    programs, unread = _programs(options.corpus, labels)
    scenarios, unavailable = _scenarios(options.scenario)
    if unread:
        notes.append(f"{len(unread)} programs of the labels could not be read: {', '.join(sorted(unread))}")
    asked = tasks(
        [one for one in scenarios if one.name not in {"profile", *unavailable}],
        programs,
        [label.kernel for label in labels],
        device.id,
    )
    with progress(quiet=options.format == "json") as tell:
        try:
            with answer_file(options.out) as answers:
                run_tasks(asked, _work, answers, options.jobs, tell)
                done = [(task, answers.done[task.key]) for task in asked]
        except AnswersError as error:
            raise UserError(str(error)) from error
        except (StudyError, EvidenceUnavailableError) as error:
            raise UserError(str(error), Exit.FAILED) from error
        tell("writing the report", None)
        results = [
            ScenarioResult(scenario, unavailable=unavailable[scenario.name])
            if scenario.name in unavailable
            else _judged(scenario, labels, done, unread, device)
            for scenario in scenarios
        ]
        document = study_json(results, labels, device, notes)
        try:
            (options.out / REPORT_JSON).write_text(json.dumps(document, indent=1) + "\n", "utf-8")
            (options.out / REPORT_PAGE).write_text(study_page(document, results), "utf-8")
            (options.out / SPREADS).write_text(spreads_toml(spreads(results)), "utf-8")
        except OSError as error:
            raise UserError(f"{error.filename}: cannot be written: {error.strerror}", Exit.FAILED) from error
    if options.format == "json":
        shared.print_json(document)
    else:
        _print(document, options.out)
    return Exit.DONE


def _work(task: Task) -> Replies:
    """Do a task, in whatever process."""
    device = wiring.catalogue().get(task.device)
    return answer(task, device, wiring.scenario_sources(task.scenario.name))


def _labels(options: argparse.Namespace, device: Device) -> tuple[list[LabelledKernel], list[str]]:
    try:
        labels = read_labels(options.labels, wiring.catalogue().get(LABELS_DEVICE))
    except LabelsError as error:
        raise UserError(str(error)) from error
    chosen = [label for label in labels if fnmatchcase(label.kernel.program, options.programs)]
    if not chosen:
        raise UserError(f"--programs {options.programs}: no program of {options.labels} has such a name")
    if device.id == LABELS_DEVICE:
        return chosen, []
    note = f"labels are for {device.name}: the counts that were measured on {LABELS_DEVICE}, classified anew"
    return [label.on(device) for label in chosen], [note]


def _programs(corpus: Path, labels: Sequence[LabelledKernel]) -> tuple[dict[str, Program], dict[str, str]]:
    """The programs of the labels, and why some could not be read."""
    if not corpus.is_dir():
        raise UserError(f"--corpus {corpus}: no such folder")
    programs: dict[str, Program] = {}
    unread: dict[str, str] = {}
    for name in dict.fromkeys(label.kernel.program for label in labels):
        try:
            programs[name] = read_program([corpus / name])
        except ProgramError as error:
            unread[name] = str(error)
    if not programs:
        raise UserError(f"--corpus {corpus}: holds none of the {len(unread)} programs that are labelled")
    return programs, unread


def _scenarios(names: Sequence[str] | None) -> tuple[list[Scenario], dict[str, str]]:
    """The scenarios to report on, and why some cannot be run: an error for one that was asked for by name."""
    chosen = [one for one in SCENARIOS if one.name in (names or DEFAULT_SCENARIOS)]
    unavailable = {}
    for index, scenario in enumerate(chosen):
        try:
            chosen[index] = replace(scenario, setting=wiring.scenario_setting(scenario.name))
        except wiring.UnavailableError as error:
            if names:
                raise UserError(str(error)) from error
            unavailable[scenario.name] = str(error)
    return chosen, unavailable


def _judged(
    scenario: Scenario,
    labels: Sequence[LabelledKernel],
    done: Sequence[tuple[Task, Replies]],
    unread: Mapping[str, str],
    device: Device,
) -> ScenarioResult:
    if scenario.name == "profile":
        return ScenarioResult(scenario, tuple(Judged(label, given(label, device)) for label in labels))
    mine = [(task, replies) for task, replies in done if task.scenario == scenario]
    found = {
        kernel: reply
        for task, replies in mine
        for kernel, reply in zip(task.wanted, replies.replies, strict=True)
    }
    judged = tuple(
        Judged(label, found.get(label.kernel) or Reply(None, unread[label.kernel.program]))
        for label in labels
    )
    return ScenarioResult(scenario, judged, sum(replies.seconds for _, replies in mine))


def _print(document: Mapping[str, Any], out: Path) -> None:
    console = output()
    labels = document["labels"]
    console.print(
        f"{labels['kernels']} kernels of {labels['programs']} programs ({labels['base_programs']} base "
        f"programs), {labels['compute']} of them compute-bound on {document['device']}",
        soft_wrap=True,
    )
    for note in document["notes"]:
        console.print(f"[dim]note: {escape(note)}[/]", soft_wrap=True)
    table = Table(box=None, pad_edge=False)
    for title in ("scenario", "kernels"):
        table.add_column(title, no_wrap=True)
    for title in ("answered", "balanced accuracy", "macro-F1", "MCC", "340-like"):
        table.add_column(title, justify="right", no_wrap=True)
    for scenario in document["scenarios"]:
        for language, scores in scenario.get("scores", {}).items():
            subset = scenario["subsets"][language]
            table.add_row(
                scenario["name"] if language == "all" else "",
                language,
                f"{scenario['answered']}/{scenario['kernels']}" if language == "all" else "",
                _figure(scores["balanced_accuracy"]),
                _figure(scores["macro_f1"]),
                _figure(scores["mcc"]),
                f"{subset['accuracy']:.3f} ± {subset['deviation']:.3f}" if subset else "-",
            )
    console.print()
    console.print(table)
    for scenario in document["scenarios"]:
        if "unavailable" in scenario:
            console.print(
                f"[yellow]{scenario['name']} was not run[/]: {escape(scenario['unavailable'])}",
                soft_wrap=True,
            )
        else:
            _print_counts(scenario)
    console.print(
        f"\n[dim]report: {escape(str(out / REPORT_PAGE))}, {escape(str(out / REPORT_JSON))}[/]",
        soft_wrap=True,
    )


def _figure(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "-"
    interval = figure["interval"]
    around = f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""
    return escape(f"{figure['value']:.3f}{around}")


def _print_counts(scenario: Mapping[str, Any]) -> None:
    errors = scenario["count_errors"].get("all")
    if errors is None or scenario["name"] == "profile":
        return
    output().print(
        f"\n{scenario['name']}: |log2(predicted / measured)|, median and 90th percentile: "
        + ", ".join(
            f"{name} {one['median']:.2f}, {one['p90']:.2f}" for name, one in errors.items() if one["kernels"]
        ),
        soft_wrap=True,
    )
