"""What a machine instruction counts for: operations by class, as the vendor's profiler counts them.

Those of tensor units, which threads execute together, count by their shape (:mod:`.tensor`).
"""

from __future__ import annotations

import re
from typing import Final

from . import gcn_instructions, tensor
from .counts import Operation
from .sass import Instruction

_SP: Final = {"FADD": 1, "FMUL": 1, "FFMA": 2, "FADD32I": 1, "FMUL32I": 1, "FFMA32I": 2}
_DP: Final = {"DADD": 1, "DMUL": 1, "DFMA": 2}
_HALF: Final = {
    name + form: n for name, n in (("HADD2", 1), ("HMUL2", 1), ("HFMA2", 2)) for form in ("", "_32I")
}
_ONE_HALF: Final = re.compile(r"\.H0_H0|\.H1_H1")
_REGISTER: Final = re.compile(r"\bU?R\d|c\[")
_INT: Final = frozenset(
    (
        "BMSK", "BREV", "FLO", "IABS", "IADD", "IADD3", "IDP", "IDP4A", "IMAD", "IMNMX", "IMUL", "ISAD",
        "ISCADD", "ISETP", "LEA", "LOP", "LOP3", "POPC", "SGXT", "SHF", "SHL", "SHR", "VABSDIFF",
        "VABSDIFF4", "VIADD", "VIMNMX", "XMAD", "ICMP",
    )
)  # fmt: skip


def operations(instruction: Instruction) -> tuple[tuple[Operation, float], ...]:
    """The classes and numbers of operations that one thread executes; none if it only moves or jumps."""
    if instruction.opcode.startswith("v_"):
        return gcn_instructions.operations(instruction)
    found = _of_nvidia(instruction)
    return () if found is None else (found,)


def _of_nvidia(instruction: Instruction) -> tuple[Operation, float] | None:
    name = instruction.name
    if name in _SP:
        return Operation.SP, _SP[name]
    if name in _INT:
        return Operation.INT, 1
    if name in _DP:
        return Operation.DP, _DP[name]
    if name == "MUFU":
        return Operation.SPECIAL, 1
    if name in _HALF:
        return _of_halves(instruction, _HALF[name])
    if (product := tensor.of_machine(instruction.opcode)) is not None:
        return product.operation, product.of_thread
    return None


def _of_halves(instruction: Instruction, amount: int) -> tuple[Operation, float] | None:
    """Of an instruction on pairs, which compilers also use for single numbers, and to move and convert.

    A single number is told by operands that are each one half of a register; a move or a conversion adds
    a zero (``HADD2.F32 R7, -RZ, R2.H0_H0``) or is a product with one (``HFMA2 R0, -RZ, RZ, 0, 3``).
    """
    operands = [one.strip() for one in instruction.operands.split(",")[1:]]
    if any("RZ" in one for one in (operands if instruction.name.startswith("HADD2") else operands[:2])):
        return None
    numbers = 1 if all(_ONE_HALF.search(one) for one in operands if _REGISTER.search(one)) else 2
    return Operation.HALF, numbers * amount
