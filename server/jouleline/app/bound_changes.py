"""Which kernels of a program have another bound than an earlier document says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SCHEMA = "jouleline/bound/1"


class ComparisonError(ValueError):
    """An earlier document that cannot be compared with; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class BoundChange:
    """A kernel whose bound changed; ``before`` and ``after`` are as ``compute-bound (dp)``.

    ``probabilities`` are those of being compute-bound, before and after.
    """

    name: str
    file: str
    line: int
    end_line: int
    before: str
    after: str
    probabilities: tuple[float, float]

    @property
    def sentence(self) -> str:
        """The change in words, without the place."""
        before, after = (f"{100 * one:.0f}%" for one in self.probabilities)
        return (
            f"{self.name} was {self.before} and is {self.after} now "
            f"(chance of being compute-bound: {before}, now {after})"
        )


def bound_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[BoundChange]:
    """The kernels that two documents (``jouleline/bound/1``) give different bounds, in ``after``'s order.

    A kernel is the same if its file, its name and its place among those of that name are. What is new or
    gone has changed nothing. Another driver of a compute-bound kernel is no other bound.

    Raises:
        ComparisonError: if ``before`` is no such document, or of another device or run line.
    """
    _check(before, after)
    try:
        old = _numbered(before["kernels"])
        return [
            BoundChange(
                kernel["name"],
                kernel["file"],
                kernel["line"],
                kernel["end_line"],
                bound_words(known),
                bound_words(kernel),
                (known["probability_compute"], kernel["probability_compute"]),
            )
            for key, kernel in _numbered(after["kernels"]).items()
            if (known := old.get(key)) is not None and known["bound"] != kernel["bound"]
        ]
    except (KeyError, TypeError) as error:
        raise ComparisonError(f"it is no whole {SCHEMA} document ({error!r})") from error


def _check(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    if before.get("schema") != SCHEMA:
        raise ComparisonError(f"it is no {SCHEMA} document: `jouleline bound --format json` writes one")
    for key, option in (("device", "--gpu"), ("args", "--args")):
        if before.get(key) != after[key]:
            raise ComparisonError(
                f"it is for {option} {before.get(key)!r} and this for {after[key]!r}: give the same {option}"
            )


def _numbered(kernels: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, int], Mapping[str, Any]]:
    found: dict[tuple[str, str, int], Mapping[str, Any]] = {}
    seen: dict[tuple[str, str], int] = {}
    for kernel in kernels:
        name = kernel["file"], kernel["name"]
        seen[name] = seen.get(name, 0) + 1
        found[*name, seen[name]] = kernel
    return found


def bound_words(kernel: Mapping[str, Any]) -> str:
    """``compute-bound (dp)``, of a kernel as ``jouleline/bound/1`` has it."""
    driver = f" ({kernel['driver']})" if kernel["driver"] else ""
    return f"{kernel['bound']}-bound{driver}"


def changes_json(changes: Sequence[BoundChange]) -> list[dict[str, Any]]:
    """The field ``changes`` of ``jouleline/bound/1``."""
    return [
        {
            "name": one.name,
            "file": one.file,
            "line": one.line,
            "before": one.before,
            "after": one.after,
            "probability_compute": list(one.probabilities),
        }
        for one in changes
    ]
