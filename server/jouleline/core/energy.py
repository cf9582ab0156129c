"""Comparing the energy of two programs: blocks, intervals, looks and the verdict.

Everything here is arithmetic on samples that a meter took; the protocol is explained, with its
simulated error rates, in docs/energy.md.

A block holds two windows of the baseline A and two of the candidate B in the order ABBA or BAAB, so
that a linear drift (warming, a neighbour's load) cancels within it. Each block yields one number, the
logarithm of B's energy per run over A's, and the numbers of all blocks a Student t interval.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Generic

from .cautions import arm_cautions, cautions
from .idle import Idle
from .interval import SHOWN_ALPHA, Estimate, amount_interval, t_interval
from .meter import EnergySample, MeterInfo, Origin, Provenance

LOOKS: Final = (5, 8, 12, 20)
"""After how many blocks the data may be looked at for a verdict (group-sequential design)."""

LOOK_ALPHA: Final = 0.0158
"""Two-sided level of each look, so that all looks together have about 5%.

It is the constant of Pocock (Biometrika 64:191, 1977) for five equally spaced looks; for these four
uneven ones on Student t intervals the total was found by simulation (docs/energy.md)."""

MINIMUM_EFFECT: Final = 0.01
"""The relative change (delta) below which a difference is of no use to anybody, even if it is real."""

CONTROL_BLOCKS: Final = 3
"""The fewest blocks of a program against itself that give a noise floor: two have an interval so wide
that no change would ever exceed it."""

LARGEST_UNCHANGED: Final = 0.10
"""The largest change (relative) that may be called none. A machine on which a program differs from itself by
more cannot show that anything is unchanged, only that a change is larger still."""

_WORSE_BLOCKS: Final = 3
_WORSE_ALPHA: Final = 0.002


class MixedMetersError(ValueError):
    """Figures of different meters, or modelled and measured ones, were about to be compared."""


class EnergyVerdict(StrEnum):
    """What a comparison says of the candidate."""

    IMPROVED = "improved"
    REGRESSED = "regressed"
    NO_CHANGE = "no significant change"
    INCONCLUSIVE = "inconclusive"


class Arm(StrEnum):
    """The two programs that are compared."""

    BASELINE = "A"
    CANDIDATE = "B"


_ABBA: Final = (Arm.BASELINE, Arm.CANDIDATE, Arm.CANDIDATE, Arm.BASELINE)
_BAAB: Final = (Arm.CANDIDATE, Arm.BASELINE, Arm.BASELINE, Arm.CANDIDATE)


def block_orders(chance: random.Random) -> Iterator[tuple[Arm, ...]]:
    """An endless sequence of ABBA and BAAB, each as likely as the other."""
    while True:
        yield _ABBA if chance.random() < 0.5 else _BAAB


# A quantity is of one sample, so its kind does not matter.
Quantity = Callable[[EnergySample[Any]], float]


def joules(sample: EnergySample[Any]) -> float:
    """Energy of one run, J."""
    return sample.energy_j / sample.runs


def seconds(sample: EnergySample[Any]) -> float:
    """Wall time of one run, s."""
    return sample.wall_s / sample.runs


def watts(sample: EnergySample[Any]) -> float:
    """Average power, W."""
    return sample.energy_j / sample.wall_s


def joule_seconds(sample: EnergySample[Any]) -> float:
    """Energy-delay product of one run, J s."""
    return joules(sample) * seconds(sample)


@dataclass(frozen=True, slots=True)
class Summary:
    """What one run of a program takes: the mean over windows with 95% t intervals, none of it below 0.

    ``joules`` J, ``seconds`` s, ``watts`` W, ``joule_seconds`` (energy-delay product) J s;
    ``net_joules`` J is net of idle power, None where that is not known or leaves nothing.
    """

    joules: Estimate
    seconds: Estimate
    watts: Estimate
    joule_seconds: Estimate
    net_joules: Estimate | None = None


def summarise(samples: Sequence[EnergySample[Origin]], idle: Idle[Origin] | None = None) -> Summary:
    """Summarise windows of one program.

    Raises:
        ValueError: when there are no samples.
        MixedMetersError: when some windows are measured and others modelled.
    """
    _require_one_origin(one.origin for one in (*samples, *(idle.windows if idle is not None else ())))

    def over(quantity: Quantity) -> Estimate:
        return amount_interval([quantity(sample) for sample in samples])

    net = None
    if idle is not None:
        net = over_idle_levels(idle, lambda level_w: over(net_of(level_w)))
    return Summary(
        over(joules),
        over(seconds),
        over(watts),
        over(joule_seconds),
        net if net is not None and net.value > 0 else None,
    )


def net_of(idle_w: float) -> Quantity:
    """Energy of one run beyond what the devices use anyway (``idle_w`` W for as long as it takes), J."""
    return lambda sample: (sample.energy_j - idle_w * sample.wall_s) / sample.runs


def over_idle_levels(idle: Idle[Any], figure: Callable[[float], Estimate]) -> Estimate:
    """A figure at the mean idle power (W), its interval so wide as to hold those at both levels seen."""
    ends = [figure(watts) for watts in idle.levels_w]
    return Estimate(figure(idle.watts).value, min(one.low for one in ends), max(one.high for one in ends))


@dataclass(frozen=True, slots=True)
class Block(Generic[Origin]):
    """Two windows of each program, in the order in which they were taken.

    Raises:
        MixedMetersError: when some windows are measured and others modelled.
    """

    windows: tuple[tuple[Arm, EnergySample[Origin]], ...]

    def __post_init__(self) -> None:
        """Refuse a mixture that got past the types."""
        _require_one_origin(sample.origin for _, sample in self.windows)

    @property
    def order(self) -> str:
        """``ABBA`` or ``BAAB``."""
        return "".join(arm for arm, _ in self.windows)

    def samples(self, arm: Arm) -> tuple[EnergySample[Origin], ...]:
        """The windows of one of the programs."""
        return tuple(sample for owner, sample in self.windows if owner is arm)

    def log_ratio(self, quantity: Quantity = joules) -> float:
        """Natural logarithm of the candidate's quantity over the baseline's."""
        candidate = quantity(_pooled(self.samples(Arm.CANDIDATE)))
        return math.log(candidate / quantity(_pooled(self.samples(Arm.BASELINE))))


def _pooled(windows: Sequence[EnergySample[Origin]]) -> EnergySample[Origin]:
    return EnergySample(
        origin=windows[0].origin,
        energy_j=math.fsum(window.energy_j for window in windows),
        wall_s=math.fsum(window.wall_s for window in windows),
        cpu_s=math.fsum(window.cpu_s for window in windows),
        runs=sum(window.runs for window in windows),
    )


def log_ratio_interval(
    blocks: Sequence[Block[Origin]], quantity: Quantity = joules, alpha: float = SHOWN_ALPHA
) -> Estimate:
    """Mean and t interval of the blocks' log ratios."""
    return t_interval([block.log_ratio(quantity) for block in blocks], alpha)


def ratio(
    blocks: Sequence[Block[Origin]], quantity: Quantity = joules, alpha: float = SHOWN_ALPHA
) -> Estimate:
    """The candidate's quantity over the baseline's: geometric mean over blocks, with interval."""
    return log_ratio_interval(blocks, quantity, alpha).mapped(_exp)


def _exp(value: float) -> float:
    return math.exp(value) if value < math.inf else math.inf


def noise_floor(blocks: Sequence[Block[Origin]]) -> float:
    """The relative change that a program shows against itself (blocks of an A/A comparison).

    It is the end of the 95% interval that is farther from no change; where it exceeds
    :data:`MINIMUM_EFFECT` it should take its place as ``delta``. Beyond :data:`LARGEST_UNCHANGED` it still
    bounds what is called a change, but says no longer what is none.
    """
    interval = log_ratio_interval(blocks)
    return _exp(max(abs(interval.low), abs(interval.high))) - 1


def decide(
    blocks: Sequence[Block[Origin]], *, delta: float = MINIMUM_EFFECT, final: bool = False
) -> EnergyVerdict | None:
    """The verdict after these blocks, or None: take more.

    Only at one of the :data:`LOOKS` is there a verdict, for looking after every block would call one in
    five unchanged programs changed; with one exception, which cannot make a candidate look good: from
    three blocks on a candidate that is worse beyond reasonable doubt is *regressed*.

    ``final`` says that there will be no further block (the budget is spent, say). That counts as a look
    if there are as many blocks as for the first, and is inconclusive otherwise.
    """
    count = len(blocks)
    if count >= _WORSE_BLOCKS:
        doubtless = log_ratio_interval(blocks, alpha=_WORSE_ALPHA)
        if doubtless.low > math.log1p(delta):
            return EnergyVerdict.REGRESSED
    last = final or count >= LOOKS[-1]
    if not last and count not in LOOKS:
        return None
    if count < LOOKS[0]:
        return EnergyVerdict.INCONCLUSIVE
    verdict = _verdict(log_ratio_interval(blocks, alpha=LOOK_ALPHA), math.log1p(delta))
    return verdict if last or verdict is not EnergyVerdict.INCONCLUSIVE else None


def _verdict(log_ratio: Estimate, margin: float) -> EnergyVerdict:
    if log_ratio.excludes(0.0) and abs(log_ratio.value) >= margin:
        return EnergyVerdict.IMPROVED if log_ratio.value < 0 else EnergyVerdict.REGRESSED
    unchanged = min(margin, math.log1p(LARGEST_UNCHANGED))
    if log_ratio.within(-unchanged, unchanged):
        return EnergyVerdict.NO_CHANGE
    return EnergyVerdict.INCONCLUSIVE


def next_look(count: int) -> int:
    """After how many blocks the next look is, if ``count`` have been taken."""
    return next((look for look in LOOKS if look > count), LOOKS[-1])


@dataclass(frozen=True, slots=True)
class Comparison(Generic[Origin]):
    """A finished comparison of a candidate with a baseline, from one meter.

    Ratios are the candidate's figure over the baseline's; below 1 is less. Their intervals are taken at
    the looks' own level, so that they hold the true ratio in 95% of comparisons although these stop when
    the data look good. The verdict rests on energy alone, gross of idle.

    ``delta`` is the relative change that had to be shown: what was asked for, or the noise floor of
    ``control`` (blocks of the baseline against itself) where that is larger.
    """

    meter: MeterInfo[Origin]
    blocks: tuple[Block[Origin], ...]
    delta: float
    verdict: EnergyVerdict
    idle: Idle[Origin] | None = None
    control: tuple[Block[Origin], ...] = ()

    def __post_init__(self) -> None:
        """Refuse a mixture that got past the types."""
        _require_one_origin(
            (
                self.meter.origin,
                *(one.origin for block in (*self.blocks, *self.control) for _, one in block.windows),
                *(one.origin for one in (self.idle.windows if self.idle is not None else ())),
            )
        )

    @property
    def energy_ratio(self) -> Estimate:
        """Energy-to-solution ratio."""
        return ratio(self.blocks, joules, LOOK_ALPHA)

    @property
    def net_energy_ratio(self) -> Estimate | None:
        """Ratio of energy net of idle power; None where that is not known or leaves nothing."""
        if self.idle is None:
            return None
        pooled = [_pooled(block.samples(arm)) for block in self.blocks for arm in Arm]
        if any(net_of(watts)(one) <= 0 for one in pooled for watts in self.idle.levels_w):
            return None
        return over_idle_levels(self.idle, lambda level_w: ratio(self.blocks, net_of(level_w), LOOK_ALPHA))

    @property
    def noise_floor(self) -> float | None:
        """The relative change that the baseline showed against itself; None without a control."""
        return noise_floor(self.control) if len(self.control) >= CONTROL_BLOCKS else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of any of the figures must know, one sentence each."""
        windows = [one for block in (*self.control, *self.blocks) for _, one in block.windows]
        floor = self.noise_floor or 0.0
        noisy = (
            f"the baseline differs from itself by up to {floor:.0%}, so smaller changes are not told from "
            "noise; measure on a machine with less else to do, or longer runs"
        )
        return (
            *((noisy,) if floor > LARGEST_UNCHANGED else ()),
            *cautions(self.meter, windows, self.idle),
            *arm_cautions(self.samples(Arm.BASELINE), self.samples(Arm.CANDIDATE)),
        )

    @property
    def time_ratio(self) -> Estimate:
        """Wall time ratio."""
        return ratio(self.blocks, seconds, LOOK_ALPHA)

    @property
    def power_ratio(self) -> Estimate:
        """Average power ratio."""
        return ratio(self.blocks, watts, LOOK_ALPHA)

    @property
    def energy_delay_ratio(self) -> Estimate:
        """Energy-delay product ratio."""
        return ratio(self.blocks, joule_seconds, LOOK_ALPHA)

    @property
    def reduction(self) -> Estimate:
        """The share of the baseline's energy that is saved; negative when more is used."""
        kept = self.energy_ratio
        return Estimate(1 - kept.value, 1 - kept.high, 1 - kept.low)

    def samples(self, arm: Arm) -> tuple[EnergySample[Origin], ...]:
        """All windows of one of the programs, in the order in which they were taken."""
        return tuple(sample for block in self.blocks for sample in block.samples(arm))

    def summary(self, arm: Arm) -> Summary:
        """What one run of one of the programs takes."""
        return summarise(self.samples(arm), self.idle)


def require_same_meter(meters: Iterable[MeterInfo[Any]]) -> None:
    """Make sure that figures of these meters may stand in one comparison.

    Raises:
        MixedMetersError: when they differ in name, device, or in being modelled.
    """
    kinds = {(meter.name, meter.device, meter.modelled) for meter in meters}
    if len(kinds) > 1:
        named = " and ".join(
            f"{'modelled' if modelled else 'measured'} joules of {name} ({device})"
            for name, device, modelled in sorted(kinds)
        )
        raise MixedMetersError(f"cannot compare {named}; repeat one of them with the other's meter")


def _require_one_origin(origins: Iterable[type[Provenance]]) -> None:
    words = sorted({origin.word for origin in origins})
    if len(words) > 1:
        raise MixedMetersError(f"{' and '.join(words)} joules cannot be compared; use one meter for both")
