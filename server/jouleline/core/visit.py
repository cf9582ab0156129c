"""The state in which host code reaches a kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias


class Memory(NamedTuple):
    """Where a pointer points: ``identity`` tells one allocation from another within a program.

    ``size_bytes`` is the size of the allocation from the pointer on (None if not known), ``space``
    is ``device``, ``managed``, ``pinned`` or ``host``, and ``element`` the type of an element as text.
    """

    identity: int
    size_bytes: float | None
    space: str
    element: str


Known: TypeAlias = "int | float | Memory | None"
Argument: TypeAlias = "Known | Mapping[str, Known]"
"""An argument of a launch; an object is given by its members: ``.n``."""
Extent: TypeAlias = "tuple[int | None, int | None, int | None]"


@dataclass(frozen=True)
class Visit:
    """One way in which a kernel is reached: ``names`` holds what the variables there are worth.

    A member is named as it is written: ``p.n``, ``p->n``. ``grid`` and ``block`` are those of a
    launch, with None for what is not known; ``order`` counts visits from the program's start.
    ``written`` is what the source says of the launch (see :attr:`Launch.written`), and ``used`` says what
    the program has taken from the run line by then. ``template`` gives the template parameters of the
    function around a region, in their order, as texts: types and numbers.
    """

    order: int
    names: Mapping[str, Known] = field(default_factory=dict)
    grid: Extent = (None, None, None)
    block: Extent = (None, None, None)
    arguments: tuple[Argument, ...] = ()
    written: tuple[object, ...] = ()
    used: tuple[str, ...] = ()
    template: Mapping[str, str] = field(default_factory=dict)
