"""Read the machine code of AMD GPUs, as LLVM writes it for HIP (``-S -gline-tables-only``)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

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
_CALLEE: Final = re.compile(r"([\w.$]+)@(?:gotpc)?rel32@lo")
_SPILL: Final = re.compile(r"; (\d+)-byte Folded (?:Spill|Reload)")
_KERNEL: Final = re.compile(r"^(?:  - |    )\.(\w+):\s+(\S+)$")


@dataclass
class _Function:
    """What was read of a function so far."""

    name: str
    instructions: list[Instruction] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    spill_bytes: int = 0

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


def parse_gcn(text: str) -> list[MachineCode]:
    """The functions of a listing, with the resources that its metadata tell.

    Branches on the execution mask are written as each thread takes them, see :mod:`.exec_masks`. What an
    instruction is encoded as is set off with a dot, as NVIDIA's modifiers are: ``v_add_f32.e32``.
    """
    kernels = _kernels(text)
    return [
        function.code(kernels.get(function.name, {}))
        for function in _functions(text)
        if function.instructions
    ]


def _functions(text: str) -> Iterator[_Function]:
    names: set[str] = set()
    files: dict[str, str] = {}
    function: _Function | None = None
    places: tuple[Line, ...] = ()
    callee = ""
    for line in text.splitlines():
        if place := _PLACE.match(line):
            # Line 0 is what the compiler made and no line stands for.
            known = place[2] != "0" and place[1] in files
            places = ((files[place[1]], int(place[2])),) if known else ()
        elif file := _FILE.match(line):
            files[file[1]] = posixpath.normpath(posixpath.join(file[2], file[3] or ""))
        elif declared := _FUNCTION.match(line):
            names.add(declared[1])
        elif label := _LABEL.match(line):
            if label[1] in names or label[1].startswith(".Lfunc_end"):
                if function is not None:
                    yield function
                function = _Function(label[1]) if label[1] in names else None
                places = ()
            elif function is not None and label[1].startswith(".LBB"):
                function.labels[label[1]] = len(function.instructions)
        elif function is not None and (matched := _INSTRUCTION.match(line)):
            instruction = _instruction(len(function.instructions), matched[1], matched[2].strip(), places)
            if named := _CALLEE.search(instruction.operands):
                callee = named[1]
            if instruction.name == "s_swappc_b64":
                instruction = replace(instruction, operands=f"`({callee})")
            function.instructions.append(instruction)
            if spill := _SPILL.search(line):
                function.spill_bytes += int(spill[1])
    if function is not None:
        yield function


def _instruction(address: int, opcode: str, operands: str, places: tuple[Line, ...]) -> Instruction:
    if branch := _BRANCH.fullmatch(opcode):
        return Instruction(address, opcode, f"`({operands})", branch[1] or "", places)
    return Instruction(address, _ENCODING.sub(r".\1", opcode), operands, "", places)


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
