"""The meter of a record: it gives the windows that another meter took, in their order, and says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Generic

from jouleline.core.meter import EnergySample, MeterError, MeterInfo, Origin
from jouleline.core.ports import Completed

REPLAYED: Final = "replay of "
"""Stands before the name of the meter that took the windows."""


class ReplayMeter(Generic[Origin]):
    """Gives ``samples`` again; ``info`` is that of the meter which took them, ``recorded`` names the record.

    Its joules are as measured or modelled as they were, and its name tells that they are not new.
    """

    def __init__(
        self, info: MeterInfo[Origin], samples: Sequence[EnergySample[Origin]], recorded: str
    ) -> None:
        self._info = replace(
            info,
            name=f"{REPLAYED}{info.name}",
            labels=(*info.labels, f"a replay, nothing was {info.origin.word} now: {recorded}"),
        )
        self._left = iter(tuple(samples))

    @property
    def info(self) -> MeterInfo[Origin]:
        """What the recorded meter said of itself, under a name and a label of our own."""
        return self._info

    def check(self) -> MeterInfo[Origin]:
        """Nothing to test: the source is a file that was read."""
        return self._info

    def start(self) -> None:
        """Do nothing: the window was begun long ago."""

    def stop(self, runs: Sequence[Completed], repeats: int = 1) -> EnergySample[Origin]:
        """Give the next window.

        Raises:
            MeterError: when there is none left, or it is no window of the kind that is asked for.
        """
        sample = next(self._left, None)
        if sample is None:
            raise MeterError("the record ends before the measurement does, so it cannot be replayed")
        if bool(runs) != bool(sample.runs):
            raise MeterError(
                "the record's windows are in another order than this version takes them, "
                "so it cannot be replayed; replay it with the version that it names"
            )
        return sample

    def close(self) -> None:
        """Hold nothing."""
