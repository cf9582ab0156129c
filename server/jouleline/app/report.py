"""Put the outcome of the loop into words. Every figure says whether it was measured or modelled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from jouleline.core.candidate import Candidate
from jouleline.core.energy import LOOKS, Arm, EnergyVerdict, Summary
from jouleline.core.interval import Estimate

from .measure import EnergyComparison
from .measure_report import reason
from .outcome import Attempt, Outcome, SearchCost

_QUIETER: Final = "What varied too much from block to block a quieter machine can decide."
_LONGER: Final = (
    "What the budget ended more time can decide, `seconds` or `joules` in `[measure]` of jouleline.toml; "
    "a quieter machine needs less."
)


def provenance(energy: EnergyComparison[Any]) -> str:
    """``modelled`` or ``measured``, with the meter's name."""
    meter = energy.comparison.meter
    return f"modelled by {meter.name}" if meter.modelled else f"measured by {meter.name}"


def percent(ratio: float) -> str:
    """A ratio as a change in percent, with a sign: 0.53 is −47%."""
    change = round(100 * (ratio - 1), 1)
    sign = "\N{MINUS SIGN}" if change < 0 else "+" if change > 0 else ""
    return f"{sign}{abs(change):.1f}%".replace(".0%", "%")


def change(ratio: Estimate) -> str:
    """A ratio with its 95% interval: ``−47% (−49% to −45%)``; a single block has none."""
    if math.isinf(ratio.high):
        return f"{percent(ratio.value)} (from one block, so without an interval)"
    return f"{percent(ratio.value)} ({percent(ratio.low)} to {percent(ratio.high)})"


def headline(
    candidate: Candidate | None,
    energy: EnergyComparison[Any] | None,
    attempts: Sequence[Attempt],
    *,
    asked: bool = False,
) -> str:
    """The outcome in one line; ``asked`` says that a model was."""
    if candidate is not None and energy is not None:
        ratio = energy.comparison.energy_ratio
        figure = (
            f"{percent(ratio.value)} energy ({provenance(energy)}, 95% interval "
            f"{percent(ratio.low)} to {percent(ratio.high)})"
        )
        return "; ".join((f"{figure}: {candidate.title}", *_cautions(candidate, energy, attempts)))
    if not attempts:
        model = ", and the model proposed nothing" if asked else ""
        return f"No rewrite rule applies to this program{model}."
    refused = sum(not attempt.verdict.accepted for attempt in attempts)
    undecided = sum(_undecided(attempt) for attempt in attempts)
    tried = f"{len(attempts)} candidate{'s' if len(attempts) != 1 else ''} tried"
    counted = f"{tried}, {refused} refused by the verifier"
    if undecided:
        return (
            f"No candidate was shown to use less energy: {counted}, {undecided} undecided in the time given."
        )
    return f"No candidate was shown to use less energy: {counted}."


def _undecided(attempt: Attempt) -> bool:
    """Whether it was measured, and it could not be told what that shows."""
    return attempt.energy is not None and attempt.energy.verdict is EnergyVerdict.INCONCLUSIVE


def _cautions(candidate: Candidate, energy: EnergyComparison[Any], attempts: Sequence[Attempt]) -> list[str]:
    """What the user must know before taking the edit, in a few words each."""
    cautions = []
    if any(rewrite.rounding for rewrite in candidate.rewrites):
        cautions.append("results may differ in the last digits, within the workload's tolerance")
    if energy.warnings:
        cautions.append("measured with a warning, see the report")
    if any(_warnings(attempt) for attempt in attempts if _is_of(attempt, candidate)):
        cautions.append("verified with a warning, see the report")
    return cautions


def _is_of(attempt: Attempt, candidate: Candidate) -> bool:
    """Whether it is the attempt that gave this candidate.

    A line of thought has one name for all of its own, and a comment with the figures changes the files.
    """
    return attempt.verdict.accepted and attempt.candidate.rewrites == candidate.rewrites


def _warnings(attempt: Attempt) -> list[str]:
    return [f"{gate.name}: {gate.reason}" for gate in attempt.verdict.warnings]


def details(outcome: Outcome) -> str:
    """The outcome as a few lines of Markdown."""
    candidate, energy, attempts = outcome.candidate, outcome.energy, outcome.attempts
    lines: list[str] = []
    if candidate is not None and energy is not None:
        comparison = energy.comparison
        before, after = comparison.summary(Arm.BASELINE), comparison.summary(Arm.CANDIDATE)
        kind = "modelled" if comparison.meter.modelled else "measured"
        lines += [
            f"| a run | baseline | candidate | change (95% interval, {len(comparison.blocks)} blocks) |",
            "| --- | --- | --- | --- |",
            (
                f"| energy ({kind}) | {before.joules.value:.3g} J | {after.joules.value:.3g} J "
                f"| {change(comparison.energy_ratio)} |"
            ),
            *_net_row(before, after, comparison.net_energy_ratio),
            (
                f"| time (measured) | {before.seconds.value:.3g} s | {after.seconds.value:.3g} s "
                f"| {change(comparison.time_ratio)} |"
            ),
            (
                f"| average power ({kind}) | {before.watts.value:.3g} W | {after.watts.value:.3g} W "
                f"| {change(comparison.power_ratio)} |"
            ),
            "",
            f"Meter: {comparison.meter.name} on {comparison.meter.device}; {comparison.meter.note}.",
            "",
        ]
        lines += [f"Warning: {warning}." for warning in energy.warnings]
        lines += [""] if energy.warnings else []
        lines += [f"- line {one.line}: {one.title}. {one.rationale}" for one in candidate.rewrites]
        lines.append("")
        bounds = outcome.roofs.words() if outcome.roofs else []
        lines += ["Bounds by our analysis: " + "; ".join(bounds) + ".", ""] if bounds else []
        lines += ["Verified: " + "; ".join(_proofs(candidate, attempts)) + ".", ""]
    if attempts:
        lines.append("Tried:")
        lines += [f"- {attempt.candidate.name}: {fate(attempt)}" for attempt in attempts]
        warnings = dict.fromkeys(warning for attempt in attempts for warning in _warnings(attempt))
        lines += ["", *warnings] if warnings else []
        lines += ["", *more] if (more := _deciding(attempts)) else []
    lines += ["", cost_words(outcome.cost, energy)]
    lines += ["", *(f"Note: {note}" for note in outcome.notes)]
    return "\n".join(lines).strip()


def _deciding(attempts: Sequence[Attempt]) -> list[str]:
    """What can decide the candidates that are undecided, by what ended their measurement."""
    blocks = [len(one.energy.comparison.blocks) for one in attempts if one.energy and _undecided(one)]
    ended = {_LONGER if count < LOOKS[-1] else _QUIETER: None for count in blocks}
    return list(ended)


def _net_row(before: Summary, after: Summary, ratio: Estimate | None) -> list[str]:
    if before.net_joules is None or after.net_joules is None or ratio is None:
        return []
    figures = f"{before.net_joules.value:.3g} J | {after.net_joules.value:.3g} J"
    return [f"| energy net of idle (measured) | {figures} | {change(ratio)} |"]


def _proofs(candidate: Candidate, attempts: Sequence[Attempt]) -> list[str]:
    """How the candidate was verified, gate by gate."""
    gates = next((one.verdict.gates for one in attempts if _is_of(one, candidate)), ())
    return [f"{gate.name} ({gate.reason})" for gate in gates] or ["by no gate"]


def commented(candidate: Candidate, energy: EnergyComparison[Any]) -> Candidate:
    """The candidate with its measured figures in a comment at the top of each file that it changes."""
    ratio = energy.comparison.energy_ratio
    figure = f"{percent(ratio.value)} energy ({provenance(energy)}, 95% interval {percent(ratio.low)} to "
    line = f"// Jouleline: {figure}{percent(ratio.high)}): {candidate.title}".replace("\n", " ")
    # A backslash at the end of a comment would take the next line into it.
    text = line.rstrip("\\").encode() + b"\n"
    return replace(candidate, files={name: text + data for name, data in candidate.files.items()})


def fate(attempt: Attempt) -> str:
    """What became of one candidate, in words."""
    failed = attempt.verdict.failed
    if failed is not None:
        return f"refused at the gate {failed.name}: {failed.reason}"
    if attempt.energy is None:
        return f"could not be measured: {attempt.problem}" if attempt.problem else "verified"
    words = {
        EnergyVerdict.IMPROVED: "improved",
        EnergyVerdict.REGRESSED: "uses more energy",
        EnergyVerdict.NO_CHANGE: "no significant change",
        EnergyVerdict.INCONCLUSIVE: "inconclusive",
    }
    ratio = attempt.energy.comparison.energy_ratio
    found = f"{words[attempt.energy.verdict]}, {change(ratio)} energy, {provenance(attempt.energy)}"
    if _undecided(attempt):
        found = f"{found}: {reason(attempt.energy)}"
    return f"{found}; {attempt.problem}" if attempt.problem else found


def cost_words(cost: SearchCost, energy: EnergyComparison[Any] | None) -> str:
    """What the search took, and after how many runs of the candidate that is saved again."""
    words = [f"Search: {cost.wall_s:.0f} s"]
    if cost.answers:
        words.append(f"{cost.answers} answers of a model ({cost.tokens_in + cost.tokens_out} tokens)")
    if cost.money is not None:
        words.append(f"{cost.money:.3g} for the model at the configured prices")
    if cost.reused:
        words.append(f"{cost.reused} results from the run that was resumed")
    if cost.energy_j is not None and energy is not None:
        word = energy.comparison.meter.origin.word
        words.append(f"{cost.energy_j:.3g} J here ({word}; without the model's own)")
        saved = saved_j(energy)
        if saved > 0:
            words.append(f"paid back after {math.ceil(cost.energy_j / saved)} runs")
    return ", ".join(words) + "."


def saved_j(energy: EnergyComparison[Any]) -> float:
    """What a run of the candidate saves, J."""
    comparison = energy.comparison
    return comparison.summary(Arm.BASELINE).joules.value - comparison.summary(Arm.CANDIDATE).joules.value
