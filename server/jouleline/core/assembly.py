"""Count inline assembly: PTX in ``asm`` statements.

An instruction counts as what it is compiled to where that is one of a counted class (*PTX ISA*, chapter
"Instructions"); others that are known cost nothing. What is not known is listed with the assumptions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from tree_sitter import Node

from . import tensor
from .counts import Doubt, Operation
from .matrices import MatrixCounter
from .polynomial import Polynomial
from .syntax import descendants, field, text_of
from .values import NOTHING, Value

_ARITHMETIC: Final[Mapping[str, int]] = {"add": 1, "sub": 1, "mul": 1, "fma": 2, "mad": 2}
"""Operations on floating-point numbers; on integers each is one instruction."""
_INTEGER: Final = frozenset(
    "add sub mul mad mul24 mad24 addc subc madc min max abs neg sad shl shr shf and or xor not lop3 bfe bfi "
    "bfind popc clz brev fns dp4a dp2a setp set slct szext bmsk vabsdiff vabsdiff4 cnot".split()
)
_SPECIAL: Final = frozenset("rcp sqrt rsqrt sin cos lg2 ex2 tanh".split())
_FREE: Final = frozenset(
    "mov cvt cvta selp prmt trap exit ret nop bar barrier membar fence nanosleep brkpt pmevent vote "
    "activemask shfl match elect isspacep prefetch prefetchu discard applypriority createpolicy mbarrier "
    "griddepcontrol setmaxnreg mapa getctarank testp copysign ldmatrix stmatrix movmatrix min max abs neg "
    "setp set slct".split()
)
"""What moves, converts, waits or agrees; minima, signs and comparisons where they are not of integers."""
_MOVES: Final[Mapping[str, tuple[bool, ...]]] = {
    "ld": (False,), "ldu": (False,), "st": (True,), "atom": (False, True), "red": (False, True),
}  # fmt: skip
"""Whether what moves to or from memory writes, for each access that it is."""
_ELSEWHERE: Final = frozenset("shared param const local".split())
_CLASSES: Final = {
    "f32": Operation.SP, "f64": Operation.DP, "f16": Operation.HALF, "bf16": Operation.HALF,
    "f16x2": Operation.HALF, "bf16x2": Operation.HALF, "f32x2": Operation.SP,
}  # fmt: skip
_TYPE: Final = re.compile(r"[usb](?:8|16|32|64|128)|pred|b?f(?:16|32|64)(?:x2)?")
_WIDE: Final = frozenset("u64 s64 b64".split())
_COMMENT: Final = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_INSTRUCTION: Final = re.compile(r"(?:@!?%?[\w$]+\s+)?([A-Za-z_][\w.:]*)(.*)", re.DOTALL)
_LABEL: Final = re.compile(r"^\s*[\w$%]+\s*:(?!:)")
_ADDRESS: Final = re.compile(r"\[\s*%(\d{1,9})\s*(?:\+\s*(\d{1,9})\s*)?\]")
_COPIED: Final = re.compile(r"\]\s*,\s*(?:%(\d{1,9})|(\d{1,9}))\b")
_STRING: Final = re.compile(r'"([^"]*)"')
_ESCAPES: Final = ("\\n", "\\t")
_TEXT: Final = ("string_content", "escape_sequence", "raw_string_content", "identifier")


class _Instruction(NamedTuple):
    """An instruction of PTX: its opcode with all modifiers, and the operands behind it."""

    opcode: str
    operands: str

    @property
    def parts(self) -> list[str]:
        return self.opcode.split(".")

    @property
    def types(self) -> list[str]:
        return [one for one in self.parts if _TYPE.fullmatch(one)]

    @property
    def bytes(self) -> int:
        """The size of a number of the last type that is named."""
        bits, _, pair = (self.types[-1] if self.types else "b0").lstrip("usbf").partition("x")
        return int(bits) * int(pair or 1) // 8

    @property
    def operations(self) -> tuple[Operation, float] | None:
        """The class and how many: 0 of what costs nothing, None where that is not known."""
        name, kind = self.parts[0], self.types[-1] if self.types else ""
        if (product := tensor.of_ptx(self.opcode)) is not None:
            return product.operation, product.of_thread
        if name in _SPECIAL and "approx" in self.parts:
            return Operation.SPECIAL, 1
        if (floating := _CLASSES.get(kind)) is not None and name in _ARITHMETIC:
            return floating, _ARITHMETIC[name] * (2 if kind.endswith("x2") else 1)
        if name in _INTEGER and kind[:1] in ("u", "s", "b") and floating is None:
            return Operation.INT, 2 if kind in _WIDE else 1
        return (Operation.INT, 0) if name in _FREE or kind == "pred" or _waits(self.opcode) else None


def _waits(opcode: str) -> bool:
    """Whether an instruction only tells or awaits the end of a group of copies or products."""
    told = ("_group", ".wait_all", ".mbarrier", ".fence")
    return opcode.startswith(("cp.async", "wgmma")) and any(one in opcode for one in told)


@dataclass(slots=True)
class AssemblyCounter(MatrixCounter):
    """Counts the instructions of ``asm`` statements."""

    def assembly(self, node: Node, times: Polynomial) -> Value:
        """Count an ``asm`` statement, whose operands are expressions."""
        given: list[Value] = []
        for name in ("output_operands", "input_operands"):
            listed = field(node, name)
            for operand in listed.named_children if listed is not None else ():
                place = field(operand, "value")
                given.append(self.expression(place, times, write=name == "output_operands"))
                if name == "output_operands":
                    self.assigned(place, Value(given[-1].type, None, given[-1].array))
        unknown: dict[str, None] = {}
        for one in _instructions(node, self.program.macros):
            if (cost := one.operations) is not None:
                if cost[1]:
                    self.tally.count(cost[0], times, cost[1])
            elif not self._moved_by(one, given, times):
                unknown[one.opcode] = None
        if unknown:
            line = node.start_point.row + 1
            self.tally.assume(f"assembly in line {line} is not counted: {', '.join(unknown)}", Doubt.TRIPS)
        return NOTHING

    def _moved_by(self, one: _Instruction, given: Sequence[Value], times: Polynomial) -> bool:
        """Count what an instruction reads or writes in memory; False where that is not known."""
        name, space = one.parts[0], {part.partition("::")[0] for part in one.parts}
        places = _ADDRESS.findall(one.operands)
        if one.opcode.startswith("cp.async") and len(places) > 1:
            written, size = _COPIED.search(one.operands), None
            if written is not None:
                size = float(written[2]) if written[2] else self.number(given, int(written[1]))
            return size is not None and self._reached_at(places[1], given, int(size), times, write=False)
        if name not in _MOVES or not one.types or not places:
            return False
        if not _ELSEWHERE.isdisjoint(space):
            return True
        lanes = next((int(part[1:]) for part in one.parts if part in ("v2", "v4", "v8")), 1)
        size = lanes * one.bytes
        found = [self._reached_at(places[0], given, size, times, write=write) for write in _MOVES[name]]
        return all(found)

    def number(self, given: Sequence[Value], at: int) -> float | None:
        """The finite number that one of some operands or arguments is, where it is known."""
        value = given[at].value if at < len(given) else None
        number = value.number if value is not None else None
        return number if number is not None and math.isfinite(number) else None

    def _reached_at(
        self, place: tuple[str, str], given: Sequence[Value], size: int, times: Polynomial, *, write: bool
    ) -> bool:
        """Count an access by an address in an operand, such as ``[%1 + 16]``."""
        pointer = given[int(place[0])] if int(place[0]) < len(given) else NOTHING
        array, element = pointer.array, pointer.type.element
        if array is None or not element.bytes:
            return False
        if array.offset is not None:
            array = array.at(array.offset + int(place[1] or 0) / element.bytes)
        self.access(array, element, size, times, write=write)
        return True


def _instructions(node: Node, macros: Mapping[str, str]) -> Iterator[_Instruction]:
    """The instructions of a statement, whose text may be pieced together by macros that are strings."""
    code = field(node, "assembly_code")
    words = map(text_of, descendants(code, *_TEXT)) if code is not None else ()
    text = "".join("".join(_STRING.findall(macros.get(one, ""))) or one for one in words)
    for escape in _ESCAPES:
        text = text.replace(escape, "\n")
    for part in _COMMENT.sub("", text).split(";"):
        found = _INSTRUCTION.match(_LABEL.sub("", part.strip(" \n{}")).lstrip(" \n{"))
        if found is not None:
            yield _Instruction(found[1], found[2])
