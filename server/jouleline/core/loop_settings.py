"""What the refactoring loop does: each of its stages can be switched off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """The ``[refactor]`` table of a ``jouleline.toml``; see ``docs/refactoring.md``.

    ``rules`` and ``model`` say where candidates come from; a model counts only where one is configured.
    ``candidates`` lines of thought are followed at once by the model, each for itself: with ``context``
    it is told what our own analysis knows, with ``plan`` it makes a plan first. ``rounds`` is how often
    the best program so far may be improved further, ``corrections`` how often an answer that does not
    apply, build or verify may be mended, ``judge`` whether the model is asked to review what the gates
    let through. ``temperatures`` are given to the lines of thought in turn (none: the endpoint's own).
    ``source_bytes`` is how much of a program's text is sent to a model at most.
    ``seconds`` (s) bounds the search: no round begins later. ``comment`` puts the measured figures into
    the code that is offered.
    """

    rules: bool = True
    model: bool = True
    candidates: int = 3
    context: bool = True
    plan: bool = True
    rounds: int = 2
    corrections: int = 2
    judge: bool = True
    temperatures: tuple[float, ...] = ()
    source_bytes: int = 200_000
    seconds: float | None = None
    comment: bool = False

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing.

        Raises:
            ValueError: if a number is out of its range.
        """
        for name, least in (("candidates", 1), ("rounds", 0), ("corrections", 0), ("source_bytes", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be a whole number, {least} or more")
        if any(not 0 <= one <= 2 for one in self.temperatures):
            raise ValueError("temperatures must be numbers from 0 to 2")
        if self.seconds is not None and not self.seconds > 0:
            raise ValueError("seconds must be a number above 0")


_FULL: Final = LoopSettings()

NAMED: Final[Mapping[str, LoopSettings]] = MappingProxyType(
    {
        "full": _FULL,
        # One question and its answer, as LASSI-EE's stage 1 and what people do by hand.
        "vanilla": replace(
            _FULL, rules=False, context=False, plan=False, rounds=0, corrections=0, judge=False
        ),
        "rules": replace(_FULL, model=False),
        "model": replace(_FULL, rules=False),
        "no-context": replace(_FULL, rules=False, context=False),
        "no-plan": replace(_FULL, rules=False, plan=False),
        "no-rounds": replace(_FULL, rules=False, rounds=0),
        "no-correction": replace(_FULL, rules=False, corrections=0),
        "no-judge": replace(_FULL, rules=False, judge=False),
    }
)
"""The settings that have a name: everything, LASSI-EE's vanilla baseline, and what each stage is worth.

The ablations are of ``model``, all stages without rules, so that a rule cannot hide what a stage does.
"""

FIELDS: Final = tuple(field.name for field in fields(LoopSettings))
