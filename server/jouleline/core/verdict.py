"""Accept or reject a candidate: what each gate found, in the order in which they were tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

SCHEMA: Final = "jouleline/verify/1"


@dataclass(frozen=True, slots=True)
class GateResult:
    """What one gate found. ``reason`` is one sentence for people, whether it passed or not.

    ``warning`` marks a gate that lets the candidate pass but could not prove what it is there to
    prove. ``detail`` holds further lines, such as what the compiler said; often empty.
    """

    name: str
    passed: bool
    reason: str
    seconds: float = 0.0
    warning: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gates that were tried, cheapest first; after the first that fails none is tried."""

    gates: tuple[GateResult, ...]

    @property
    def accepted(self) -> bool:
        """Whether every gate passed; a candidate that met no gate is not accepted."""
        return bool(self.gates) and self.failed is None

    @property
    def failed(self) -> GateResult | None:
        """The first gate that did not pass; None if there is none."""
        return next((gate for gate in self.gates if not gate.passed), None)

    @property
    def warnings(self) -> tuple[GateResult, ...]:
        """The gates that passed but say what they could not prove."""
        return tuple(gate for gate in self.gates if gate.warning)

    def __add__(self, gate: GateResult) -> Verdict:
        """This verdict with one more gate."""
        return Verdict((*self.gates, gate))


def verdict_json(verdict: Verdict) -> Mapping[str, Any]:
    """The document ``jouleline/verify/1``."""
    return {
        "schema": SCHEMA,
        "accepted": verdict.accepted,
        "gates": gates_json(verdict),
    }


def gates_json(verdict: Verdict) -> list[Mapping[str, Any]]:
    """Each gate that was tried, in order; ``seconds`` is how long it took."""
    return [
        {
            "name": gate.name,
            "passed": gate.passed,
            "reason": gate.reason,
            "seconds": round(gate.seconds, 3),
            "warning": gate.warning,
            "detail": gate.detail,
        }
        for gate in verdict.gates
    ]


def verdict_of(gates: Sequence[Mapping[str, Any]]) -> Verdict:
    """The verdict that :func:`gates_json` wrote."""
    return Verdict(tuple(GateResult(**gate) for gate in gates))
