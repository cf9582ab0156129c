"""The energy of a whole node as far as its meters see it: GPUs and processors together."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace

from jouleline.core.meter import EnergySample, Measured, Meter, MeterError, MeterInfo
from jouleline.core.ports import Completed

from .readings import Clock
from .trace import moved, summed


class NodeMeter:
    """Sums ``meters`` that measure different devices; what none of them sees is not in the sum.

    The first meter begins last and ends first, so that its window lies within the others'. These are
    longer by the time that the meters between took to see a movement of their counters: a period at
    each end.
    """

    def __init__(self, meters: Sequence[Meter[Measured]], clock: Clock = time.monotonic) -> None:
        """Take over the meters, which are closed with this one.

        Raises:
            ValueError: when there are fewer than two, or one of them does not measure.
        """
        if len(meters) < 2:
            raise ValueError(f"a node's energy is the sum of two meters or more, not of {len(meters)}")
        modelled = [meter.info.name for meter in meters if meter.info.modelled]
        if modelled:
            raise ValueError(f"{modelled[0]} models energy: it cannot be summed with measured joules")
        self._meters = tuple(meters)
        self._clock = clock
        self._begun_s: tuple[float, ...] = ()
        self._checked = False
        self._info = _merged([meter.info for meter in meters])

    @property
    def info(self) -> MeterInfo[Measured]:
        """What the meters are together."""
        return self._info

    def check(self) -> MeterInfo[Measured]:
        """Test each meter.

        Raises:
            MeterError: when one of them would give doubtful figures.
        """
        self._info = _merged([meter.check() for meter in self._meters])
        self._checked = True
        return self._info

    def start(self) -> None:
        """Begin a window of every meter, the last one's first.

        Raises:
            MeterError: when a source cannot be read.
        """
        if not self._checked:
            # Or the last meter's window would hold the others' self-tests.
            self.check()
        begun_s = []
        for meter in reversed(self._meters):
            meter.start()
            begun_s.append(self._clock())
        self._begun_s = tuple(reversed(begun_s))

    def stop(self, runs: Sequence[Completed], repeats: int = 1) -> EnergySample[Measured]:
        """End the windows, the first meter's first; the sum of their joules over the longest of them.

        Raises:
            MeterError: when no window was begun or one of the figures would be doubtful.
        """
        if not self._begun_s:
            raise MeterError("no window was begun")
        begun_s, self._begun_s = self._begun_s, ()
        samples = [meter.stop(runs, repeats) for meter in self._meters]
        # Times count from the beginning of the longest window, the last meter's.
        behind_s = [begun - begun_s[-1] for begun in begun_s]
        return EnergySample(
            origin=Measured,
            energy_j=math.fsum(sample.energy_j for sample in samples),
            wall_s=max(sample.wall_s for sample in samples),
            cpu_s=samples[0].cpu_s,
            runs=samples[0].runs,
            parts=tuple(part for sample in samples for part in sample.parts),
            trace=summed([moved(one.trace, by_s) for one, by_s in zip(samples, behind_s, strict=True)]),
            conditions=tuple(
                replace(one, time_s=one.time_s + by_s)
                for sample, by_s in zip(samples, behind_s, strict=True)
                for one in sample.conditions
            ),
            warnings=_once(warning for sample in samples for warning in sample.warnings),
        )

    def close(self) -> None:
        """Let go of every source, even when one of them does not let go."""
        with ExitStack() as stack:
            for meter in self._meters:
                stack.callback(meter.close)


def _merged(infos: Sequence[MeterInfo[Measured]]) -> MeterInfo[Measured]:
    periods = [info.period_s for info in infos if info.period_s is not None]
    named = " and ".join(info.name for info in infos)
    return MeterInfo(
        name="+".join(info.name for info in infos),
        device="; ".join(info.device for info in infos),
        origin=Measured,
        window_s=max(info.window_s for info in infos),
        note="; ".join(info.note for info in infos),
        period_s=max(periods, default=None),
        driver="; ".join(filter(None, (info.driver for info in infos))),
        labels=_once((f"sum of {named}: nothing else in the machine is in it", *_labels(infos))),
    )


def _labels(infos: Sequence[MeterInfo[Measured]]) -> Iterable[str]:
    # In a sum it would not be clear whose they are.
    return (f"{info.name}: {label}" for info in infos for label in info.labels)


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
