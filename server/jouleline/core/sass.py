"""Read the machine code of NVIDIA GPUs, as ``nvdisasm -gi -c`` prints it, and what ptxas said of it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from .visits import Line

_SECTION: Final = re.compile(r"^//-+ \.text\.(\S+)\s+-+")
_LABEL: Final = re.compile(r"^(?:\.text\.)?([.$\w]+):")
_PLACE: Final = re.compile(r'^\s*//## File "([^"]+)", line (\d+)')
_INSTRUCTION: Final = re.compile(
    r"^\s*/\*(?P<address>[0-9a-f]{4,})\*/\s+(?:@(?P<predicate>!?U?P\w+)\s+)?(?P<opcode>[A-Z][A-Z0-9_.x]*)"
    r"\s*(?P<operands>[^;]*)"
)
_TARGET: Final = re.compile(r"`\(([^)]+)\)")
_TABLE: Final = re.compile(r"BRANCH_TARGETS ([^\"*]+)")
_PROPERTIES: Final = re.compile(r"Function properties for (\S+)")
_COMPILING: Final = re.compile(r"Compiling entry function '([^']+)'")
_SPILLS: Final = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
_REGISTERS: Final = re.compile(r"Used (\d+) registers")
_SHARED: Final = re.compile(r"(\d+) bytes smem")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One machine instruction.

    ``predicate`` is empty for one that every active thread executes. ``places`` are the source lines
    it came from: its own, then that of the call which was inlined, and so on outwards.
    """

    address: int
    opcode: str
    operands: str = ""
    predicate: str = ""
    places: tuple[Line, ...] = ()

    @property
    def name(self) -> str:
        """The opcode without its modifiers."""
        return self.opcode.partition(".")[0]

    @property
    def targets(self) -> tuple[str, ...]:
        """The labels that it may jump to."""
        if table := _TABLE.search(self.operands):
            return tuple(part.strip() for part in table[1].split(","))
        return tuple(_TARGET.findall(self.operands))


@dataclass(frozen=True, slots=True)
class Resources:
    """What a kernel needs of a multiprocessor: registers of a thread, and bytes.

    ``spill_bytes`` are the stores and loads of spilled registers as they stand in the code, once each,
    per thread; ``shared_bytes`` is what the code declares, without what a launch adds.
    """

    registers: int = 0
    stack_bytes: int = 0
    spill_bytes: int = 0
    shared_bytes: int = 0


@dataclass(frozen=True)
class MachineCode:
    """The code of one kernel or function that is called; ``labels`` give the index they stand before."""

    name: str
    instructions: tuple[Instruction, ...]
    labels: dict[str, int] = field(default_factory=dict)
    resources: Resources = Resources()


def parse_sass(text: str, log: str = "") -> list[MachineCode]:
    """The functions of a listing, with the resources that ptxas printed (``-Xptxas -v``)."""
    resources = _resources(log)
    return [
        replace(code, resources=resources.get(code.name, Resources()))
        for code in _functions(text)
        if code.instructions
    ]


def _functions(text: str) -> Iterator[MachineCode]:
    name = ""
    instructions: list[Instruction] = []
    labels: dict[str, int] = {}
    places: tuple[Line, ...] = ()
    fresh = True
    for line in text.splitlines():
        if place := _PLACE.match(line):
            here = (posixpath.normpath(place[1]), int(place[2]))
            places = (here,) if fresh else (*places, here)
            fresh = False
            continue
        if matched := _INSTRUCTION.match(line):
            fresh = True
            instructions.append(
                Instruction(
                    int(matched["address"], 16),
                    matched["opcode"],
                    matched["operands"].strip(),
                    matched["predicate"] or "",
                    places,
                )
            )
        elif section := _SECTION.match(line):
            if name:
                yield MachineCode(name, tuple(instructions), labels)
            name, instructions, labels, places = section[1], [], {}, ()
        elif label := _LABEL.match(line):
            labels[label[1]] = len(instructions)
    if name:
        yield MachineCode(name, tuple(instructions), labels)


def _resources(log: str) -> dict[str, Resources]:
    found: dict[str, Resources] = {}
    name = ""
    for line in log.splitlines():
        if matched := _COMPILING.search(line) or _PROPERTIES.search(line):
            name = matched[1]
        elif matched := _SPILLS.search(line):
            stack, stores, loads = (int(number) for number in matched.groups())
            known = found.get(name, Resources())
            found[name] = replace(known, stack_bytes=stack, spill_bytes=stores + loads)
        if matched := _REGISTERS.search(line):
            shared = _SHARED.search(line)
            known = found.get(name, Resources())
            found[name] = replace(
                known, registers=int(matched[1]), shared_bytes=int(shared[1]) if shared else 0
            )
    return found
