"""How many threads a block has: other sizes to try, where no result depends on it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tree_sitter import Node

from jouleline.core.candidate import Rewrite
from jouleline.core.facts import ProgramFacts
from jouleline.core.source import Edit
from jouleline.core.syntax import ParsedSource, descendants, text_of
from jouleline.core.syntax import field as child

from .analysis import definitions, identifiers, is_dead, is_macro_body, is_sound, line_of
from .block_shapes import Launch, covered, guarded_parameter, launches, mentions, squeezed
from .hoisting import is_fixed
from .macros import opaque_macros
from .scope import lookup

BLOCK_SIZES = (64, 128, 192, 256, 512, 1024)
"""Threads per block that are tried."""
_ALWAYS_FITS = 256
"""A block of so many threads can be launched whatever number of registers the kernel needs."""
_WARP = 32
_WRITTEN_OUT = 3
"""The built-in variables in ``blockIdx.x * blockDim.x + threadIdx.x``."""
_COMMENT = re.compile(rb"//[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True)
class BlockSize:
    """Launches get blocks of ``threads`` threads; the grid follows by the formula that is there."""

    threads: int

    @property
    def name(self) -> str:
        """The family with the size."""
        return f"{self.family}-{self.threads}"

    @property
    def family(self) -> str:
        """What all sizes are alternatives of."""
        return "block-size"

    @property
    def title(self) -> str:
        """What is done."""
        return f"Launch blocks of {self.threads} threads"

    @property
    def rationale(self) -> str:
        """Why it may save energy."""
        return (
            "Occupancy, cache use and the tail of a launch depend on the block size, and the best one for "
            "energy is found by trying. It is changed where the grid is made of it, the kernel does "
            "something only for numbers below the size that the grid covers, and no thread needs another one."
        )

    def rewrites(self, source: ParsedSource, program: ProgramFacts) -> list[Rewrite]:
        """One rewrite for each launch with a number, or for each constant that launches use."""
        found: list[Rewrite] = []
        named: dict[str, list[Launch]] = {}
        for launch in launches(source):
            if is_dead(launch.call) or is_macro_body(launch.call) or not is_sound(launch.call):
                continue
            if not launch.block.isdigit():
                named.setdefault(launch.block, []).append(launch)
            elif edits := self._literal(launch, source, program):
                found.append(self._rewrite(edits, launch.item.start, source))
        for name, listed in named.items():
            if edits := self._named(name, listed, source, program):
                found.append(self._rewrite(edits, edits[-1].start, source))
        # Two constants of one kernel would both bound its launches.
        places = [edit.start for rewrite in found for edit in rewrite.edits]
        if len(set(places)) != len(places):
            return []
        return sorted(found, key=lambda item: item.line)

    def _rewrite(self, edits: Sequence[Edit], at: int, source: ParsedSource) -> Rewrite:
        return Rewrite(self.name, line_of(source, at), self.title, self.rationale, tuple(sorted(edits)))

    def _literal(self, launch: Launch, source: ParsedSource, program: ProgramFacts) -> list[Edit]:
        size = int(launch.block)
        if not self._may_replace(size) or not _is_safe(launch, covered(launch.grid, launch.block), program):
            return []
        text, start = launch.item.text, launch.item.content_start
        new = {size: self.threads, size - 1: self.threads - 1}
        edits = [
            Edit(start + word.start(), start + word.end(), str(new[int(word[0])]).encode())
            for word in re.finditer(rb"\b\d+\b", text)
            if int(word[0]) in new
        ]
        # (n + 256 - 1) / 256 and 256, or (n + 255) / 256 and 256.
        if len(edits) != 3:
            return []
        bound = self._bound([launch], source, program)
        return [*edits, *bound] if bound is not None else []

    def _named(
        self, name: str, listed: list[Launch], source: ParsedSource, program: ProgramFacts
    ) -> list[Edit]:
        value = _definition(name, listed[0].call, source, program)
        if value is None or not self._may_replace(int(text_of(value))):
            return []
        seen = 1
        counted: set[int] = set()
        for launch in listed:
            grid, extra = _grid(launch, source, program)
            if not _is_safe(launch, covered(grid, name), program, name):
                return []
            seen += _count(name, launch.item.text)
            for node in extra:
                if node.id not in counted:
                    counted.add(node.id)
                    seen += _count(name, source.code(node))
        for kernel in {launch.kernel for launch in listed}:
            inside = _in_kernel(name, kernel, listed, program)
            if inside is None:
                return []
            seen += inside
        everywhere = sum(_count(name, facts.source.text.data) for facts in program.files.values())
        bound = self._bound(listed, source, program)
        if everywhere != seen or bound is None:
            return []
        return [*bound, Edit(value.start_byte, value.end_byte, str(self.threads).encode())]

    def _may_replace(self, size: int) -> bool:
        return size != self.threads and _WARP <= size <= BLOCK_SIZES[-1] and size % _WARP == 0

    def _bound(self, listed: list[Launch], source: ParsedSource, program: ProgramFacts) -> list[Edit] | None:
        """The bound that makes a kernel fit a large block; None where it may not be set."""
        if self.threads <= _ALWAYS_FITS:
            return []
        edits = []
        known = {launch.call.id for launch in listed}
        for kernel in {launch.kernel for launch in listed}:
            (function,) = definitions(program)[kernel]
            name = next(identifiers(function.node, kernel), None)
            if function.source is not source or name is None:
                return None
            if any(call.id not in known for call in program.calls[kernel]):
                return None
            words = f"__launch_bounds__({self.threads}) ".encode()
            edits.append(Edit(name.start_byte, name.start_byte, words))
        return edits


def _count(name: str, data: bytes) -> int:
    return len(re.findall(rb"(?<!\w)" + re.escape(name.encode()) + rb"(?!\w)", _COMMENT.sub(b" ", data)))


def _in_kernel(name: str, kernel: str, listed: Sequence[Launch], program: ProgramFacts) -> int | None:
    """How often a kernel names the size, in its thread's number in place of blockDim.x; None if elsewhere."""
    (function,) = definitions(program)[kernel]
    count = _count(name, function.source.code(function.node))
    if count == 0:
        return 0
    ours = sum(1 for launch in listed if launch.kernel == kernel)
    whole = count == 1 and mentions(function.node) < _WRITTEN_OUT and len(program.calls[kernel]) == ours
    return count if whole else None


def _is_safe(launch: Launch, extent: str | None, program: ProgramFacts, size: str = "") -> bool:
    """Whether a kernel does something for the numbers below an extent only, and its launch says so."""
    listed = definitions(program).get(launch.kernel, ())
    if extent is None or len(listed) != 1 or b"__global__" not in listed[0].attributes:
        return False
    if len(listed[0].parameters) != len(launch.arguments) or _is_hidden(launch, program):
        return False
    limit = guarded_parameter(listed[0], size or "blockDim.x", program)
    positions = [index for index, item in enumerate(listed[0].parameters) if item.name == limit]
    return len(positions) == 1 and launch.arguments[positions[0]] == extent


def _is_hidden(launch: Launch, program: ProgramFacts) -> bool:
    """Whether a macro stands in a launch that may be more than a number."""
    words = set(re.findall(r"[A-Za-z_]\w*", " ".join((launch.grid, launch.block, *launch.arguments))))
    return bool(words & (opaque_macros(program) | program.function_macros.keys()))


def _definition(name: str, place: Node, source: ParsedSource, program: ProgramFacts) -> Node | None:
    """The number that a constant or a variable that is never changed is set to, in this file."""
    if name in program.macros:
        nodes = program.definitions.get(name, ())
        value = child(nodes[0], "value") if len(nodes) == 1 else None
        if value is None or not _belongs(value, source) or nodes[0].parent != source.root:
            return None
        return value if squeezed(text_of(value)).isdigit() and not text_of(value).endswith(" ") else None
    if not name.isidentifier():
        return None
    declared = lookup(name, place, program)
    if declared is None or declared.value is None or not _belongs(declared.node, source):
        return None
    fixed = declared.const if declared.where == "global" else is_fixed(declared, program)
    constant = fixed and not declared.levels and declared.value.type == "number_literal"
    return declared.value if constant and text_of(declared.value).isdigit() else None


def _belongs(node: Node, source: ParsedSource) -> bool:
    root = node
    while root.parent is not None:
        root = root.parent
    return root.id == source.root.id


def _grid(launch: Launch, source: ParsedSource, program: ProgramFacts) -> tuple[str, list[Node]]:
    """The formula of a launch's grid, and the declaration that it comes from if it has a name."""
    if not launch.grid.isidentifier():
        return launch.grid, []
    declared = lookup(launch.grid, launch.call, program)
    if declared is None or declared.value is None or not is_fixed(declared, program):
        return "", []
    for item in descendants(declared.value, "identifier"):
        one = lookup(text_of(item), item, program)
        if text_of(item) not in program.macros and (one is None or not (one.const or is_fixed(one, program))):
            return "", []
    return squeezed(source.code(declared.value).decode("utf-8", "replace")), [declared.value]
