"""The meter and the turn to measure of another machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from jouleline.core.meter import EnergySample, Measured, MeterError, MeterInfo, Modelled
from jouleline.core.ports import Completed, InterruptedRunError, RunnerError

from .errors import ConnectionLostError
from .machine import Machine
from .values import value


class RemoteMeter:
    """The meter that an agent has; its windows begin and end there, right before and after a run.

    With ``by_run`` the run that follows ``start`` is the window; else a window lasts from ``start`` to
    ``stop``, whatever runs meanwhile, as for what a whole search takes.
    """

    def __init__(
        self,
        machine: Machine,
        *,
        name: str | None = None,
        gpus: Sequence[str] = (),
        accept_mig: bool = False,
        uses_gpu: bool = False,
        by_run: bool = True,
    ) -> None:
        """Choose a meter there as one is chosen here.

        Raises:
            MeterError: when it cannot be used there.
            RunnerError: when the connection is lost for good.
        """
        self._machine = machine
        self._wanted = {"name": name, "gpus": list(gpus), "accept_mig": accept_mig, "uses_gpu": uses_gpu}
        self._by_run = by_run
        self._generation = -1
        self._number = 0
        self._answer: Mapping[str, Any] | None = None
        self._begun_in: int | None = None
        self.sees_gpus = False
        machine.persist(self.number)

    def number(self) -> int:
        """The meter's number there, where it is made anew after the connection was.

        Raises:
            ConnectionLostError: when there is none at this moment.
        """
        machine = self._machine
        if self._generation != machine.generation:
            made = machine.channel.call("meter_open", **self._wanted)
            self._number, self._generation = int(made["meter"]), machine.generation
            self.sees_gpus = bool(made["sees_gpus"])
            self._info = self._info_of(made)
        return self._number

    def _info_of(self, answer: Mapping[str, Any]) -> MeterInfo[Any]:
        info: MeterInfo[Any] = value(answer["info"], MeterInfo[Any])
        return replace(info, device=f"{info.device} of {self._machine.facts.node}")

    @property
    def info(self) -> MeterInfo[Any]:
        """What the meter there said of itself, with its machine's name."""
        return self._info

    def check(self) -> MeterInfo[Any]:
        """Test the source there.

        Raises:
            MeterError: when its figures would be doubtful.
        """
        self._info = self._info_of(self._told("meter_check"))
        return self._info

    def start(self) -> None:
        """Begin a window; where a run follows, it begins anew right before that.

        Raises:
            MeterError: when the source cannot be read.
        """
        self._answer = None
        self._info = self._info_of(self._told("meter_start"))
        self._begun_in = self._machine.generation
        if self._by_run:
            self._machine.window = self

    def watched(self, answer: Mapping[str, Any]) -> None:
        """Take what came back with the run that was the window."""
        self._answer = answer

    def stop(self, runs: Sequence[Completed], repeats: int = 1) -> EnergySample[Any]:
        """End the window.

        Raises:
            InterruptedRunError: when the connection was lost within an idle window, and is there again.
            MeterError: when no window was begun, or the figure would be doubtful.
        """
        self._machine.window = None
        answer, self._answer = self._answer, None
        begun_in, self._begun_in = self._begun_in, None
        if answer is None:
            return self._stopped(runs, repeats, begun_in)
        if "sample_error" in answer:
            raise MeterError(str(answer["sample_error"]))
        return replace(_sample(answer), runs=len(runs) * repeats)

    def _stopped(self, runs: Sequence[Completed], repeats: int, begun_in: int | None) -> EnergySample[Any]:
        machine = self._machine
        generation = machine.generation
        if begun_in != generation:
            raise MeterError("the connection was lost within the window")
        rows = [[run.wall_s, run.cpu_s] for run in runs]
        try:
            return _sample(
                machine.channel.call("meter_stop", meter=self.number(), runs=rows, repeats=repeats)
            )
        except ConnectionLostError as lost:
            machine.revive(generation, lost)
            if runs:
                raise MeterError("the connection was lost within the window") from lost
            raise InterruptedRunError(str(lost)) from lost

    def _told(self, do: str) -> dict[str, Any]:
        return self._machine.persist(lambda: self._machine.channel.call(do, meter=self.number()))

    def close(self) -> None:
        """The agent closes its meters with the connection."""


def _sample(answer: Mapping[str, Any]) -> EnergySample[Any]:
    kind = EnergySample[Measured] if answer["sample"]["origin"] == Measured.word else EnergySample[Modelled]
    sample: EnergySample[Any] = value(answer["sample"], kind)
    return sample


class RemoteTurn:
    """The right to measure on another machine, among all that measure there as the same user."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def take(self) -> bool:
        """Take it, unless somebody else has it.

        Raises:
            MeterError: when nobody can tell.
        """
        try:
            taken = bool(self._machine.call("turn_take")["taken"])
        except RunnerError as error:
            raise MeterError(str(error)) from error
        self._machine.turn_is_ours = taken or self._machine.turn_is_ours
        return taken

    def give_back(self) -> None:
        """Let others have it; the agent does so by itself when the connection is gone."""
        self._machine.turn_is_ours = False
        with suppress(RunnerError):
            self._machine.channel.call("turn_give_back")
