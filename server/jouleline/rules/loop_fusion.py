"""Neighbouring loops over the same arrays: one loop that goes over them once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tree_sitter import Node

from jouleline.core.candidate import Rewrite
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.source import Edit
from jouleline.core.syntax import ParsedSource, descendants, text_of
from jouleline.core.syntax import field as child

from .analysis import Region, end_of_clauses, indentation, kernel_code, line_of, newline, regions
from .loops import same_text
from .memory import Memory
from .plain_loops import PlainLoop, plain_loop
from .precision import Reader

_HEADER = ("initializer", "condition", "update")
_CLAUSES = frozenset("reduction schedule num_threads default shared map num_teams thread_limit".split())
_MOST = 8
"""Loops that are fused into one: more of them would need more registers than there are."""


@dataclass(frozen=True)
class _Step:
    """A loop and the directive that shares it among threads, if there is one."""

    plain: PlainLoop
    region: Region | None

    @property
    def node(self) -> Node:
        return self.plain.loop.node

    @property
    def start(self) -> int:
        return self.region.pragma.start_byte if self.region else self.node.start_byte


@dataclass(frozen=True)
class LoopFusion:
    """Two loops with the same iterations become one, where each iteration needs only its own results."""

    name: str = "loop-fusion"
    title: str = "Fuse neighbouring loops over the same arrays"
    rationale: str = (
        "Each loop reads its arrays from memory again, and each parallel loop makes its threads wait for "
        "each other. Loops are fused where they have the same iterations and share an array, and whatever "
        "one of them writes and the other touches is the same element in the same iteration."
    )
    smell: str = "Neighbouring loops fetch the same arrays from memory once each: fuse them."

    def rewrites(self, source: ParsedSource, program: ProgramFacts) -> list[Rewrite]:
        """One rewrite for each group of neighbouring loops."""
        all_regions = {item.statement.id: item for item in regions(source)}
        kernels = [(item.start_byte, item.end_byte) for item in kernel_code(source, program)]
        if not kernels:
            return []
        reader, memory = Reader(source, program), Memory(program)
        found: list[Rewrite] = []
        for block in descendants(source.root, "compound_statement"):
            in_kernel = any(start <= block.start_byte < end for start, end in kernels)
            for group in _groups(block, all_regions, reader, memory):
                if in_kernel or all(item.region for item in group):
                    edits = tuple(sorted(_edits(group, source)))
                    line = line_of(source, group[0].start)
                    found.append(Rewrite(self.name, line, self.title, self.rationale, edits))
        return sorted(found, key=lambda item: item.line)


def _groups(
    block: Node, all_regions: dict[int, Region], reader: Reader, memory: Memory
) -> Iterator[list[_Step]]:
    """Neighbouring loops of a block that can all be fused."""
    group: list[_Step] = []
    for item in block.named_children:
        if item.type in ("comment", "preproc_call"):
            continue
        step = _step(item, all_regions, reader) if item.type == "for_statement" else None
        if step is not None and group and len(group) < _MOST and _joins(step, group, memory):
            group.append(step)
            continue
        if len(group) > 1:
            yield group
        group = [step] if step is not None else []
    if len(group) > 1:
        yield group


def _step(node: Node, all_regions: dict[int, Region], reader: Reader) -> _Step | None:
    region = all_regions.get(node.id)
    before = node.prev_named_sibling
    while before is not None and before.type == "comment":
        before = before.prev_named_sibling
    if before is not None and before.type == "preproc_call" and (not region or before.id != region.pragma.id):
        return None
    if region is not None and not _is_plain_sharing(region):
        return None
    loop = plain_loop(node, reader)
    if loop is None or loop.loop.body.type != "compound_statement" or not loop.loop.body.named_children:
        return None
    reduced = _reduced(region) if region is not None else loop.sums.keys()
    return _Step(loop, region) if loop.sums.keys() <= set(reduced) else None


def _is_plain_sharing(region: Region) -> bool:
    """Whether a directive shares one loop, waits at its end, and gives no thread its own variables."""
    before = region.pragma.prev_named_sibling
    if before is not None and before.type == "preproc_call":
        return False  # several directives in a row
    directive = region.directive
    return (
        "for" in directive.words
        and directive.collapse == 1
        and all(clause.name in _CLAUSES for clause in directive.clauses)
    )


def _reduced(region: Region) -> list[str]:
    return [
        name.strip()
        for clause in region.directive.clauses
        if clause.name == "reduction"
        for name in clause.argument.partition(":")[2].split(",")
    ]


def _joins(step: _Step, group: list[_Step], memory: Memory) -> bool:
    """Whether a loop may run in the iterations of the ones before it, and gains by it."""
    if not all(_are_alike(other, step) and _may_mix(other.plain, step.plain, memory) for other in group):
        return False
    return any(step.plain.arrays.keys() & other.plain.arrays.keys() for other in group)


def _are_alike(first: _Step, second: _Step) -> bool:
    """Whether two loops have the same iterations, shared among threads in the same way."""
    if not all(same_text(child(first.node, part), child(second.node, part)) for part in _HEADER):
        return False
    if first.region is None or second.region is None:
        return first.region is second.region
    one, two = first.region.directive, second.region.directive
    # What a target region sums up is mapped by a clause of its own: then all clauses are the same.
    apart = () if one.has("target") else ("reduction",)
    clauses = [
        {(item.name, "".join(item.argument.split())) for item in directive.clauses if item.name not in apart}
        for directive in (one, two)
    ]
    return one.words == two.words and clauses[0] == clauses[1]


def _may_mix(first: PlainLoop, second: PlainLoop, memory: Memory) -> bool:
    """Whether the second loop's iteration may run before later iterations of the first one."""
    for one, two in ((first, second), (second, first)):
        names = {text_of(item) for item in descendants(two.loop.node, "identifier")}
        if names & (one.sums.keys() | one.own):
            return False
    for name in first.arrays.keys() & second.arrays.keys() & (first.written | second.written):
        listed = [item for item in (*first.accesses, *second.accesses) if item.array == name]
        if any(item.index != listed[0].index for item in listed) or not first.is_one_to_one(listed[0]):
            return False
    for one, two in ((first, second), (second, first)):
        for name in one.written:
            for other, place in two.arrays.items():
                if other != name and not memory.distinct(one.arrays[name], place):
                    return False
    return True


def _edits(group: list[_Step], source: ParsedSource) -> Iterator[Edit]:
    """Cut what stands between the bodies, comments aside, and reduce in the first directive."""
    data, eol = source.text.data, newline(source)
    for first, second in pairwise(group):
        inner = first.plain.loop.body.named_children[-1]
        start = max(inner.end_byte, len(data[: first.plain.loop.body.end_byte - 1].rstrip()))
        kept = [
            item
            for item in _between(first.node, second.node)
            if item.type == "comment" and item.start_byte >= first.node.end_byte
        ]
        step = indentation(source, inner.start_byte)
        replacement = b"".join(eol + step + source.code(item) for item in kept)
        yield Edit(start, second.plain.loop.body.start_byte + 1, replacement)
    region = group[0].region
    if region is not None:
        more = [
            f" reduction({clause.argument})".encode()
            for item in group[1:]
            if item.region is not None and not region.directive.has("target")
            for clause in item.region.directive.clauses
            if clause.name == "reduction"
        ]
        if more:
            place = end_of_clauses(region, source)
            yield Edit(place, place, b"".join(more))


def _between(first: Node, second: Node) -> Iterator[Node]:
    item = first.next_named_sibling
    while item is not None and item.id != second.id:
        yield item
        item = item.next_named_sibling
