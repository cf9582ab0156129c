"""What a machine instruction counts for: operations by class, as NVIDIA's profiler counts them."""

from __future__ import annotations

from typing import Final

from .counts import Operation
from .sass import Instruction

_SP: Final = {"FADD": 1, "FMUL": 1, "FFMA": 2, "FADD32I": 1, "FMUL32I": 1, "FFMA32I": 2}
_DP: Final = {"DADD": 1, "DMUL": 1, "DFMA": 2}
_INT: Final = frozenset(
    (
        "BMSK", "BREV", "FLO", "IABS", "IADD", "IADD3", "IDP", "IDP4A", "IMAD", "IMNMX", "IMUL", "ISAD",
        "ISCADD", "ISETP", "LEA", "LOP", "LOP3", "POPC", "SGXT", "SHF", "SHL", "SHR", "VABSDIFF",
        "VABSDIFF4", "VIADD", "VIMNMX", "XMAD", "ICMP",
    )
)  # fmt: skip
_TENSOR: Final = frozenset(("HMMA", "IMMA", "BMMA", "DMMA", "HGMMA", "IGMMA", "QGMMA"))


def operations(instruction: Instruction) -> tuple[Operation, float] | None:
    """The class and number of operations that one thread executes; None for one that only moves or jumps."""
    name = instruction.name
    if name in _SP:
        return Operation.SP, _SP[name]
    if name in _INT:
        return Operation.INT, 1
    if name in _DP:
        return Operation.DP, _DP[name]
    if name == "MUFU":
        return Operation.SPECIAL, 1
    if name in _TENSOR:
        return Operation.TENSOR, 1
    return None
