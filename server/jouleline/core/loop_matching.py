"""Find for each loop in machine code the source loop it came from, and how far it was unrolled."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from . import gcn_instructions
from .controlflow import Graph, Loop
from .counted_loops import COUNTERS, STEP, iterations_in_code
from .sass import Instruction
from .tensor import UNITS
from .visits import Line, SourceLoop, Visits

_SHARE: Final = 0.5
_FEWEST_WRITTEN_OUT: Final = 3
_MOST_UNROLLED: Final = 128
_REGISTER: Final = re.compile(r"\bU?R\d+\b")
_OF_HIGH_WORDS: Final = re.compile(r"\.EX$")
_PREDICATE: Final = re.compile(r"\bU?P\d\b")
_COPIED: Final = frozenset(
    ("FADD", "FMUL", "FFMA", "DADD", "DMUL", "DFMA", "LDG", "LDS", "STG", "STS", "MUFU", *UNITS)
)
_ADDING: Final = COUNTERS | {"IMAD", "UIMAD"}


@dataclass(frozen=True, slots=True)
class MatchedLoop:
    """A loop of machine code with its source.

    ``source`` is None for a loop that the source does not show: one of a library, or one the compiler
    made. ``unrolled`` counts the iterations of the source in one of the machine's, and ``iterations`` those
    of the machine each time the loop is entered, if they stand in its code.
    """

    loop: Loop
    source: SourceLoop | None
    unrolled: int = 1
    foreign: bool = False
    iterations: int | None = None


def match_loops(graph: Graph, visits: Visits) -> list[MatchedLoop]:
    """The loops of :attr:`Graph.loops`, matched, in the same order."""
    loops = graph.loops
    files = {file for file, _ in visits.lines} | {loop.file for loop in visits.loops}
    matched: dict[int, MatchedLoop] = {}
    for place in reversed(range(len(loops))):  # what is inside first
        inside = [other for other, loop in enumerate(loops) if loop.parent == place]
        taken = {matched[other].source for other in inside}
        covered = frozenset().union(*(loops[other].blocks for other in inside))
        own = _instructions(graph, loops[place].blocks - covered)
        jumps = _jumps(graph, loops[place])
        foreign = _is_foreign([jump for jump in jumps if jump.places] or own, files)
        source = None
        if not foreign:
            source = _controlling(graph, loops[place], visits, taken) or _source(own, visits, taken)
            if source is None and not any(each.places for each in own):
                source = _source(_instructions(graph, loops[place].blocks), visits, taken)
        iterations = iterations_in_code(graph, loops[place])
        if iterations and source and source.trips > iterations * len(own):
            source = None  # it fills an array that is declared in the loop, for instance
        unrolled = 1
        if source and iterations:
            unrolled = max(1, round(source.trips / iterations))
        elif source:
            unrolled = _unrolled(own, jumps, source, visits)
        matched[place] = MatchedLoop(loops[place], source, unrolled, foreign, iterations)
    found = _without_idle(graph, [matched[place] for place in range(len(loops))], visits)
    return _compared(graph, found)


def _beside(matched: Sequence[MatchedLoop]) -> list[list[int]]:
    """The places of loops that came from the same one and stand beside each other."""
    groups: dict[tuple[SourceLoop, int | None], list[int]] = {}
    for place, loop in enumerate(matched):
        if loop.source and loop.iterations is None:
            groups.setdefault((loop.source, loop.loop.parent), []).append(place)
    return [places for places in groups.values() if len(places) > 1]


def _without_idle(graph: Graph, matched: Sequence[MatchedLoop], visits: Visits) -> list[MatchedLoop]:
    """The loops, without iterations for the versions that a compiler made for inner loops that do not run.

    Where a condition does not change in a loop, there is one version for each outcome; the version that
    lacks an inner loop which has iterations is for the outcome that does not come.
    """
    found = list(matched)
    for places in _beside(matched):
        inner = {place: _loops_within(graph, matched[place], visits) for place in places}
        every = frozenset().union(*inner.values())
        for place in places:
            if inner[place] != every and every in inner.values():
                found[place] = replace(matched[place], iterations=0)
    return found


def _loops_within(graph: Graph, matched: MatchedLoop, visits: Visits) -> frozenset[SourceLoop]:
    """The source loops with iterations of which there is code in a loop, and which are not around it."""
    source = matched.source
    lines = {each.places for each in _instructions(graph, matched.loop.blocks)}
    loops = {loop for places in lines for loop in around(places, visits.loops) if loop.iterations > 0}
    return frozenset(loop for loop in loops if source is None or not _encloses(loop, source))


def _compared(graph: Graph, matched: Sequence[MatchedLoop]) -> list[MatchedLoop]:
    """The loops, those that were unrolled by a step that is not in the code compared with their rest."""
    found = list(matched)
    for places in _beside(matched):
        if any(matched[place].unrolled > 1 for place in places):
            continue
        sizes = {place: _arithmetic(_instructions(graph, matched[place].loop.blocks)) for place in places}
        least = min(sizes.values())
        for place in places:
            found[place] = replace(matched[place], unrolled=round(sizes[place] / least) if least else 1)
    return found


def _arithmetic(own: Sequence[Instruction]) -> int:
    return sum(_weight(each) for each in own)


def _weight(instruction: Instruction) -> int:
    """How many copies of a loop's body an instruction speaks of; 0 for one that may not be copied."""
    return int(instruction.name in _COPIED) or gcn_instructions.copies(instruction)


def _instructions(graph: Graph, blocks: Iterable[int]) -> list[Instruction]:
    return [each for index in sorted(blocks) for each in graph.blocks[index].instructions]


def _is_foreign(own: Sequence[Instruction], files: set[str]) -> bool:
    known = [each for each in own if each.places]
    strange = sum(each.places[0][0] not in files for each in known)
    return bool(known) and strange > len(known) / 2


def around(places: Sequence[Line], loops: Iterable[SourceLoop]) -> list[SourceLoop]:
    """The source loops around an instruction, inner ones first, calls followed outwards."""
    found: list[SourceLoop] = []
    for line in places:
        holding = [loop for loop in loops if loop.holds(line)]
        found += sorted(holding, key=lambda loop: loop.last - loop.first)
    return found


def _jumps(graph: Graph, loop: Loop) -> list[Instruction]:
    """The jumps back to the loop's header and out of the loop."""
    jumps = [graph.blocks[latch].last for latch in loop.latches]
    jumps += [
        graph.blocks[index].last
        for index in sorted(loop.blocks)
        if any(after not in loop.blocks for after in graph.blocks[index].after)
    ]
    return jumps


def _controlling(
    graph: Graph, loop: Loop, visits: Visits, taken: Iterable[SourceLoop | None]
) -> SourceLoop | None:
    """The loop whose head the jump back came from.

    Most instructions of a loop may be of another one inside it that was unrolled to the end.
    """
    refused = [other for other in taken if other is not None]
    for jump in _jumps(graph, loop):
        found = around(jump.places, visits.loops)
        if found and jump.places and found[0].holds(jump.places[0]) and found[0] not in refused:
            heads = (found[0].first, found[0].last)
            if jump.places[0][1] in heads and not any(_encloses(other, found[0]) for other in refused):
                return found[0]
    return None


def _source(
    own: Sequence[Instruction], visits: Visits, taken: Iterable[SourceLoop | None]
) -> SourceLoop | None:
    """The innermost loop that most instructions are in, and that no loop inside was matched with."""
    votes: Counter[SourceLoop] = Counter()
    depth: dict[SourceLoop, int] = {}
    known = 0
    # Heads of loops that were merged into one stand in it together, and say nothing of which it is.
    heads = {(loop.file, loop.first) for loop in visits.loops if loop.last > loop.first}
    telling = [each for each in own if each.places and each.places[0] not in heads] or own
    within = [list(dict.fromkeys(around(each.places, visits.loops))) for each in telling]
    written_out = _written_out(zip(telling, within, strict=True))
    for all_loops in within:
        loops = [loop for loop in all_loops if loop not in written_out]
        # A line in no loop is of a function that was inlined: it may have been called in any.
        known += bool(loops)
        votes.update(loops)
        for place, loop in enumerate(reversed(loops)):
            depth[loop] = max(depth.get(loop, 0), place)
    refused = [loop for loop in taken if loop is not None]
    candidates = [
        loop
        for loop, votes_for in votes.items()
        if votes_for >= _SHARE * known
        and loop not in refused
        and not any(_encloses(other, loop) for other in refused)
    ]
    return max(candidates, key=lambda loop: depth[loop], default=None)


def _written_out(code: Iterable[tuple[Instruction, Sequence[SourceLoop]]]) -> set[SourceLoop]:
    """The loops of which the code holds each instruction as often as they would iterate."""
    copies: dict[SourceLoop, Counter[tuple[Line, str]]] = {}
    for each, loops in code:
        if loops and loops[0].trips >= _FEWEST_WRITTEN_OUT and (weight := _weight(each)):
            copies.setdefault(loops[0], Counter())[each.places[0], each.opcode] += weight
    return {
        loop
        for loop, counted in copies.items()
        if sum(count for count in counted.values() if count >= loop.trips) >= _SHARE * sum(counted.values())
    }


def _encloses(outer: SourceLoop, inner: SourceLoop) -> bool:
    return outer.file == inner.file and outer.first <= inner.first and inner.last <= outer.last


def _copies(source: SourceLoop, own: Sequence[Instruction], visits: Visits) -> Counter[tuple[Line, str]]:
    """How often the same instruction of the same line stands in the code of a loop."""
    direct = [each for each in own if around(each.places, visits.loops)[:1] == [source]]
    found: Counter[tuple[Line, str]] = Counter()
    for each in direct:
        if weight := _weight(each):
            found[each.places[0], each.opcode] += weight
    return found or Counter((each.places[0], each.opcode) for each in direct or own if each.places)


def _unrolled(
    own: Sequence[Instruction], jumps: Sequence[Instruction], source: SourceLoop, visits: Visits
) -> int:
    """By how much the loop's counter steps, if the code was copied as often."""
    steps = _steps(own)
    compared = {register for jump in jumps for register in _compared_by(jump, own)}
    copies = _copies(source, own, visits)
    most = max(copies.values(), default=1)
    by = abs(source.step) if source.step else 1.0
    best = 1
    for register, amount in steps.items():
        if register in compared and amount % by == 0:
            factor = int(amount / by)
            best = max(best, _divisor(min(factor, _MOST_UNROLLED), factor, copies, most))
    return best


def _compared_by(jump: Instruction, own: Sequence[Instruction]) -> set[str]:
    """The registers in the comparison that decides a jump, and those that were added up for it.

    It is the last one before the jump that sets its predicate.
    """
    before = [each for each in own if each.address < jump.address]
    if jump.opcode.startswith("s_"):
        return set(gcn_instructions.compared(before))
    deciding = set(_PREDICATE.findall(f"{jump.predicate} {jump.operands}"))
    for each in before:  # a comparison for the whole warp is passed on by a PLOP3
        predicates = _PREDICATE.findall(each.operands)
        if each.name == "PLOP3" and deciding & set(predicates[:2]):
            deciding |= set(predicates)
    found: set[str] = set()
    for each in reversed(before):
        predicates = _PREDICATE.findall(each.operands)
        if each.name in ("ISETP", "UISETP") and not found and deciding & set(predicates[:2]):
            if len(predicates) > 1 and _OF_HIGH_WORDS.search(each.opcode):
                deciding = {predicates[-1]}
            else:
                found = set(_REGISTER.findall(each.operands))
        elif each.name in _ADDING and (target := _REGISTER.match(each.operands)) and target[0] in found:
            found |= set(_REGISTER.findall(each.operands))
    return found


def _steps(own: Sequence[Instruction]) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for each in own:
        if each.name in COUNTERS and (matched := STEP.match(each.operands)) and matched[1] == matched[2]:
            found[matched[1]] = abs(int(matched[3], 16))
        elif stepped := gcn_instructions.step(each):
            found[stepped[0]] = stepped[1]
    return found


def _divisor(limit: int, factor: int, copies: Counter[tuple[Line, str]], most: int) -> int:
    """The largest divisor of ``factor`` that divides most of the numbers of copies."""
    total = sum(copies.values())
    for candidate in range(min(limit, most), 1, -1):
        if factor % candidate:
            continue
        fitting = sum(number for number in copies.values() if number % candidate == 0)
        if fitting >= _SHARE * total:
            return candidate
    return 1
