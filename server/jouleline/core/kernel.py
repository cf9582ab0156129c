"""Kernels and launches, as found in a source file."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from tree_sitter import Node

from .directives import Directive
from .facts import function_of
from .syntax import ParsedSource
from .visit import Visit


class Language(StrEnum):
    """The programming model of a kernel."""

    CUDA = "cuda"
    HIP = "hip"
    OPENMP = "openmp"


@dataclass(frozen=True)
class Kernel:
    """A kernel: a ``__global__`` function, or an OpenMP target or parallel region.

    ``start:end`` are byte offsets of the whole kernel and ``anchor`` is where a hint belongs: the
    function's name or the directive. ``node`` is the function definition or the region's
    statement, None while it is still to be typed; it belongs to ``source``, which is a repaired
    text of the same offsets where the file could not be parsed there. Lines count from 1. ``instance``
    is what a profile calls an instance of a template.
    """

    name: str
    language: Language
    start: int
    end: int
    anchor: int
    line: int
    end_line: int
    node: Node | None
    source: ParsedSource
    directive: Directive | None = None
    instance: str = ""

    @cached_property
    def display(self) -> str:
        """The kernel's name with what tells it from others of that name."""
        if self.instance:
            return self.instance
        if self.directive is not None:
            return f"{self.name} @line {self.line}"
        function = function_of(self.node, self.source) if self.node is not None else None
        if function is None:
            return self.name
        return f"{self.name}({', '.join(parameter.type for parameter in function.parameters)})"


@dataclass(frozen=True)
class Launch:
    """A kernel launch, its parts as text.

    ``place`` is a node where it stands: names in the texts mean what they mean there. ``anchor`` is
    the offset after which a hint belongs; ``line`` counts from 1. ``visit`` is the state in which
    host code reaches it, where that could be followed.
    """

    kernel: str
    line: int
    anchor: int
    grid: str
    block: str
    arguments: tuple[str, ...]
    template_arguments: tuple[str, ...]
    place: Node
    visit: Visit | None = field(default=None, compare=False)

    @property
    def written(self) -> tuple[object, ...]:
        """What the source says of this way of launching a kernel, its variables not followed."""
        if self.visit is not None and self.visit.written:
            return self.visit.written
        return self.kernel, self.grid, self.block, self.template_arguments
