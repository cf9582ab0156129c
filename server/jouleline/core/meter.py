"""What a meter is, and what it gives: joules over windows, of one kind that nobody can mistake.

Joules that a sensor gave (:class:`Measured`) and joules computed from something else
(:class:`Modelled`) are different types: every value that holds joules carries its kind as a type
parameter, so that a comparison of the two does not pass the type checker, and as data, so that it
does not pass at run time either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar, final

from .ports import Completed


class Provenance:
    """Where joules come from; ``word`` says it to a reader."""

    word: ClassVar[str]


@final
class Measured(Provenance):
    """Joules from a sensor of energy or power."""

    word = "measured"


@final
class Modelled(Provenance):
    """Joules computed from something else, such as CPU time."""

    word = "modelled"


# Invariant, or a checker would let both kinds meet as their union.
Origin = TypeVar("Origin", bound=Provenance)


class MeterError(RuntimeError):
    """No sound figure can be given; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one counter contributed to a window, such as one GPU or a processor's package. J."""

    name: str
    energy_j: float


@dataclass(frozen=True, slots=True)
class PowerPoint:
    """Power read at a moment: ``time_s`` s since the window began, ``watts`` W of all parts together."""

    time_s: float
    watts: float


@dataclass(frozen=True, slots=True)
class Conditions:
    """The state of one device at a moment within a window.

    Clocks in Hz, temperature in degrees Celsius, None where the device does not tell. ``throttled`` are
    the reasons, in words, for which it runs slower than asked; ``others`` counts processes on it that
    are not ours, None where they cannot be seen.
    """

    device: str
    time_s: float
    core_clock_hz: float | None = None
    memory_clock_hz: float | None = None
    temperature_c: float | None = None
    throttled: tuple[str, ...] = ()
    others: int | None = None


@dataclass(frozen=True, slots=True)
class EnergySample(Generic[Origin]):
    """Energy over one window of one or more runs of a program, or of none: an idle window.

    ``energy_j`` is joules and ``wall_s``, ``cpu_s`` are seconds, all over the whole window;
    divide by ``runs`` for one run. ``parts`` add up to the energy. ``warnings`` are what a reader of
    the figure must know, such as that the device was throttled; they travel with every result.
    """

    origin: type[Origin]
    energy_j: float
    wall_s: float
    cpu_s: float
    runs: int
    parts: tuple[Part, ...] = ()
    trace: tuple[PowerPoint, ...] = ()
    conditions: tuple[Conditions, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MeterInfo(Generic[Origin]):
    """What a result says of the meter it came from.

    ``window_s`` is the shortest sound window, ``period_s`` the time between two movements of the
    counter as it was measured (None where there is no counter, or nobody has looked yet). ``driver`` names
    the software between us and the sensor, with its version. ``labels`` are warnings that hold for
    every figure of this meter, such as that it is the sum over several GPUs.
    """

    name: str
    device: str
    origin: type[Origin]
    window_s: float
    note: str
    period_s: float | None = None
    driver: str = ""
    labels: tuple[str, ...] = ()

    @property
    def modelled(self) -> bool:
        """Whether its joules are computed from something else than a sensor."""
        return self.origin is not Measured


class Meter(Protocol[Origin]):
    """Reads energy over a window, one window at a time.

    ``start`` after ``start`` abandons the window that was begun, as when its run was cancelled.
    Every method may take as long as a counter takes to move: call them off the event loop.
    """

    @property
    def info(self) -> MeterInfo[Origin]:
        """Name, device and shortest sound window (s) of this meter."""

    def check(self) -> MeterInfo[Origin]:
        """Test the source before it is believed, for a few seconds, and tell what it turned out to be.

        Raises:
            MeterError: when its figures would be doubtful; the message says why.
        """

    def start(self) -> None:
        """Begin a window.

        Raises:
            MeterError: when the source cannot be read.
        """

    def stop(self, runs: Sequence[Completed], repeats: int = 1) -> EnergySample[Origin]:
        """End the window in which ``runs`` were made, each of which ran the program ``repeats`` times.

        Without runs it was an idle window.

        Raises:
            MeterError: when the figure would be doubtful; the message says why.
        """

    def close(self) -> None:
        """Let go of the source."""


class Turn(Protocol):
    """The right to measure: joules of two measurements at once would be each other's."""

    def take(self) -> bool:
        """Take it, unless somebody else has it.

        Raises:
            MeterError: when nobody can tell.
        """

    def give_back(self) -> None:
        """Let others have it."""


class NodeTurn(Turn, Protocol):
    """A turn whose holder has what the meter counts for itself: others' work waits, too."""

    @property
    def held(self) -> bool:
        """Whether it is ours now."""

    def share(self) -> bool:
        """Work beside others who share it, unless somebody holds it or waits for it; then give it back.

        Raises:
            MeterError: when nobody can tell.
        """
