"""The types of matrices that a warp's threads hold together: ``nvcuda::wmma`` of CUDA, and ``rocwmma``."""

from __future__ import annotations

from typing import Final, NamedTuple

from .ctype import FRAGMENT, CType
from .evaluate import split_arguments

_FEWEST: Final = 5


class Fragment(NamedTuple):
    """A part of a matrix, as text: ``fragment<matrix_a, 16, 16, 16, half, row_major>``.

    Its use is ``matrix_a`` (M x K elements), ``matrix_b`` (K x N) or ``accumulator`` (M x N), which has no
    layout (CUDA C++ Programming Guide, "Warp Matrix Functions").
    """

    use: str
    m: str
    n: str
    k: str
    element: str
    layout: str

    @property
    def extents(self) -> tuple[str, str]:
        """Rows and columns."""
        return {"matrix_a": (self.m, self.k), "matrix_b": (self.k, self.n)}.get(self.use, (self.m, self.n))

    def member(self, name: str) -> str | None:
        """What a static member is worth: how many elements each of the threads holds."""
        rows, columns = self.extents
        return f"({rows}) * ({columns}) / warpSize" if name == "num_elements" else None


def fragment_of(kind: CType) -> Fragment | None:
    """What a type says of a fragment; None if it is none."""
    given = split_arguments(kind.arguments) if kind.struct == FRAGMENT and not kind.is_pointer else []
    if len(given) < _FEWEST:
        return None
    use, m, n, k, element, *layout = given
    return Fragment(_last(use), m, n, k, element, _last(layout[0]) if layout else "")


def _last(name: str) -> str:
    return name.rpartition("::")[2].strip()
