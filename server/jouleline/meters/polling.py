"""Doing something again and again while the program that is measured runs."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Final

POLL_S: Final = 0.1
"""Seconds between two polls, on average."""

_GOLDEN: Final = (math.sqrt(5) - 1) / 2

Step = Callable[[], "float | None"]
"""Does the work once and gives the seconds until the next time, or None to end."""

End = Callable[[], None]
"""Ends it and returns when the step in progress is done."""

Background = Callable[[Step], End]
"""Begins to call a step; a test gives one that lives in its own time."""


def pause(place: int) -> float:
    """Seconds to wait after poll number ``place``: 0.05 to 0.15.

    A load that comes and goes ten times a second must not be met at the same phase each time. The golden
    ratio spreads the polls evenly over a load's period, whatever that is.
    """
    return POLL_S * (0.5 + math.modf(place * _GOLDEN)[0])


def in_thread(step: Step) -> End:
    """Call ``step`` from a thread of its own, which does not keep the process alive."""
    ended = threading.Event()

    def work() -> None:
        delay: float | None = 0.0
        while delay is not None and not ended.wait(delay):
            delay = step()

    thread = threading.Thread(target=work, name="jouleline-polling", daemon=True)
    thread.start()

    def end() -> None:
        ended.set()
        thread.join()

    return end
