"""What a reader of a measurement must know: the warnings of its meter, its windows and its arms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any, Final

from .idle import Idle
from .meter import EnergySample, MeterInfo

CLOCK_TOLERANCE: Final = 0.02
"""By how much (relative) the mean core clocks of two programs may differ without a warning.

Dynamic power goes with the clock and the square of the voltage that it needs: 2% of clock is up to 6% of
power."""


def cautions(
    meter: MeterInfo[Any], samples: Iterable[EnergySample[Any]], idle: Idle[Any] | None
) -> tuple[str, ...]:
    """The meter's standing labels, the warnings of all windows and of idle, each once and in this order."""
    found = [*meter.labels, *(warning for sample in samples for warning in sample.warnings)]
    if idle is not None:
        found += [warning for window in idle.windows for warning in window.warnings]
        if idle.moved:
            before, after = idle.levels_w
            found.append(
                f"idle power moved from {before:.1f} W to {after:.1f} W over the measurement; "
                "figures net of idle are that doubtful"
            )
    return tuple(dict.fromkeys(found))


def arm_cautions(
    baseline: Sequence[EnergySample[Any]], candidate: Sequence[EnergySample[Any]]
) -> tuple[str, ...]:
    """What keeps two programs' windows from having been taken under the same conditions."""
    found = []
    throttled = _throttled(baseline), _throttled(candidate)
    for own, other, name in (
        (throttled[0], throttled[1], "baseline"),
        (throttled[1], throttled[0], "candidate"),
    ):
        if own and not other:
            reasons = ", ".join(dict.fromkeys(own))
            found.append(f"only the {name} was throttled ({reasons}): the change may be the device's")
    clocks = _clock_hz(baseline), _clock_hz(candidate)
    if clocks[0] and clocks[1] and not 1 - CLOCK_TOLERANCE <= clocks[1] / clocks[0] <= 1 + CLOCK_TOLERANCE:
        found.append(
            f"core clocks differ: {clocks[0] / 1e6:.0f} MHz with the baseline, {clocks[1] / 1e6:.0f} MHz "
            "with the candidate; part of the change may be the clock's"
        )
    return tuple(found)


def _throttled(samples: Sequence[EnergySample[Any]]) -> list[str]:
    return [reason for sample in samples for state in sample.conditions for reason in state.throttled]


def _clock_hz(samples: Sequence[EnergySample[Any]]) -> float | None:
    clocks = [
        state.core_clock_hz
        for sample in samples
        for state in sample.conditions
        if state.core_clock_hz is not None
    ]
    return fmean(clocks) if clocks else None
