"""Loops of machine code whose number of iterations stands in the code itself.

A counter that starts at a constant, moves by a constant and is compared with a constant tells how often a
loop runs, whatever line the loop came from: so it is with those that a compiler makes itself, to fill an
array or copy an object, and with a library's, none of which the source shows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from .controlflow import Graph, Loop, is_conditional, is_jump
from .kept import cached_property
from .sass import Instruction

STEP: Final = re.compile(r"^(U?R\d+), (?:U?P\w+, ){0,2}(U?R\d+)(?:\.reuse)?, (-?0x[0-9a-f]+)(?:,|$)")
"""The operands of what adds a constant: where the sum goes, to what, and how much."""
COUNTERS: Final = frozenset(("IADD3", "UIADD3", "IADD", "VIADD"))
"""What adds such constants."""
_COMPARED: Final = re.compile(
    r"^U?P\d, U?PT, (?P<register>U?R\d+), (?P<bound>-?0x[0-9a-f]+|U?RZ|U?R\d+), U?PT$"
)
_HIGH_WORDS: Final = re.compile(r"^U?P\d, U?PT, U?R\d+, U?RZ, U?PT, (?P<low>U?P\d)$")
_PASSED_ON: Final = re.compile(r"^P\d, PT, PT, PT, (?P<uniform>UP\d), 0x80, 0x0$")
_CONSTANTS: Final = {
    "MOV": re.compile(r"^R\d+, (0x[0-9a-f]+|RZ)$"),
    "IMAD.MOV.U32": re.compile(r"^R\d+, RZ, RZ, (-?0x[0-9a-f]+|RZ)$"),
    "UMOV": re.compile(r"^UR\d+, (0x[0-9a-f]+|URZ)$"),
    "CS2R": re.compile(r"^R\d+, S(RZ)$"),
    "HFMA2.MMA": re.compile(r"^R\d+, -RZ, RZ, 0(?:\.0)?, 0()(?:\.0)?$"),
}
# A predicate may come first: SHFL.IDX PT, R5, R4.
_TARGET: Final = re.compile(r"^(?:U?P\w+, )?(U?R)(\d+)(?:,|$)")
_WIDE: Final = re.compile(r"\.64|\.WIDE|^CS2R$|^D(?:ADD|MUL|FMA)|^(?:F2F|I2F)\.F64")
_TOWARDS: Final = {"LT": (1, 0), "LE": (1, 1), "NE": (0, 0), "GT": (-1, 0), "GE": (-1, 1)}
"""Which way the counter of a loop goes that runs while it compares so, and how far beyond the bound."""
_OPPOSITE: Final = {"LT": "GE", "GE": "LT", "LE": "GT", "GT": "LE", "NE": "EQ", "EQ": "NE"}
_WORD: Final = 1 << 32


class _Place(NamedTuple):
    """An instruction, the block it is in and its place there."""

    block: int
    place: int
    instruction: Instruction


class Step(NamedTuple):
    """What a register moves by in each iteration."""

    amount: int
    at: _Place


def iterations_in_code(graph: Graph, loop: Loop) -> int | None:
    """How often a loop runs each time it is entered; None if the code does not tell."""
    return _Control(graph, loop).iterations


@dataclass(frozen=True)
class _Control:
    """What decides how often a loop runs."""

    graph: Graph
    loop: Loop

    @property
    def iterations(self) -> int | None:
        graph, header = self.graph, self.loop.header
        leaving = [
            index
            for index in self.loop.blocks
            if graph.blocks[index].leaves
            or any(after not in self.loop.blocks for after in graph.blocks[index].after)
        ]
        if len(leaving) != 1 or not all(graph.dominates(leaving[0], latch) for latch in self.loop.latches):
            return None
        block = graph.blocks[leaving[0]]
        jump = block.last
        if not is_jump(jump) or not is_conditional(jump) or not jump.predicate or len(block.after) != 2:
            return None
        compared = self._comparison(_Place(block.index, len(block.instructions) - 1, jump))
        if compared is None:
            return None
        matched = _COMPARED.match(compared.instruction.operands.replace(".reuse", ""))
        relation = compared.instruction.opcode.split(".")[1]
        if matched is None or relation not in _OPPOSITE:
            return None
        jumps_back = block.after[0] in self.loop.blocks
        if jump.predicate.startswith("!") == jumps_back:
            relation = _OPPOSITE[relation]
        step, first = self._step(matched["register"]), self._before(header, matched["register"])
        bound = self._value(matched["bound"])
        if step is None or first is None or bound is None or relation not in _TOWARDS:
            return None
        moved = self._precedes(step.at, compared)
        return _trips(first + step.amount * moved, step.amount, relation, bound)

    @cached_property
    def _own(self) -> list[_Place]:
        return [
            _Place(index, place, each)
            for index in sorted(self.loop.blocks)
            for place, each in enumerate(self.graph.blocks[index].instructions)
        ]

    def _comparison(self, jump: _Place) -> _Place | None:
        """The comparison that decides a jump, through what passes its outcome on."""
        here, wanted = jump, jump.instruction.predicate.lstrip("!")
        for _ in range(3):
            found = self._setting(wanted, here)
            if found is None or found.instruction.predicate:
                return None
            name, operands = found.instruction.name, found.instruction.operands
            if name == "PLOP3" and (passed := _PASSED_ON.match(operands)):
                here, wanted = found, passed["uniform"]
            elif name not in ("ISETP", "UISETP"):
                return None
            elif high := _HIGH_WORDS.match(operands):
                here, wanted = found, high["low"]
            else:
                return found
        return None

    def _setting(self, predicate: str, before: _Place) -> _Place | None:
        """What sets a predicate: the last in the same block, or the only one on every way to it."""
        setting = [
            each
            for each in self._own
            if predicate in (part.strip() for part in each.instruction.operands.split(",")[:2])
        ]
        same = [each for each in setting if each.block == before.block and each.place < before.place]
        if same:
            return same[-1]
        return setting[0] if len(setting) == 1 and self._precedes(setting[0], before) else None

    def _precedes(self, one: _Place, other: _Place) -> bool:
        if one.block == other.block:
            return one.place < other.place
        return self.graph.dominates(one.block, other.block)

    def _step(self, register: str) -> Step | None:
        """The only change of a register in the loop, which happens in every iteration."""
        changes = [each for each in self._own if register in _written(each.instruction)]
        if len(changes) != 1:
            return None
        (change,) = changes
        instruction = change.instruction
        matched = STEP.match(instruction.operands)
        if matched is None or matched[2] != register:
            return None
        if instruction.predicate or instruction.name not in COUNTERS:
            return None
        always = all(self.graph.dominates(change.block, latch) for latch in self.loop.latches)
        inner = any(
            change.block in other.blocks and other.blocks < self.loop.blocks for other in self.graph.loops
        )
        return Step(_number(matched[3]), change) if always and not inner else None

    def _value(self, operand: str) -> int | None:
        """The constant that an operand has all through the loop."""
        if not _TARGET.match(operand):
            return _number(operand)
        if any(operand in _written(each.instruction) for each in self._own):
            return None
        return self._before(self.loop.header, operand)

    def _before(self, here: int, register: str) -> int | None:
        """The constant that a register holds when the loop is entered."""
        graph = self.graph
        while True:
            above = graph.dominator[here]
            if here == above:
                return None
            # Nothing on the ways from there to here may change it.
            between: set[int] = set()
            waiting = [each for each in graph.before[here] if each not in self.loop.blocks]
            while waiting:
                index = waiting.pop()
                if index != above and index not in between:
                    between.add(index)
                    waiting += graph.before[index]
            if any(
                register in _written(each) for index in between for each in graph.blocks[index].instructions
            ):
                return None
            for each in reversed(graph.blocks[above].instructions):
                if register in _written(each):
                    return _constant(each, register)
            here = above


def _trips(first: int, step: int, relation: str, bound: int) -> int | None:
    """Iterations of a loop that goes on while a relation holds; ``first`` is what is compared first."""
    towards, beyond = _TOWARDS[relation]
    if not step:
        return None
    if not towards:
        whole, rest = divmod(bound - first, step)
        return None if rest or whole < 0 else 1 + whole
    if towards * step <= 0:
        return None
    return 1 + max(0, -(-(towards * (bound - first) + beyond) // abs(step)))


def _constant(instruction: Instruction, register: str) -> int | None:
    pattern = _CONSTANTS.get(instruction.opcode)
    if pattern is None or instruction.predicate or not (matched := pattern.match(instruction.operands)):
        return None
    return _number(matched[1]) if _written(instruction)[0] == register or not matched[1] else 0


def _written(instruction: Instruction) -> tuple[str, ...]:
    """The registers that an instruction may change; those of a wide result follow each other."""
    matched = _TARGET.match(instruction.operands)
    if matched is None or instruction.name.startswith(("ST", "RED")):
        return ()
    words = 4 if ".128" in instruction.opcode else 2 if _WIDE.search(instruction.opcode) else 1
    return tuple(f"{matched[1]}{int(matched[2]) + place}" for place in range(words))


def _number(text: str) -> int:
    """An operand's value as a signed word; registers that are always zero are written so."""
    value = int(text, 16) if "x" in text else 0
    return value - _WORD if value >= _WORD // 2 else value
