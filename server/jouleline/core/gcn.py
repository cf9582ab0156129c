"""Read the machine code of AMD GPUs, as LLVM writes it for HIP (``-S -gline-tables-only``)."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from .dwarf import InlinedCall, inlined_calls
from .exec_masks import by_thread
from .sass import Instruction, MachineCode, Resources
from .visits import Line

_FUNCTION: Final = re.compile(r"^\s*\.type\s+([\w.$]+),@function")
_LABEL: Final = re.compile(r"^([\w.$]+):")
_FILE: Final = re.compile(r'^\s*\.file\s+(\d+)\s+"([^"]*)"(?:\s+"([^"]*)")?')
_PLACE: Final = re.compile(r"^\s*\.loc\s+(\d+)\s+(\d+)")
_INSTRUCTION: Final = re.compile(r"^\s+([a-z]+_\w+)\s*([^;]*)")
_ENCODING: Final = re.compile(r"_(e32|e64|sdwa|dpp|e64_dpp)$")
_BRANCH: Final = re.compile(r"s_(?:branch|cbranch_(\w+))")
_MASKS: Final = re.compile(r"s_(?:and|or|xor|mov|andn2|and_not1)(?:_saveexec)?_b(?:32|64)")
_CALLEE: Final = re.compile(r"([\w.$]+)@(?:gotpc)?rel32@lo")
_SPILL: Final = re.compile(r"; (\d+)-byte Folded (?:Spill|Reload)")
_KERNEL: Final = re.compile(r"^(?:  - |    )\.(\w+):\s+(\S+)$")


@dataclass
class _Function:
    """What was read of a function so far.

    ``decided`` has, for branches without a line of their own, the comparison that decides them, if it
    stands in their block: ``compared`` has it for each mask. ``callee`` is the function whose address was
    taken last.
    """

    name: str
    instructions: list[Instruction] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    decided: dict[int, int | None] = field(default_factory=dict)
    spill_bytes: int = 0
    callee: str = ""
    compared: dict[str, int] = field(default_factory=dict)

    def add(self, opcode: str, operands: str, places: tuple[Line, ...], *, fresh: bool) -> None:
        """Read an instruction; ``fresh`` says that its line stands in front of it."""
        address = len(self.instructions)
        predicate = ""
        if named := _CALLEE.search(operands):
            self.callee = named[1]
        if branch := _BRANCH.fullmatch(opcode):
            operands, predicate = f"`({operands})", branch[1] or ""
            if not fresh:
                self.decided[address] = self.compared.get((branch[1] or "").rstrip("nz01"))
            self.compared.clear()
        elif opcode == "s_swappc_b64":
            operands = f"`({self.callee})"
        else:
            self._compare(address, opcode, operands)
        opcode = _ENCODING.sub(r".\1", opcode)
        self.instructions.append(Instruction(address, opcode, operands, predicate, places))

    def code(self, kernel: dict[str, str]) -> MachineCode:
        """The function's code; ``kernel`` is what the metadata say of it, if it is a kernel."""
        instructions, labels = by_thread(self.instructions, self.labels)
        numbers = {key: int(value) for key, value in kernel.items() if value.isdigit()}
        return MachineCode(
            self.name,
            tuple(instructions),
            labels,
            Resources(
                numbers.get("vgpr_count", 0),
                numbers.get("private_segment_fixed_size", 0),
                self.spill_bytes,
                numbers.get("group_segment_fixed_size", 0),
            ),
        )

    def _compare(self, address: int, opcode: str, operands: str) -> None:
        """Note which masks come from which comparison."""
        to, *of = [operand.strip().replace("_lo", "") for operand in operands.split(",")]
        if opcode.startswith("s_cmp"):
            self.compared["scc"] = address
        elif opcode.startswith("v_cmp"):
            self.compared["exec" if opcode.startswith("v_cmpx") else to] = address
        elif _MASKS.fullmatch(opcode):
            known = max((self.compared[each] for each in of if each in self.compared), default=None)
            for mask in (to, "exec") if "saveexec" in opcode else (to,):
                self.compared.pop(mask, None)
                if known is not None:
                    self.compared[mask] = known


@dataclass
class _Listing:
    """What was read of all functions. ``marks`` are how many instructions stand before each label."""

    functions: list[_Function] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)


def parse_gcn(text: str) -> list[MachineCode]:
    """The functions of a listing, with the resources that its metadata tell.

    Branches on the execution mask are written as each thread takes them, see :mod:`.exec_masks`. What an
    instruction is encoded as is set off with a dot, as NVIDIA's modifiers are: ``v_add_f32.e32``.
    """
    kernels = _kernels(text)
    listing = _read(text)
    _name_callers(listing, inlined_calls(text))
    return [
        function.code(kernels.get(function.name, {}))
        for function in listing.functions
        if function.instructions
    ]


def _read(text: str) -> _Listing:
    listing = _Listing()
    names: set[str] = set()
    files = listing.files
    function: _Function | None = None
    read = 0
    places: tuple[Line, ...] = ()
    fresh = False
    for line in text.splitlines():
        if place := _PLACE.match(line):
            # Line 0 is what the compiler made and no line stands for.
            known = place[2] != "0" and place[1] in files
            places = ((files[place[1]], int(place[2])),) if known else ()
            fresh = True
        elif file := _FILE.match(line):
            files[file[1]] = posixpath.normpath(posixpath.join(file[2], file[3] or ""))
        elif declared := _FUNCTION.match(line):
            names.add(declared[1])
        elif label := _LABEL.match(line):
            listing.marks[label[1]] = read
            if label[1] in names:
                function, places = _Function(label[1]), ()
                listing.functions.append(function)
            elif label[1].startswith(".Lfunc_end"):
                function = None
            elif function is not None and label[1].startswith(".LBB"):
                function.labels[label[1]] = len(function.instructions)
                function.compared.clear()
        elif function is not None and (matched := _INSTRUCTION.match(line)):
            function.add(matched[1], matched[2].strip(), places, fresh=fresh)
            fresh = False
            read += 1
            if spill := _SPILL.search(line):
                function.spill_bytes += int(spill[1])
    return listing


def _name_callers(listing: _Listing, calls: Iterable[InlinedCall]) -> None:
    """Put the lines of inlined calls, inner ones first, behind those of the instructions themselves."""
    callers: defaultdict[int, list[Line]] = defaultdict(list)
    for call in calls:
        if call.file in listing.files:
            line = (listing.files[call.file], call.line)
            for first, end in call.ranges:
                for place in range(listing.marks.get(first, 0), listing.marks.get(end, 0)):
                    callers[place].append(line)
    place = 0
    for function in listing.functions:
        for index, each in enumerate(function.instructions):
            if each.places and callers[place]:
                function.instructions[index] = replace(each, places=(*each.places, *callers[place][::-1]))
            place += 1
        for branch, comparison in function.decided.items():
            places = () if comparison is None else function.instructions[comparison].places
            function.instructions[branch] = replace(function.instructions[branch], places=places)


def _kernels(text: str) -> dict[str, dict[str, str]]:
    """What the metadata at the end say of each kernel, by its name."""
    found: dict[str, dict[str, str]] = {}
    kernel: dict[str, str] = {}
    for line in text.partition("amdhsa.kernels:")[2].splitlines():
        if line.startswith("  - "):
            kernel = {}
        if matched := _KERNEL.match(line):
            kernel[matched[1]] = matched[2].strip("'")
            if matched[1] == "name":
                found[kernel["name"]] = kernel
    return found
