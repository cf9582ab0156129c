"""Kernels and launches, as found in a source file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from typing import Final, TypeVar

from tree_sitter import Node

from .change import Change
from .declarations import Function, function_of, mutated_names
from .directives import Directive, offloads
from .kept import cached_property
from .syntax import ParsedSource, Place
from .visit import Visit

# What a program may declare for other functions from within a kernel, and launches of other kernels. Each
# alternative starts with a character, which the search skips to.
_DECLARES: Final = re.compile(
    rb"s(?<!\w.)truct\b|c(?<!\w.)lass\b|u(?<!\w.)(?:nion|sing)\b|e(?<!\w.)num\b|t(?<!\w.)ypedef\b"
    rb"|<<<|c(?<!\w.)udaLaunch|h(?<!\w.)ipLaunch"
)
_DIRECTIVE: Final = re.compile(rb"#(?!\s*pragma\s+(?:no)?unroll\b)(?:\\\r?\n|.)*")
_OF_THE_TREE: Final = ("node", "function", "host_node")
T = TypeVar("T")


class Language(StrEnum):
    """The programming model of a kernel."""

    CUDA = "cuda"
    HIP = "hip"
    OPENMP = "openmp"


@dataclass(frozen=True)
class Kernel:
    """A kernel: a ``__global__`` function, or an OpenMP target or parallel region.

    ``start:end`` are byte offsets of the whole kernel and ``anchor`` is where a hint belongs: the
    function's name or the directive. ``place`` is that of the function definition or the region's
    statement, None while it is still to be typed; it is in ``source``, which is a repaired text of the
    same offsets where the file could not be parsed there. Lines count from 1. ``instance`` is what a
    profile calls an instance of a template.
    """

    name: str
    language: Language
    start: int
    end: int
    anchor: int
    line: int
    end_line: int
    place: Place | None
    source: ParsedSource
    directive: Directive | None = None
    instance: str = ""

    @cached_property
    def node(self) -> Node | None:
        """The function definition or the region's statement."""
        return self.place.node if self.place is not None else None

    def moved(self, source: ParsedSource, by: int, lines: int) -> Kernel:
        """The same kernel in a later state of its text, so many bytes and lines further on."""
        moved = _copied(self)
        state = moved.__dict__
        state["source"] = source
        if self.place is not None:
            state["place"] = self.place.moved(source, by)
        if by or lines:
            state["start"] += by
            state["end"] += by
            state["anchor"] += by
            state["line"] += lines
            state["end_line"] += lines
            if self.directive is not None:
                state["directive"] = self.directive.moved(by)
                state.pop("display", None)  # it names the line
        return moved

    def retyped(self, source: ParsedSource, change: Change) -> Kernel | None:
        """The same kernel in the next state of its text, where its body alone has changed; None if not so."""
        if self.place is None or self.directive is not None or change.start < self.anchor:
            return None
        place = Place(source, self.place.start, self.place.end + change.by, self.place.kind)
        node, end = place.node, self.end + change.by
        if node.type != place.kind:  # what is open in the body may have ended the function elsewhere
            return None
        typed = _copied(self)
        state = typed.__dict__
        end_line = source.text.line_of(end) + 1
        state.update(source=source, place=place, node=node, end=end, end_line=end_line)
        for name in ("told", "digest"):
            state.pop(name, None)
        return typed

    @property
    def is_closed(self) -> bool:
        """Whether what is in the kernel's body matters to that kernel alone."""
        # A region is a part of a function, which says what its variables are.
        return self.directive is None and self.told is not None and b"\n" not in self.told

    @cached_property
    def told(self) -> bytes | None:
        """What others depend on in the kernel's body, behind the anchor; None if that may be all of it.

        How many lines it has, which assumptions name, its directives, and of a region that is offloaded the
        variables that it changes: host code goes on behind it without their values.
        """
        data, changed = self.source.text.data, frozenset[str]()
        if self.directive is not None:
            if self.node is None or not offloads(self.directive):
                return None
            changed = mutated_names(self.node)
        # A function that names itself may call itself, and so be part of what it is counted by.
        elif data.find(self.name.encode(), self.anchor, self.end) >= 0:
            return None
        if _DECLARES.search(data, self.anchor, self.end) is not None:
            return None
        directives = _DIRECTIVE.findall(data, self.anchor, self.end)
        lines = b"%d" % (self.end_line - self.line)
        return b"\n".join((lines, *directives, *(name.encode() for name in sorted(changed))))

    @cached_property
    def digest(self) -> bytes:
        """Of the kernel's text."""
        return blake2b(self.source.text.data[self.start : self.end], digest_size=16).digest()

    @cached_property
    def display(self) -> str:
        """The kernel's name with what tells it from others of that name."""
        if self.instance:
            return self.instance
        if self.directive is not None:
            return f"{self.name} @line {self.line}"
        if self.function is None:
            return self.name
        return f"{self.name}({', '.join(parameter.type for parameter in self.function.parameters)})"

    @cached_property
    def function(self) -> Function | None:
        """The function that a kernel without a directive is."""
        return function_of(self.node, self.source) if self.node is not None else None


@dataclass(frozen=True)
class Launch:
    """A kernel launch, its parts as text.

    ``start:end`` are byte offsets from its configuration, or its macro, to the end of its arguments.
    ``where`` is a node where it stands: names in the texts mean what they mean there. ``anchor`` is
    the offset after which a hint belongs; ``line`` counts from 1. ``visit`` is the state in which
    host code reaches it, where that could be followed.
    """

    kernel: str
    line: int
    start: int
    end: int
    anchor: int
    grid: str
    block: str
    arguments: tuple[str, ...]
    template_arguments: tuple[str, ...]
    where: Place
    visit: Visit | None = field(default=None, compare=False)

    @property
    def place(self) -> Node:
        """The node where it stands."""
        return self.host_node

    @cached_property
    def host_node(self) -> Node:
        """The node where it stands."""
        return self.where.node

    @property
    def source(self) -> ParsedSource:
        """The file that it stands in."""
        return self.where.source

    def moved(self, source: ParsedSource, by: int, lines: int) -> Launch:
        """The same launch in a later state of its text, so many bytes and lines further on."""
        moved = _copied(self)
        state = moved.__dict__
        state["where"] = self.where.moved(source, by)
        if by or lines:
            state["line"] += lines
            state["start"] += by
            state["end"] += by
            state["anchor"] += by
        return moved

    @property
    def written(self) -> tuple[object, ...]:
        """What the source says of this way of launching a kernel, its variables not followed."""
        if self.visit is not None and self.visit.written:
            return self.visit.written
        return self.kernel, self.grid, self.block, self.template_arguments


def _copied(one: T) -> T:
    """An object that is to be moved, without the nodes of its tree.

    All kernels and launches of a file move with every keystroke, and dataclasses.replace takes several
    times as long and forgets what was found.
    """
    made = object.__new__(type(one))
    state = one.__dict__.copy()
    for name in _OF_THE_TREE:
        state.pop(name, None)
    object.__setattr__(made, "__dict__", state)
    return made
