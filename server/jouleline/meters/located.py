"""A meter that says on which of many machines it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from jouleline.core.meter import EnergySample, Meter, MeterInfo
from jouleline.core.ports import Completed


@dataclass(frozen=True, slots=True)
class LocatedMeter:
    """Gives the figures of ``meter``, which is on ``node``."""

    meter: Meter[Any]
    node: str

    @property
    def info(self) -> MeterInfo[Any]:
        """What the meter says of itself, and where it is."""
        return self._located(self.meter.info)

    def check(self) -> MeterInfo[Any]:
        """Test the meter.

        Raises:
            MeterError: when its figures would be doubtful.
        """
        return self._located(self.meter.check())

    def start(self) -> None:
        """Begin a window.

        Raises:
            MeterError: when the source cannot be read.
        """
        self.meter.start()

    def stop(self, runs: Sequence[Completed], repeats: int = 1) -> EnergySample[Any]:
        """End the window.

        Raises:
            MeterError: when the figure would be doubtful.
        """
        return self.meter.stop(runs, repeats)

    def close(self) -> None:
        """Let go of the meter."""
        self.meter.close()

    def _located(self, info: MeterInfo[Any]) -> MeterInfo[Any]:
        return replace(info, device=f"{info.device} of {self.node}")
