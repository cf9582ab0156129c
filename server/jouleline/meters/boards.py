"""What is the same for every vendor's GPUs: several boards side by side are one source of figures."""

from __future__ import annotations

from typing import Final, Generic, Protocol, TypeVar

from jouleline.core.meter import Part

from .choice import Gpu, listed

# Above the limit of its board by this factor, a reading is nonsense and not load.
_MARGIN: Final = 2.0


class Board(Gpu, Protocol):
    """One GPU; ``counter``, ``instant`` and ``average`` say which of its readings there are."""

    @property
    def limit_w(self) -> float | None: ...
    @property
    def counter(self) -> bool: ...
    @property
    def instant(self) -> bool: ...
    @property
    def average(self) -> bool: ...
    def energy_j(self) -> float: ...
    def instant_w(self) -> float: ...
    def average_w(self) -> float: ...


B = TypeVar("B", bound=Board)


class Boards(Generic[B]):
    """What a :class:`~jouleline.meters.source.Source` of several GPUs tells, whoever made them.

    ``most_watts`` (W) is taken for a board that tells no limit. A sum over some of the GPUs would be a
    wrong figure, so a reading is there only if all have it.
    """

    def __init__(self, gpus: tuple[B, ...], *, most_watts: float) -> None:
        """Nothing is read here."""
        self._gpus = gpus
        self._most_watts = most_watts

    @property
    def device(self) -> str:
        """The names of the GPUs."""
        return listed(self._gpus)

    @property
    def labels(self) -> tuple[str, ...]:
        """Whether figures are sums over GPUs."""
        return (f"sum over {len(self._gpus)} GPUs",) if len(self._gpus) > 1 else ()

    @property
    def most_watts(self) -> float:
        """Twice the highest limit of the boards, W."""
        return max(self._most_watts if gpu.limit_w is None else _MARGIN * gpu.limit_w for gpu in self._gpus)

    @property
    def longest_gap_s(self) -> float:
        """Infinity: 64 bits, of millijoules or less, do not wrap."""
        return float("inf")

    def energy(self) -> tuple[Part, ...] | None:
        """Each GPU's counter, J since its driver was loaded."""
        if not self._is_counting:
            return None
        return tuple(Part(f"GPU {gpu.index}", gpu.energy_j()) for gpu in self._gpus)

    def power(self) -> float | None:
        """Power at this moment, W; None where the driver tells averages only."""
        return sum(gpu.instant_w() for gpu in self._gpus) if all(gpu.instant for gpu in self._gpus) else None

    def average_power(self) -> float | None:
        """Average power, W, over a second on most devices; None where the driver tells none."""
        return sum(gpu.average_w() for gpu in self._gpus) if all(gpu.average for gpu in self._gpus) else None

    @property
    def _is_counting(self) -> bool:
        return all(gpu.counter for gpu in self._gpus)
