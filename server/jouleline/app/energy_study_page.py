"""An energy study as a page: pass@k and energy-reduction@k by setting, and every program."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from jouleline import __version__
from jouleline.core.energy_study import SettingScore, Trial
from jouleline.core.interval import Estimate

from .energy_study import scores_of
from .page import figure, heading, page, paragraph, table
from .plots import Curve, at_k_plot

_PUBLISHED: Final = (
    "LASSI-EE (arXiv 2505.02184) reports an energy-reduction@k of 29% at k = 1 with 81% passing and 48% at "
    "k = 3 with 97% passing, on GPUs: not to be compared unless suite and meter are alike."
)


def study_page(trials: Sequence[Trial], model: str | None) -> str:
    """The HTML of a study."""
    scores = scores_of(trials)
    programs = len({trial.program for trial in trials})
    provenance = sorted({trial.provenance for trial in trials if trial.provenance})
    reductions = [_curve(one, one.reduction_at) for one in scores]
    passing = [_curve(one, one.pass_at) for one in scores]
    body = [
        heading("Energy study", 1),
        paragraph(
            f"{programs} programs, {len(trials)} trials; {f'model {model}' if model else 'no model'}. "
            f"Energy {', '.join(provenance) or 'not measured: no edit was found'}. Jouleline {__version__}."
        ),
        _overview(scores),
        paragraph(
            "pass@k: the chance that one of k candidates passes every gate. energy-reduction@k: the expected "
            "share of the baseline's energy that the best of k saves, failures counted as 0; what was not "
            "run counts nowhere. Conditional: "
            "the mean reduction of candidates that passed. Means over programs, with 95% t intervals over "
            f"programs. {_PUBLISHED}",
            "note",
        ),
        '<div class="figures">',
        figure(at_k_plot("energy-reduction@k, %", reductions), "What the best of k candidates saves"),
        figure(at_k_plot("pass@k, %", passing), "How often one of k candidates passes"),
        "</div>",
    ]
    for score in scores:
        body += [heading(score.setting), _programs(score)]
        if score.failures:
            told = ", ".join(f"{name} {count}" for name, count in sorted(score.failures.items()))
            body.append(paragraph(f"Trials without an edit, by what ended them: {told}."))
    body += [heading("Trials"), _trials(trials)]
    return page("Energy study", body)


def _curve(score: SettingScore, estimates: Sequence[Estimate]) -> Curve:
    return Curve(
        score.setting,
        [one.value for one in estimates],
        [one.low for one in estimates],
        [one.high for one in estimates],
    )


def _overview(scores: Sequence[SettingScore]) -> str:
    titles = (
        "setting",
        "candidates",
        "pass@1",
        "pass@n",
        "reduction@1",
        "reduction@n",
        "conditional",
        "time, s",
        "tokens",
    )
    rows = [
        (
            score.setting,
            len(score.pass_at),
            percent(score.pass_at[0]),
            percent(score.pass_at[-1]),
            percent(score.reduction_at[0]),
            percent(score.reduction_at[-1]),
            percent(score.conditional) if score.conditional else None,
            round(score.wall_s),
            score.tokens,
        )
        for score in scores
    ]
    return table(titles, rows)


def percent(estimate: Estimate) -> str:
    """``29% [21, 37]``; without the interval where one program gave the figure."""
    around = f" [{100 * estimate.low:.0f}, {100 * estimate.high:.0f}]" if math.isfinite(estimate.low) else ""
    return f"{100 * estimate.value:.1f}%{around}"


def _programs(score: SettingScore) -> str:
    rows = [
        (
            one.program,
            one.tried,
            one.passed,
            f"{100 * one.reduction_at[0]:.1f}%",
            f"{100 * one.reduction_at[-1]:.1f}%",
            f"{100 * one.conditional:.1f}%" if one.conditional is not None else None,
        )
        for one in score.programs
    ]
    return table(("program", "tried", "passed", "reduction@1", "reduction@n", "conditional"), rows)


def _trials(trials: Sequence[Trial]) -> str:
    rows = [
        (
            one.program,
            one.setting,
            one.failure or "edit",
            one.number + 1,
            f"{100 * one.reduction:.1f}%",
            _interval(one),
            one.wall_s,
            one.tokens,
        )
        for one in trials
    ]
    titles = ("program", "setting", "outcome", "draw", "reduction", "95% interval", "s", "tokens")
    return table(titles, rows, 3)


def _interval(trial: Trial) -> str | None:
    if trial.low is None or trial.high is None:
        return None
    return f"[{100 * trial.low:.1f}, {100 * trial.high:.1f}]"
