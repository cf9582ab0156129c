"""The time of a double of a vendor's library, for a meter that lives in it."""

from typing import Protocol

from jouleline.meters.sensor import SensorMeter
from jouleline.meters.source import Source
from tests.support.sensors import World


class Clock(Protocol):
    def now(self) -> float: ...
    def advance(self, seconds: float) -> None: ...


class DeviceTime(World):
    """Virtual time that passes in the double, too."""

    def __init__(self, double: Clock) -> None:
        self._double = double
        super().__init__(now=double.now())

    @property
    def now(self) -> float:
        return self._double.now()

    @now.setter
    def now(self, time_s: float) -> None:
        self._double.advance(time_s - self._double.now())


def meter_in(time: DeviceTime, source: Source) -> SensorMeter:
    """The real meter on a source of the double, in its time."""
    return SensorMeter(source, clock=time.clock, sleep=time.sleep, background=time.background)
