"""What a vendor's sensor has to give; :class:`jouleline.meters.sensor.SensorMeter` makes a meter of it."""

from __future__ import annotations

from typing import Protocol

from jouleline.core.meter import Conditions, Part


class Source(Protocol):
    """Reads the sensors of one kind of device, and judges nothing: that is the meter's work.

    A source may stand for several devices, whose figures it gives side by side (``energy``) or summed
    (``power``). It is read about ten times a second while a program runs, and up to ten thousand times
    a second for a few periods at both ends of a window, so a reading is to be cheap. Calls come one at a
    time, but not always from the same thread.

    None means that the device has no such reading, ever: a source gives it at every call or at none. A
    reading that exists and fails is a :class:`~jouleline.core.meter.MeterError` of one sentence with
    what, where and what to do (device lost, permission missing with the command that grants it). No other
    error leaves a source. Where the device is usable at all is found out when the source is made, which
    raises the same error.
    """

    @property
    def name(self) -> str:
        """The meter's name in results, such as ``nvml``; a test double says here that it is one."""

    @property
    def device(self) -> str:
        """The names of all devices it stands for."""

    @property
    def driver(self) -> str:
        """The software that is asked, with its version; empty where there is none to name."""

    @property
    def note(self) -> str:
        """What its joules hold and what not, in one line that begins with ``measured:``."""

    @property
    def labels(self) -> tuple[str, ...]:
        """What a reader of any of its figures must know, such as that it is a sum over several GPUs."""

    @property
    def most_watts(self) -> float:
        """More power than one part of ``energy`` can take (without counters, than all devices together), W.

        A counter or reading beyond it is wrong. It is generous, twice the limit of the board, say: it tells
        nonsense from load, and not load from overload.
        """

    @property
    def longest_gap_s(self) -> float:
        """How long the counters may go unread before a wrap-around could be missed, s; infinity if never."""

    def energy(self) -> tuple[Part, ...] | None:
        """Every counter as it stands now, J since a moment of its own, or None without counters.

        The same parts in the same order at each call. Wrap-around is followed: a counter that wraps goes on
        rising here. One that falls for another reason falls here too, for the meter to see. Without a
        counter on all devices there is None: a sum of some would be a wrong figure.

        Raises:
            MeterError: when a counter cannot be read.
        """

    def power(self) -> float | None:
        """The power of all devices together at this moment, W; None where only an average is told.

        Raises:
            MeterError: when it cannot be read.
        """

    def average_power(self) -> float | None:
        """The same, W, averaged over the last moments as the vendor defines it; None where it is not told.

        Raises:
            MeterError: when it cannot be read.
        """

    def conditions(self) -> tuple[Conditions, ...]:
        """The state of every device now, with 0 as its time: the meter knows when the window began.

        Empty where nothing can be seen. Being idle is no reason in ``throttled``.

        Raises:
            MeterError: when a device is lost. A single figure that cannot be read is None instead.
        """

    def close(self) -> None:
        """Let go of the driver. It may be called twice, and nothing is read afterwards."""
