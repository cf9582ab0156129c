"""How many threads a block has: other sizes to try, where no result depends on it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tree_sitter import Node

from jouleline.core.candidate import Rewrite
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.source import Edit
from jouleline.core.syntax import ParsedSource, ancestor, descendants, text_of
from jouleline.core.syntax import field as child

from .analysis import definitions, identifiers, is_dead, is_macro_body, is_sound, line_of
from .block_shapes import (
    Launch,
    covered,
    declared_shape,
    guarded_parameter,
    launches,
    mentions,
    one_dimension,
    squeezed,
)
from .hoisting import is_fixed
from .macros import opaque_macros
from .scope import Name, lookup

BLOCK_SIZES = (64, 128, 192, 256, 512, 1024)
"""Threads per block that are tried."""
_ALWAYS_FITS = 256
"""A block of so many threads can be launched whatever number of registers the kernel needs."""
_WARP = 32
_WRITTEN_OUT = 3
"""The built-in variables in ``blockIdx.x * blockDim.x + threadIdx.x``."""
_COMMENT = re.compile(rb"//[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True)
class _Site:
    """A launch with its variables looked up.

    ``grid`` and ``block`` are formulas without blanks. ``stretches`` are where they are written, each
    with how many numbers of a block's size it holds; ``variables`` are the names they have.
    """

    launch: Launch
    grid: str
    block: str
    stretches: Mapping[tuple[int, int], int]
    variables: Mapping[str, Node]


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
        """One rewrite for each launch with a number, or for each size that has a name."""
        groups: dict[tuple[str, int], list[_Site]] = {}
        for launch in launches(source):
            if is_dead(launch.call) or is_macro_body(launch.call) or not is_sound(launch.call):
                continue
            site = _site(launch, source, program)
            if site.block.isdigit():
                at = site.variables.get(launch.block)
                key = at.start_byte if at is not None else launch.item.start
                groups.setdefault(("", key), []).append(site)
            elif site.block:
                groups.setdefault((site.block, 0), []).append(site)
        found = [
            Rewrite(
                self.name, line_of(source, edits[-1].start), self.title, self.rationale, tuple(sorted(edits))
            )
            for (name, _), sites in groups.items()
            if (edits := self._edits(name, sites, source, program))
        ]
        places = [edit.start for rewrite in found for edit in rewrite.edits]
        if len(set(places)) != len(places):
            return []  # two sizes of one kernel would both bound its launches
        return sorted(found, key=lambda item: item.line)

    def _edits(
        self, name: str, sites: list[_Site], source: ParsedSource, program: ProgramFacts
    ) -> list[Edit]:
        if not all(_is_safe(site, program, name) for site in sites):
            return []
        if not all(_is_only_launched(site, sites, source) for site in sites):
            return []
        bound = self._bound([site.launch for site in sites], source, program)
        changed = self._named(name, sites, source, program) if name else self._numbers(sites, source)
        return [*bound, *changed] if bound is not None and changed else []

    def _numbers(self, sites: list[_Site], source: ParsedSource) -> list[Edit]:
        """Replace the numbers of ``(n + 255) / 256`` and ``256``."""
        size = int(sites[0].block)
        if not self._may_replace(size):
            return []
        new = {size: self.threads, size - 1: self.threads - 1}
        stretches = {key: count for site in sites for key, count in site.stretches.items()}
        edits = []
        for (start, end), count in stretches.items():
            words = [
                word for word in re.finditer(rb"\b\d+\b", source.text.data[start:end]) if int(word[0]) in new
            ]
            if len(words) != count:
                return []
            edits += [
                Edit(start + word.start(), start + word.end(), str(new[int(word[0])]).encode())
                for word in words
            ]
        return edits

    def _named(
        self, name: str, sites: list[_Site], source: ParsedSource, program: ProgramFacts
    ) -> list[Edit]:
        """Replace the one definition of a size, if it is used for nothing else."""
        value = _definition(name, sites[0].launch.call, source, program)
        if value is None or not self._may_replace(int(text_of(value))):
            return []
        data = source.text.data
        seen = 1 + sum(_count(name, data[a:b]) for a, b in {key for site in sites for key in site.stretches})
        for kernel in {site.launch.kernel for site in sites}:
            inside = _in_kernel(name, kernel, [site.launch for site in sites], program)
            if inside is None:
                return []
            seen += inside
        everywhere = sum(_count(name, facts.source.text.data) for facts in program.files.values())
        return (
            [Edit(value.start_byte, value.end_byte, str(self.threads).encode())] if everywhere == seen else []
        )

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


def _is_safe(site: _Site, program: ProgramFacts, size: str) -> bool:
    """Whether a kernel does something for the numbers below an extent only, and its launch says so."""
    launch, extent = site.launch, covered(site.grid, site.block)
    listed = definitions(program).get(launch.kernel, ())
    if extent is None or len(listed) != 1 or b"__global__" not in listed[0].attributes:
        return False
    if len(listed[0].parameters) != len(launch.arguments) or _is_hidden(site, program):
        return False
    limit = guarded_parameter(listed[0], size or "blockDim.x", program)
    positions = [index for index, item in enumerate(listed[0].parameters) if item.name == limit]
    return len(positions) == 1 and launch.arguments[positions[0]] == extent


def _is_hidden(site: _Site, program: ProgramFacts) -> bool:
    """Whether a macro stands in a launch that may be more than a number."""
    words = set(re.findall(r"[A-Za-z_]\w*", " ".join((site.grid, site.block, *site.launch.arguments))))
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


def _site(launch: Launch, source: ParsedSource, program: ProgramFacts) -> _Site:
    """Look up the variables of a launch; its block is empty where they are not understood."""
    formulas: dict[str, str] = {}
    stretches: dict[tuple[int, int], int] = {}
    variables: dict[str, Node] = {}
    own = (launch.item.content_start, launch.item.content_start + len(launch.item.text))
    for role, text, numbers in (("grid", launch.grid, 2), ("block", launch.block, 1)):
        place = own
        formulas[role] = one_dimension(text)
        value = declared_shape(text, launch.call) if text.isidentifier() else None
        # The name of a whole number is the block's size itself.
        if value is not None and (role == "grid" or not text_of(value).isdigit()):
            if not _is_steady(value, program):
                return _Site(launch, "", "", {}, {})
            written = squeezed(source.code(value).decode("utf-8", "replace"))
            bare = written[1:-1] if value.type in ("argument_list", "parameter_list") else written
            formulas[role] = one_dimension(bare if bare == written else f"dim3({bare})")
            place = (value.start_byte, value.end_byte)
            variables[text] = value
        stretches[place] = stretches.get(place, 0) + numbers
    stretches.setdefault(own, 0)
    return _Site(launch, formulas["grid"], formulas["block"], stretches, variables)


def _is_steady(value: Node, program: ProgramFacts) -> bool:
    """Whether what a formula is made of does not change until the launch."""
    for item in descendants(value, "identifier", "type_identifier"):
        name = text_of(item)
        one = lookup(name, item, program)
        if name not in program.macros and name != "dim3" and (one is None or not _keeps(one, program)):
            return False
    return True


def _keeps(name: Name, program: ProgramFacts) -> bool:
    return not name.levels and (name.const or is_fixed(name, program))


def _is_only_launched(site: _Site, sites: list[_Site], source: ParsedSource) -> bool:
    """Whether the variables of a launch are used by the launches of its group alone."""
    function = ancestor(site.launch.call, "function_definition")
    if function is None:
        return False
    whole = source.code(function)
    ours = [
        other.launch.item.text
        for other in sites
        if function.start_byte <= other.launch.item.start < function.end_byte
    ]
    return all(_count(name, whole) == 1 + sum(_count(name, text) for text in ours) for name in site.variables)
