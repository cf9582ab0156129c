"""What a model is asked in the refactoring loop: the prompts in ``prompts/refactor``, filled in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from importlib import resources
from string import Template
from typing import Final

from jouleline.core.kernel import Language
from jouleline.core.ports import Message, Role
from jouleline.core.workload import Tolerance, Workload

from .analyse import Analysis

_LANGUAGES: Final = {
    Language.OPENMP: "guide-openmp.md",
    Language.CUDA: "guide-cuda.md",
    Language.HIP: "guide-hip.md",
}
_FENCES: Final = ("```", "`````", "``````````")


def system() -> Message:
    """Who the model is and what it must not do."""
    return Message(Role.SYSTEM, _text("system.md"))


def ask(name: str, /, **parts: str) -> Message:
    """The prompt of a stage; every prompt may end with how to answer."""
    return Message(Role.USER, _template(f"{name}.md").substitute(parts, format=_text("format.md")))


def program_text(
    files: Mapping[str, bytes], changeable: Collection[str], workload: Workload, left: Collection[str] = ()
) -> str:
    """The program as a model sees it: how it is built and run, and the texts of its files.

    ``left`` names those that are too much to be shown.
    """
    return _template("program.md").substitute(
        build=workload.build,
        run=workload.run.replace("{args}", "<arguments>"),
        tolerance=tolerance_words(workload.tolerance),
        changeable=", ".join(sorted(changeable)),
        files=file_texts(files) + (f"\n\nNot shown: {', '.join(sorted(left))}." if left else ""),
    )


def file_texts(files: Mapping[str, bytes]) -> str:
    """Each file under its name, in a fence that its text cannot close."""
    parts = []
    for name, data in sorted(files.items()):
        parts.append(f"FILE: {name}\n{fenced(data.decode('utf-8', 'replace'), 'cpp')}")
    return "\n\n".join(parts)


def fenced(text: str, language: str) -> str:
    """A text in a fence that it cannot close."""
    fence = next((one for one in _FENCES if one not in text), "~" * 12)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def tolerance_words(tolerance: Tolerance) -> str:
    """How far numbers may differ, in words."""
    if not tolerance.relative and not tolerance.absolute:
        return "none: every printed digit must stay the same"
    return f"relative {tolerance.relative:g}, absolute {tolerance.absolute:g}"


def guide(analysis: Analysis) -> str:
    """Our guidance for the languages that the program's kernels are written in; OpenMP if none is known."""
    spoken = [one for one in _LANGUAGES if any(report.kernel.language is one for report in analysis.kernels)]
    return "\n\n".join(_text(_LANGUAGES[language]) for language in spoken or [Language.OPENMP])


def history(attempts: Iterable[str]) -> str:
    """What became of earlier candidates, a line each."""
    return "\n".join(f"- {attempt}" for attempt in attempts) or "Nothing yet."


def _text(name: str) -> str:
    return _template(name).template


@cache
def _template(name: str) -> Template:
    folder = resources.files(__package__) / "prompts" / "refactor"
    return Template((folder / name).read_text("utf-8").strip())
