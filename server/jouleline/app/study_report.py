"""The figures of a roofline study as the document ``jouleline/study-roofline/1``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeVar

from jouleline import __version__
from jouleline.core.calibration import calibration
from jouleline.core.count_errors import count_errors
from jouleline.core.counts import Evidence
from jouleline.core.device import Device
from jouleline.core.roofline import BoundKind
from jouleline.core.scores import Outcome, balanced_subsets, confusion, intervals
from jouleline.core.spreads import Comparison, Spreads, measure_spreads

from .labels import LabelledKernel
from .study import COUNTED, Answer, Reply, Scenario
from .study_groups import groups

SCHEMA: Final = "jouleline/study-roofline/1"
WORST: Final = 25
"""Misses that the report shows."""
_FARTHEST: Final = 12.0
_T = TypeVar("_T")


@dataclass(frozen=True)
class Judged:
    """A reply beside the truth."""

    label: LabelledKernel
    reply: Reply

    @property
    def compute(self) -> bool:
        """Whether the kernel is compute-bound."""
        return self.label.kind is BoundKind.COMPUTE

    @property
    def right(self) -> bool:
        """Whether the answer is right; no answer is a wrong one."""
        return self.reply.answer is not None and self.reply.answer.compute == self.compute

    @property
    def outcome(self) -> Outcome:
        """What the scores need of it."""
        kernel = self.label.kernel
        answer = self.compute if self.right else not self.compute
        return Outcome(self.compute, answer, kernel.base, kernel.program, str(kernel.language))

    @property
    def counts_of_its_own(self) -> Answer | None:
        """The answer, if it rests on counts that its evidence gives."""
        answer = self.reply.answer
        return answer if answer is not None and answer.evidence != Evidence.MODEL else None


@dataclass(frozen=True)
class ScenarioResult:
    """A scenario with the replies to all labels, or the reason why it was not run."""

    scenario: Scenario
    judged: tuple[Judged, ...] = ()
    seconds: float = 0.0
    unavailable: str = ""


def study_json(
    results: Sequence[ScenarioResult], labels: Sequence[LabelledKernel], device: Device, notes: Sequence[str]
) -> dict[str, Any]:
    """The whole document. Figures are shares from 0 to 1; an interval is ``[low, high]``, 95%."""
    return {
        "schema": SCHEMA,
        "version": __version__,
        "device": device.id,
        "labels": {
            "kernels": len(labels),
            "programs": len({label.kernel.program for label in labels}),
            "base_programs": len({label.kernel.base for label in labels}),
            "compute": sum(label.kind is BoundKind.COMPUTE for label in labels),
        },
        "notes": list(notes),
        "scenarios": [_scenario_json(result, device) for result in results],
    }


def _scenario_json(result: ScenarioResult, device: Device) -> dict[str, Any]:
    about = {"name": result.scenario.name, "title": result.scenario.title, "setting": result.scenario.setting}
    if result.unavailable:
        return {**about, "unavailable": result.unavailable}
    judged = result.judged
    own = [(one.label, answer) for one in judged if (answer := one.counts_of_its_own) is not None]
    answered = [one for one in judged if one.reply.answer is not None]
    chances = [one.reply.answer.probability_compute for one in answered if one.reply.answer is not None]
    reliability = calibration(chances, [one.compute for one in answered])
    return {
        **about,
        "seconds": round(result.seconds, 3),
        "kernels": len(judged),
        "answered": len(answered),
        "scores": _by(judged, _language_of, _scores_json),
        "scores_by_evidence": _by(judged, _evidence_of, _scores_json),
        "subsets": _by(judged, _language_of, _subsets_json),
        "count_errors": _by(own, lambda pair: str(pair[0].kernel.language), _count_errors_json),
        "calibration": asdict(reliability) if reliability else None,
        "groups": _groups_json(judged, device),
        "worst": [_kernel_json(one) for one in worst(judged)[:WORST]],
        "unanswered": [
            {**_name_json(one.label), "reason": one.reply.reason}
            for one in judged
            if one.reply.answer is None
        ],
        "answers": [_kernel_json(one) for one in judged],
    }


def _language_of(one: Judged) -> str:
    return str(one.label.kernel.language)


def _evidence_of(one: Judged) -> str:
    return one.reply.answer.evidence if one.reply.answer else "none"


def _by(
    items: Sequence[_T], key: Callable[[_T], str], figures: Callable[[Sequence[_T]], Any]
) -> dict[str, Any]:
    """Figures of all items, and of each value of the key that occurs."""
    if not items:
        return {}
    values = sorted({key(item) for item in items})
    return {"all": figures(items)} | {
        value: figures([item for item in items if key(item) == value]) for value in values
    }


def _scores_json(judged: Sequence[Judged]) -> dict[str, Any]:
    outcomes = [one.outcome for one in judged]
    return {
        "confusion": asdict(confusion(outcomes)),
        **{
            name: {"value": _rounded(one.value), "interval": _interval(one.low, one.high)}
            for name, one in intervals(outcomes).items()
        },
    }


def _interval(low: float | None, high: float | None) -> list[float | None] | None:
    return None if low is None or high is None else [_rounded(low), _rounded(high)]


def _subsets_json(judged: Sequence[Judged]) -> dict[str, Any] | None:
    found = balanced_subsets(one.outcome for one in judged)
    if found is None:
        return None
    return {
        "accuracy": _rounded(found.mean),
        "deviation": _rounded(found.deviation),
        "interval": _interval(found.low, found.high),
        "kernels": found.kernels,
        "draws": found.draws,
    }


def _count_errors_json(pairs: Sequence[tuple[LabelledKernel, Answer]]) -> dict[str, Any]:
    figures = {
        str(one): count_errors(
            (answer.operations[str(one)], label.counts.operations[one]) for label, answer in pairs
        )
        for one in COUNTED
    }
    figures["dram_bytes"] = count_errors(
        (answer.dram_bytes, label.counts.dram_bytes) for label, answer in pairs
    )
    return {
        name: {key: _rounded(value) for key, value in asdict(errors).items()}
        for name, errors in figures.items()
    }


def spreads(results: Iterable[ScenarioResult]) -> Spreads:
    """How far each kind of evidence's own counts are from the measured ones."""
    return measure_spreads(
        Comparison(
            Evidence(answer.evidence),
            answer.doubt,
            {**answer.operations, "dram_bytes": answer.dram_bytes},
            {
                **{str(one): one_label.counts.operations[one] for one in COUNTED},
                "dram_bytes": one_label.counts.dram_bytes,
            },
        )
        for result in results
        for judged in result.judged
        for answer, one_label in [(judged.counts_of_its_own, judged.label)]
        if answer is not None and answer.evidence == result.scenario.evidence != Evidence.PROFILE
    )


def _groups_json(judged: Sequence[Judged], device: Device) -> list[dict[str, Any]]:
    members: dict[str, dict[str, list[Judged]]] = {}
    for one in judged:
        for dimension, value in groups(one.label, one.reply.answer, device).items():
            members.setdefault(dimension, {}).setdefault(value, []).append(one)
    found = []
    for dimension, values in members.items():
        for value, inside in sorted(values.items()):
            cells = confusion(one.outcome for one in inside)
            found.append(
                {
                    "dimension": dimension,
                    "value": value,
                    "kernels": cells.kernels,
                    "errors": sum(not one.right for one in inside),
                    "compute": cells.compute,
                    "recall_compute": _rounded(cells.recall_compute),
                    "bandwidth": cells.bandwidth,
                    "recall_bandwidth": _rounded(cells.recall_bandwidth),
                }
            )
    return found


def worst(judged: Iterable[Judged]) -> list[Judged]:
    """The wrong answers that are farthest from the truth, the farthest first."""

    def distance(one: Judged) -> float:
        said = one.reply.answer.margin_log2 if one.reply.answer else 0.0
        return abs(_cut(one.label.margin_log2) - _cut(said))

    wrong = [one for one in judged if not one.right and one.reply.answer is not None]
    return sorted(wrong, key=lambda one: (-distance(one), one.label.kernel.program, one.label.kernel.display))


def _cut(margin: float) -> float:
    """Beyond a factor of 4096 it makes no difference how far off an answer is."""
    return max(-_FARTHEST, min(_FARTHEST, margin))


def _name_json(label: LabelledKernel) -> dict[str, Any]:
    kernel = label.kernel
    return {
        "program": kernel.program,
        "kernel": kernel.display,
        "language": str(kernel.language),
        "file": kernel.file,
        "line": kernel.line,
    }


def _kernel_json(one: Judged) -> dict[str, Any]:
    label, answer = one.label, one.reply.answer
    return {
        **_name_json(label),
        "right": one.right,
        "measured": {
            "bound": str(label.kind),
            "driver": str(label.driver) if label.driver else None,
            "margin_log2": _rounded(label.margin_log2),
            "operations": {str(kind): _rounded(amount) for kind, amount in label.counts.operations.items()},
            "dram_bytes": _rounded(label.counts.dram_bytes),
        },
        "answer": None if answer is None else _answer_json(answer),
    }


def _answer_json(answer: Answer) -> dict[str, Any]:
    return {
        "place": answer.place,
        "evidence": answer.evidence,
        "bound": str(BoundKind.COMPUTE if answer.compute else BoundKind.BANDWIDTH),
        "driver": answer.driver,
        "probability_compute": _rounded(answer.probability_compute),
        "margin_log2": _rounded(answer.margin_log2),
        "operations": {kind: _rounded(amount) for kind, amount in answer.operations.items()},
        "dram_bytes": _rounded(answer.dram_bytes),
        "grid": list(answer.grid),
        "block": list(answer.block),
        "assumptions": list(answer.assumptions),
    }


def _rounded(value: float | None) -> float | None:
    return value if value is None or isinstance(value, int) else float(f"{value:.5g}")
