"""How often the counter and the power readings move, what a reading costs, and the meter's self-test."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from statistics import median
from typing import Final

from .bench import Bench
from .results import COMPUTED, Claim, Figure, Findings

_WATCH_S: Final = 4.0
_WARM_S: Final = 2.0


def check_counter(bench: Bench) -> Findings:
    """Watch each reading as fast as it answers, idle and under load."""
    found = Findings()
    _watch_all(bench, "idle", found)
    with bench.loaded("fma", str(1000 * bench.scale)):
        time.sleep(_WARM_S * bench.scale)
        _watch_all(bench, "load", found)
    info = bench.meter.info
    if info.period_s is not None:
        found.figures.append(Figure("period by the self-test", 1e3 * info.period_s, "ms"))
    found.figures.append(Figure("shortest sound window", info.window_s, "s", provenance=COMPUTED))
    found.claims.append(Claim("the meter's self-test accepts this device", holds=True))
    found.notes += [info.note, *info.labels, f"load: {bench.load_name()}"]
    return found


def _watch_all(bench: Bench, state: str, found: Findings) -> None:
    source = bench.source()

    def joules() -> float | None:
        parts = source.energy()
        return None if parts is None else sum(part.energy_j for part in parts)

    try:
        readings = {
            "energy counter": joules,
            "instant power": source.power,
            "average power": source.average_power,
        }
        for name, read in readings.items():
            bench.say(f"{name}, {state}")
            if read() is None:
                found.notes.append(f"{name}: this device has none")
            else:
                found.figures += _watch(f"{name}, {state}", read, _WATCH_S * bench.scale)
    finally:
        source.close()


def _watch(name: str, read: Callable[[], float | None], seconds: float) -> list[Figure]:
    moved: list[tuple[float, float]] = []
    reads = 0
    begun = now = time.perf_counter()
    last = read()
    while now - begun < seconds:
        value = read()
        now = time.perf_counter()
        reads += 1
        if value != last and value is not None:
            moved.append((now, value))
            last = value
    figures = [Figure(f"{name}: cost of a reading", 1e6 * (now - begun) / reads, "us")]
    # The first movement closes an interval whose beginning was not seen.
    periods = [1e3 * (later - earlier) for (earlier, _), (later, _) in pairwise(moved)]
    figures.append(Figure(f"{name}: movements", len(moved), "1"))
    if periods:
        figures += [
            Figure(f"{name}: median time between movements", median(periods), "ms"),
            Figure(f"{name}: shortest time between movements", min(periods), "ms"),
            Figure(f"{name}: longest time between movements", max(periods), "ms"),
        ]
        if name.startswith("energy"):
            (first_s, first_j), (last_s, last_j) = moved[0], moved[-1]
            steps = [1e3 * (later - earlier) for (_, earlier), (_, later) in pairwise(moved)]
            figures.append(Figure(f"{name}: smallest step", min(steps), "mJ"))
            watts = (last_j - first_j) / (last_s - first_s)
            figures.append(Figure(f"{name}: power", watts, "W", provenance=COMPUTED))
    return figures
