"""A program's bounds and energy smells as SARIF 2.1.0, which code scanning reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from jouleline import __version__
from jouleline.core.smell import Smell

from . import wording
from .analyse import Analysis, KernelReport
from .bound_changes import BoundChange

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_RULES: Final = {
    "bound": "What limits a GPU kernel",
    "bound-changed": "A kernel whose bound is another than before",
    "unread": "A file that was not read",
}


def bound_sarif(
    analysis: Analysis,
    smells: Sequence[tuple[str, Smell]] = (),
    changes: Sequence[BoundChange] = (),
) -> dict[str, Any]:
    """A note for each kernel, a warning or note for each energy smell, an error for each changed bound."""
    results = [
        *(
            _result("bound-changed", "error", one.sentence, one.file, (one.line, one.end_line))
            for one in changes
        ),
        *(_kernel(report, analysis) for report in analysis.kernels),
        *(_smell(file, smell, analysis) for file, smell in smells),
        *(
            _result("unread", "warning", problem.message, problem.file, (problem.line, problem.line))
            for problem in analysis.problems
        ),
    ]
    rules = [{"id": rule, "shortDescription": {"text": text}} for rule, text in _RULES.items()]
    rules += [
        {"id": code, "shortDescription": {"text": f"Energy smell: {code.replace('-', ' ')}"}}
        for code in dict.fromkeys(smell.code for _, smell in smells)
    ]
    driver = {"name": "jouleline", "version": __version__, "rules": rules}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def _kernel(report: KernelReport, analysis: Analysis) -> dict[str, Any]:
    text = (
        f"{report.kernel.display} is {wording.bound_words(report)} on {analysis.device.name}, "
        f"by {report.evidence} evidence"
    )
    return _result("bound", "note", text, report.file, (report.kernel.line, report.kernel.end_line))


def _smell(file: str, smell: Smell, analysis: Analysis) -> dict[str, Any]:
    text = analysis.texts[file]
    lines = text.point(smell.start).line + 1, text.point(smell.end).line + 1
    return _result(smell.code, "note" if smell.minor else "warning", smell.message, file, lines)


def _result(rule: str, level: str, text: str, file: str, lines: tuple[int, int]) -> dict[str, Any]:
    return {
        "ruleId": rule,
        "level": level,
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": file},
                    "region": {"startLine": lines[0], "endLine": max(lines)},
                }
            }
        ],
    }
