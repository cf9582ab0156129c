"""What the state of the devices during a window says of its figure, in words that travel with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from jouleline.core.meter import Conditions, PowerPoint

from .trace import power_at

CLOCKS_MOVED: Final = 0.05
"""Relative difference of the highest and lowest clock under load that is worth a warning."""

_LOADED: Final = 0.5
"""Of the highest power in the window: a device that waits for work lowers its clocks, and may."""


def warnings_of(conditions: Sequence[Conditions], trace: Sequence[PowerPoint] = ()) -> tuple[str, ...]:
    """One sentence for each device and circumstance that a reader must know of.

    ``trace`` tells which moments were under load; without it all of them count.
    """
    devices = dict.fromkeys(one.device for one in conditions)
    enough = _LOADED * max((point.watts for point in trace), default=0.0)
    loaded = [one for one in conditions if not trace or power_at(trace, one.time_s) >= enough]
    return tuple(
        warning
        for device in devices
        for warning in _of_one(
            device,
            [one for one in conditions if one.device == device],
            [one for one in loaded if one.device == device],
        )
    )


def _of_one(device: str, states: Sequence[Conditions], loaded: Sequence[Conditions]) -> Iterator[str]:
    reasons = Counter(reason for state in states for reason in state.throttled)
    for reason, times in reasons.items():
        yield f"{device} was throttled ({reason}) in {times / len(states):.0%} of readings"
    most = max((state.others for state in states if state.others), default=0)
    if most:
        yield f"{device} was shared: {most} other process{'es' if most > 1 else ''} on it"
    yield from _moved(device, "core clock", loaded, lambda state: state.core_clock_hz)
    yield from _moved(device, "memory clock", loaded, lambda state: state.memory_clock_hz)


def _moved(
    device: str, what: str, states: Sequence[Conditions], clock: Callable[[Conditions], float | None]
) -> Iterator[str]:
    clocks = [hertz for hertz in map(clock, states) if hertz]
    if clocks and max(clocks) > (1 + CLOCKS_MOVED) * min(clocks):
        low, high = min(clocks) / 1e6, max(clocks) / 1e6
        yield f"{device}'s {what} moved between {low:.0f} and {high:.0f} MHz under load"
