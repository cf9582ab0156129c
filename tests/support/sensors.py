"""Test doubles of a vendor's sensor, in a time of their own that passes only when somebody sleeps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from jouleline.core.meter import Conditions, MeterError, Part
from jouleline.core.ports import Completed
from jouleline.meters.polling import End, Step
from jouleline.meters.sensor import SensorMeter

NAME = "sensor double"


@dataclass
class World:
    """Virtual time: ``clock``, ``sleep`` and ``background`` are those of a meter in it."""

    now: float = 1000.0
    _steps: list[tuple[float, Step]] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        while self._steps and self._steps[0][0] <= until:
            due, step = self._steps.pop(0)
            self.now = max(self.now, due)
            delay = step()
            if delay is not None:
                self._steps.append((self.now + delay, step))
                self._steps.sort(key=lambda each: each[0])
        self.now = max(self.now, until)

    def background(self, step: Step) -> End:
        self._steps.append((self.now, step))

        def end() -> None:
            self._steps = [each for each in self._steps if each[1] is not step]

        return end


class RealWorld(World):
    """The time that passes by itself, for a double whose meter lives in it too."""

    def clock(self) -> float:
        return time.monotonic()


@dataclass(frozen=True)
class Load:
    """Power that changes in steps, ``(from when, s; W)`` in ascending order; the first holds before it."""

    steps: tuple[tuple[float, float], ...]

    @staticmethod
    def steady(watts: float) -> Load:
        return Load(((0.0, watts),))

    @staticmethod
    def pulsed(idle: float, busy: float, period_s: float, until_s: float, share: float = 0.5) -> Load:
        """Idle, then busy for a share of every period."""
        starts = [period_s * place for place in range(math.ceil(until_s / period_s))]
        return Load(
            tuple(
                step for start in starts for step in ((start, idle), (start + (1 - share) * period_s, busy))
            )
        )

    def watts(self, time_s: float) -> float:
        return [watts for start, watts in self.steps if start <= time_s or start == self.steps[0][0]][-1]

    def joules(self, time_s: float) -> float:
        """From the first step until ``time_s``."""
        ends = [*(start for start, _ in self.steps[1:]), math.inf]
        return math.fsum(
            watts * (min(end, time_s) - start)
            for (start, watts), end in zip(self.steps, ends, strict=True)
            if start < time_s
        )

    def __add__(self, watts: float) -> Load:
        return Load(tuple((start, was + watts) for start, was in self.steps))

    def __mul__(self, factor: float) -> Load:
        return Load(tuple((start, was * factor) for start, was in self.steps))


def as_it_is(_: float, joules: float) -> float:
    return joules


def at_rest(_: float) -> tuple[Conditions, ...]:
    return ()


@dataclass
class SensorDouble:
    """Devices under ``loads``, each with a counter that moves every ``period_s``. It is a test double.

    Times are seconds since the world began. ``counter`` distorts what a counter says, given the time and
    the true joules; ``power_factor`` what a power reading says. ``lost_s`` is when the device is lost.
    """

    world: World
    loads: Sequence[Load] = (Load.steady(100.0),)
    period_s: float = 0.02
    has_counter: bool = True
    has_power: bool = True
    has_average: bool = True
    counter: Callable[[float, float], float] = as_it_is
    power_factor: float = 1.0
    states: Callable[[float], tuple[Conditions, ...]] = at_rest
    lost_s: float = math.inf
    name: str = NAME
    device: str = "Sensor Double 1000"
    driver: str = "double 1.0"
    note: str = "measured: by a test double"
    labels: tuple[str, ...] = ()
    most_watts: float = 1000.0
    longest_gap_s: float = math.inf
    closed: int = 0
    reads: int = 0

    def __post_init__(self) -> None:
        self.began_s = self.world.clock()

    @property
    def now(self) -> float:
        """Seconds since the double was made."""
        return self.world.clock() - self.began_s

    def energy(self) -> tuple[Part, ...] | None:
        self._answer()
        if not self.has_counter:
            return None
        counted_s = math.floor(self.now / self.period_s + 1e-9) * self.period_s
        return tuple(
            Part(f"{self.device} {place}", self.counter(counted_s, load.joules(counted_s)))
            for place, load in enumerate(self.loads)
        )

    def power(self) -> float | None:
        self._answer()
        return self._watts() if self.has_power else None

    def average_power(self) -> float | None:
        """Over the last second."""
        self._answer()
        if not self.has_average:
            return None
        began = max(0.0, self.now - 1.0)
        if self.now == began:
            return self._watts()
        used = math.fsum(load.joules(self.now) - load.joules(began) for load in self.loads)
        return self.power_factor * used / (self.now - began)

    def conditions(self) -> tuple[Conditions, ...]:
        self._answer()
        return self.states(self.now)

    def close(self) -> None:
        self.closed += 1

    def _watts(self) -> float:
        return self.power_factor * math.fsum(load.watts(self.now) for load in self.loads)

    def _answer(self) -> None:
        self.reads += 1
        if self.now >= self.lost_s:
            raise MeterError(f"{self.device} is lost: it fell off the bus; restart the machine")


def meter_of(source: SensorDouble) -> SensorMeter:
    """A meter that lives in its double's time."""
    world = source.world
    return SensorMeter(source, clock=world.clock, sleep=world.sleep, background=world.background)


def run_of(wall_s: float, cpu_s: float = 0.0) -> Completed:
    """A program that ran, as a runner tells it."""
    return Completed(0, b"", b"", wall_s, cpu_s or wall_s)
