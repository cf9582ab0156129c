"""Figures with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean
from typing import Final

SHOWN_ALPHA: Final = 0.05
"""Every interval that is shown is a 95% interval."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval, at 95% unless said otherwise.

    The interval is infinitely wide when a single value gave the figure.
    """

    value: float
    low: float
    high: float

    def mapped(self, increasing: Callable[[float], float]) -> Estimate:
        """The estimate of an increasing function of the figure."""
        return Estimate(increasing(self.value), increasing(self.low), increasing(self.high))

    def not_below(self, least: float) -> Estimate:
        """The same where it is known that nothing lies below ``least``, as no energy lies below 0."""
        return Estimate(self.value, max(self.low, least), self.high)

    def excludes(self, value: float) -> bool:
        """Whether ``value`` lies outside the interval."""
        return not self.low <= value <= self.high

    def within(self, low: float, high: float) -> bool:
        """Whether the whole interval lies between ``low`` and ``high``."""
        return low <= self.low and self.high <= high


def t_interval(values: Sequence[float], alpha: float = SHOWN_ALPHA) -> Estimate:
    """The mean of ``values`` with its two-sided Student t interval at level ``1 - alpha``.

    Raises:
        ValueError: when there are no values.
    """
    if not values:
        raise ValueError("an interval needs at least one value")
    # fmean can be off by a rounding error, which for equal values would put the mean outside.
    mean = min(max(fmean(values), min(values)), max(values))
    if len(values) == 1:
        return Estimate(mean, -math.inf, math.inf)
    degrees = len(values) - 1
    variance = math.fsum((value - mean) ** 2 for value in values) / degrees
    half = _t_quantile(degrees, 1 - alpha / 2) * math.sqrt(variance / len(values))
    return Estimate(mean, mean - half, mean + half)


def amount_interval(values: Sequence[float]) -> Estimate:
    """:func:`t_interval` of what cannot be negative, such as energy or time: it begins at 0 at the least.

    Few windows that scatter have intervals that reach below, where nothing can lie.

    Raises:
        ValueError: when there are no values.
    """
    return t_interval(values).not_below(0.0)


@cache
def _t_quantile(degrees: int, probability: float) -> float:
    # Imported when first needed: it takes longer to load than the rest of the server.
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))


def share_interval(hits: int, trials: int) -> Estimate:
    """How often something happens, with the 95% interval of Wilson (J. Am. Stat. Assoc. 22:209, 1927).

    Raises:
        ValueError: when there are no trials.
    """
    if trials < 1:
        raise ValueError("a share needs at least one trial")
    share, z = hits / trials, 1.959964
    scale = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / scale
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / scale
    return Estimate(share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)))
