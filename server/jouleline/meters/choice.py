"""Choosing GPUs by what users and their environment call them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, Protocol, TypeVar

from .errors import SourceError

# "GPU-" alone begins every identifier.
_SHORTEST_IDENTIFIER: Final = 5


class Gpu(Protocol):
    """What users may call a GPU by."""

    @property
    def index(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def identifiers(self) -> tuple[str, ...]: ...


G = TypeVar("G", bound=Gpu)


def named(name: str, gpus: Sequence[G]) -> G | None:
    """The GPU at place ``name``, or with the one identifier that begins with it; None if there is none."""
    if name.isdecimal() and name.isascii():
        return gpus[int(name)] if int(name) < len(gpus) else None
    if len(name) < _SHORTEST_IDENTIFIER:
        return None
    fitting = [gpu for gpu in gpus if any(own.startswith(name) for own in gpu.identifiers)]
    return fitting[0] if len(fitting) == 1 else None


def unknown(name: str, gpus: Sequence[G], said: str = "") -> SourceError:
    """The error that nobody is called ``name``; ``said`` is where the name came from."""
    known = ", ".join(f"{gpu.index} ({gpu.identifiers[0]})" for gpu in gpus)
    return SourceError(f"{said}there is no GPU {name!r}", f"known are {known}")


def chosen(names: Sequence[str], gpus: Sequence[G], said: str = "") -> tuple[G, ...]:
    """The GPUs called ``names``, each once.

    Raises:
        SourceError: when a name fits none, or several.
    """
    found: dict[int, G] = {}
    for name in names:
        gpu = named(name, gpus)
        if gpu is None:
            raise unknown(name, gpus, said)
        found.setdefault(gpu.index, gpu)
    return tuple(found.values())


def listed(gpus: Sequence[Gpu]) -> str:
    """The names of GPUs, those of one kind together."""
    counts = Counter(gpu.name for gpu in gpus)
    return ", ".join(name if count == 1 else f"{count} x {name}" for name, count in counts.items())
