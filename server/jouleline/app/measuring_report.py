"""What the study of the protocol found: as a document, as a table, and against what it has to reach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any, Final

from jouleline.core.energy import EnergyVerdict
from jouleline.core.interval import Estimate, share_interval

from .measuring_study import EFFECTS, FIXED_BLOCKS, SETTINGS, USUAL, WORLDS, Trial
from .virtual_machine import Setting

Trials = Mapping[Setting, Sequence[Trial]]

_CHANGED: Final = (EnergyVerdict.IMPROVED, EnergyVerdict.REGRESSED)


@dataclass(frozen=True, slots=True)
class Target:
    """A share of comparisons (0 to 1) over several settings, and the ``bound`` that it has to keep."""

    name: str
    share: Estimate
    bound: float
    at_most: bool = False

    @property
    def met(self) -> bool:
        """Whether the share found is on the right side of the bound."""
        return self.share.value <= self.bound if self.at_most else self.share.value >= self.bound


def targets(found: Trials) -> tuple[Target, ...]:
    """What is asked of the protocol. Power is asked at the usual noise: nothing makes up for five percent."""
    everything = [trial for trials in found.values() for trial in trials]
    usual = {setting: trials for setting, trials in found.items() if setting.noise == USUAL.noise}
    return (
        Target("false positives", _share(_of(found, 0.0), _says(*_CHANGED)), 0.05, at_most=True),
        Target("shown interval holds the true change", _share(everything, lambda one: one.held), 0.94),
        # The hardest case, which others must not hide: only then are there looks at nothing but chance.
        Target("the same where nothing changed", _share(_of(found, 0.0), lambda one: one.held), 0.94),
        Target(
            f"95% interval of {FIXED_BLOCKS} blocks holds it",
            _share(everything, lambda one: one.held_fixed),
            0.94,
        ),
        Target("2% less is found", _share(_of(usual, -0.02), _says(EnergyVerdict.IMPROVED)), 0.95),
        Target("2% more is found", _share(_of(usual, 0.02), _says(EnergyVerdict.REGRESSED)), 0.95),
    )


def study_json(found: Trials, seed: int, trials: int) -> dict[str, Any]:
    """The document ``jouleline/measuring-study/1``: shares are of trials, errors are of logarithms."""
    return {
        "schema": "jouleline/measuring-study/1",
        "seed": seed,
        "trials": trials,
        "targets": [
            {
                "name": one.name,
                "share": one.share.value,
                "interval": [one.share.low, one.share.high],
                "at_most" if one.at_most else "at_least": one.bound,
                "met": one.met,
            }
            for one in targets(found)
        ],
        "settings": [_setting_json(setting, found[setting]) for setting in SETTINGS],
    }


def _setting_json(setting: Setting, trials: Sequence[Trial]) -> dict[str, Any]:
    counted = Counter(trial.verdict for trial in trials)
    return {
        **asdict(setting),
        "verdicts": {str(verdict): counted[verdict] / len(trials) for verdict in EnergyVerdict},
        "blocks": fmean(trial.blocks for trial in trials),
        "shown_interval_holds": _share(trials, lambda one: one.held).value,
        "interval_without_looks_holds": _share(trials, lambda one: one.held_naive).value,
        "fixed_interval_holds": _share(trials, lambda one: one.held_fixed).value,
        "mean_error": fmean(trial.error for trial in trials),
        "mean_error_fixed": fmean(trial.error_fixed for trial in trials),
    }


def study_table(document: Mapping[str, Any]) -> str:
    """The document's settings as a Markdown table, a row for each world."""
    titles = (
        *("noise", "drift", "counter", "false positives", "-2% found", "+2% found", "+5% found"),
        *("blocks (0, -2%)", "shown interval holds", "without looks", f"{FIXED_BLOCKS} blocks", "bias"),
    )
    rows = [f"| {' | '.join(titles)} |", f"|{' ---: |' * len(titles)}"]
    settings = {_key(one): one for one in document["settings"]}
    for world in WORLDS:
        none, less, more, much = (settings[_key(asdict(replace(world, effect=effect)))] for effect in EFFECTS)
        every = (none, less, more, much)
        improved, regressed = str(EnergyVerdict.IMPROVED), str(EnergyVerdict.REGRESSED)
        cells = (
            f"{world.noise:.0%}",
            str(world.drift),
            f"{world.period_s * 1e3:.0f} ms",
            f"{none['verdicts'][improved] + none['verdicts'][regressed]:.1%}",
            f"{less['verdicts'][improved]:.1%}",
            f"{more['verdicts'][regressed]:.1%}",
            f"{much['verdicts'][regressed]:.1%}",
            f"{none['blocks']:.1f}, {less['blocks']:.1f}",
            f"{fmean(one['shown_interval_holds'] for one in every):.1%}",
            f"{fmean(one['interval_without_looks_holds'] for one in every):.1%}",
            f"{fmean(one['fixed_interval_holds'] for one in every):.1%}",
            f"{fmean(one['mean_error_fixed'] for one in every):+.3%}",
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _key(setting: Mapping[str, Any]) -> tuple[Any, ...]:
    return setting["noise"], setting["drift"], setting["period_s"], setting["effect"]


def _of(found: Trials, effect: float) -> list[Trial]:
    return [trial for setting, trials in found.items() if setting.effect == effect for trial in trials]


def _says(*verdicts: EnergyVerdict) -> Callable[[Trial], bool]:
    return lambda trial: trial.verdict in verdicts


def _share(trials: Iterable[Trial], happened: Callable[[Trial], bool]) -> Estimate:
    answers = [happened(trial) for trial in trials]
    return share_interval(sum(answers), len(answers))
