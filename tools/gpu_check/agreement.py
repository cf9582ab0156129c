"""The counter against power that is polled: idle, and under steady loads for windows of several lengths."""

from __future__ import annotations

import time
from typing import Final

from jouleline.core.meter import EnergySample, Measured, MeterError

from .bench import Bench, Polled
from .results import COMPUTED, Claim, Figure, Findings

_IDLE_S: Final = 30.0
_SETTLE_S: Final = 10.0
_WARM_S: Final = 3.0
_WINDOWS_S: Final = (1.0, 2.0, 5.0, 10.0)
_LOADS: Final = {
    "fma": ("fma",),
    "stream": ("stream",),
    # A round number that polling could fall into step with, and one that it cannot.
    "gaps of 50 in 100 ms": ("gaps", "50", "50"),
    "gaps of 63 in 100 ms": ("gaps", "37", "63"),
}
_FULL_WINDOW_S: Final = 5.0
# What docs/meters.md refuses beyond; vendors state 5% for a steady load.
_STATED: Final = 0.05


def check_idle(bench: Bench) -> Findings:
    """Gross idle power."""
    found = Findings()
    time.sleep(_SETTLE_S * bench.scale)
    bench.say(f"idle for {_IDLE_S * bench.scale:g} s")
    sample, polled = _window(bench, _IDLE_S * bench.scale)
    found.figures += _figures("idle", sample, polled)
    found.notes += sample.warnings
    clocks = [one.core_clock_hz for one in sample.conditions if one.core_clock_hz is not None]
    if clocks:
        found.figures.append(Figure("idle: highest core clock", max(clocks) / 1e6, "MHz"))
    heat = [one.temperature_c for one in sample.conditions if one.temperature_c is not None]
    if heat:
        found.figures.append(Figure("idle: highest temperature", max(heat), "degrees C"))
    return found


def check_agreement(bench: Bench) -> Findings:
    """Steady loads."""
    found = Findings(notes=[f"load: {bench.load_name()}"])
    worst = 0.0
    refused = 0
    for load, (verb, *gaps) in _LOADS.items():
        with bench.loaded(verb, str(1000 * bench.scale), *gaps):
            time.sleep(_WARM_S * bench.scale)
            for seconds in _WINDOWS_S:
                name = f"{load}, {seconds * bench.scale:g} s"
                bench.say(name)
                try:
                    sample, polled = _window(bench, seconds * bench.scale)
                except MeterError as error:
                    refused += 1
                    found.notes.append(f"{name}: refused: {error}")
                    continue
                found.figures += _figures(name, sample, polled)
                instant = polled.instant_w or polled.average_w
                if instant and seconds >= _FULL_WINDOW_S:
                    worst = max(worst, abs(sample.energy_j / sample.wall_s / instant - 1))
    found.claims.append(Claim("no window of any steady load was refused", refused == 0))
    found.claims.append(
        Claim(
            f"in windows of 5 s and more, counter and polled power differ by at most {_STATED:.0%} "
            f"(largest: {worst:.1%})",
            worst <= _STATED,
        )
    )
    return found


def _window(bench: Bench, seconds: float) -> tuple[EnergySample[Measured], Polled]:
    bench.meter.start()
    with bench.polled() as means:
        time.sleep(seconds)
        polled = means()
    return bench.meter.stop([]), polled


def _figures(name: str, sample: EnergySample[Measured], polled: Polled) -> list[Figure]:
    watts = sample.energy_j / sample.wall_s
    figures = [Figure(f"{name}: power by the counter", watts, "W")]
    for kind, mean in (("instant", polled.instant_w), ("average", polled.average_w)):
        if mean is not None:
            over = f"{name}: counter over mean {kind} power"
            figures.append(Figure(over, watts / mean, "1", provenance=COMPUTED))
    return figures
