"""What an instruction of an AMD GPU counts for, as AMD's profiler counts it, and how it drives a loop.

Classes follow the counters of AMD's *MI300 and MI200 series performance counters*: vector instructions
(``SQ_INSTS_VALU_*``) count for each lane; those of the scalar unit, one for a wave, do not count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from .counts import Operation
from .sass import Instruction

_FLOAT: Final = re.compile(
    r"v_(?:dual_)?(?P<pair>pk_)?"
    r"(?P<what>add|sub|subrev|mul|mul_legacy|fmac?|fma_legacy|fmac_legacy|fmaak|fmamk|mac|mac_legacy|mad"
    r"|mad_legacy|madak|madmk|div_fmas)_f(?P<bits>16|32|64)"
)
_MIXED: Final = re.compile(r"v_(?:fma|mad)_mix(?:lo|hi)?_f(?:16|32)")
_TRANSCENDENTAL: Final = re.compile(
    r"v_(?:exp|exp_legacy|log|log_legacy|rcp|rcp_iflag|rsq|sqrt|sin|cos)_f(?P<bits>16|32|64)"
)
_INT: Final = re.compile(
    r"v_(?:pk_|dual_)?(?:add3?|addc|sub|subrev|subb|subbrev|mul|mul_lo|mul_hi|mad|mad_legacy|min3?|max3?"
    r"|med3|lshl|lshlrev|lshr|lshrrev|ashr|ashrrev|ashrrev|and|x?or3?|xnor|not|and_or|lshl_add|lshl_or|add_lshl|xad"
    r"|bfe|bfi|bfm|bfrev|ffb[hl]|cl[zs]|ctz|bcnt|mbcnt_(?:lo|hi)|m?sad|sad_hi|alignbit|alignbyte"
    r"|cmpx?_[a-z]{1,2}|add_(?:nc|co|co_ci)|subb?(?:rev)?_(?:nc|co|co_ci)|addc_co|dot[248]c?_[iu]32)"
    r"_[iub]\d+\w*"
)
_DOT: Final = re.compile(r"v_dot2c?_f32_(?:b?f16)")
_MATRIX: Final = re.compile(
    r"v_s?mfmac?_[a-z]\d+_\d+x(\d+)x\d+(?:_\d+b)?_?(f16|bf16|f32|xf32|f64|i8|fp8|bf8)(?:_\w+)?"
)
_BITS: Final = {"f64": 64, "f32": 32, "xf32": 32, "f16": 16, "bf16": 16, "i8": 8}
_RANGE: Final = re.compile(r"[av]\[(\d+):(\d+)\]")
_PRECISION: Final = {"16": Operation.HALF, "32": Operation.SP, "64": Operation.DP}
_FUSED: Final = ("fma", "mac", "mad", "div_fmas")
_MEMORY: Final = ("global_", "flat_", "ds_", "buffer_")

_COUNTERS: Final = re.compile(r"s_(?:add|addk|sub)_[iu]32|v_(?:add|sub|subrev)_(?:co_|nc_)?u32")
_STEP: Final = re.compile(
    r"([sv]\d+), (?:vcc(?:_lo)?, |s\[\d+:\d+\], )?(?:\1, )?(-?(?:0x[0-9a-f]+|\d+))(?:, \1)?"
)
_REGISTER: Final = re.compile(r"\b([sv])\[?(\d+)")


def operations(instruction: Instruction) -> tuple[tuple[Operation, float], ...]:
    """The classes and numbers of operations that one lane executes; none for moves, selects and jumps.

    A transcendental instruction counts once in its precision and once as such, as AMD's profiler has it.
    """
    name = instruction.name
    if matched := _FLOAT.fullmatch(name):
        amount = 2 if matched["what"].startswith(_FUSED) else 1
        return ((_PRECISION[matched["bits"]], amount * (2 if matched["pair"] else 1)),)
    if matched := _TRANSCENDENTAL.fullmatch(name):
        return (_PRECISION[matched["bits"]], 1), (Operation.SPECIAL, 1)
    if _MIXED.fullmatch(name):
        return ((Operation.SP, 2),)
    if _INT.fullmatch(name):
        return ((Operation.INT, 1),)
    if _DOT.fullmatch(name):
        return ((Operation.HALF, 4),)
    if matched := _MATRIX.fullmatch(name):
        operation = Operation.DP if matched[2] == "f64" else Operation.TENSOR
        return ((operation, _of_matrices(instruction, int(matched[1]), matched[2])),)
    return ()


def _of_matrices(instruction: Instruction, columns: int, numbers: str) -> float:
    """Each number of A that a lane holds is multiplied with a row of B and added: FLOP of one lane."""
    first = instruction.operands.split(", ")[1:2]
    held = _RANGE.fullmatch(first[0]) if first else None
    registers = int(held[2]) - int(held[1]) + 1 if held else 1
    return 2.0 * columns * registers * 32 / _BITS.get(numbers, 8)


def copies(instruction: Instruction) -> int:
    """How many copies of a loop's body an instruction that is copied with it speaks of; 0 for any other.

    Compilers join what two copies do in one packed instruction.
    """
    if matched := _FLOAT.fullmatch(instruction.name):
        return 2 if matched["pair"] and matched["bits"] == "32" else 1
    special = _TRANSCENDENTAL.fullmatch(instruction.name) is not None
    return int(special or instruction.name.startswith(_MEMORY))


def step(instruction: Instruction) -> tuple[str, int] | None:
    """The register that an instruction adds a number to, and the number."""
    if not _COUNTERS.fullmatch(instruction.name):
        return None
    matched = _STEP.fullmatch(instruction.operands)
    return (matched[1], abs(int(matched[2], 0))) if matched else None


def compared(before: Sequence[Instruction]) -> list[str]:
    """The registers of the last comparison among the instructions before a branch; a pair by its first."""
    for each in reversed(before):
        if each.name.startswith(("s_cmp", "v_cmp")):
            return ["".join(found) for found in _REGISTER.findall(each.operands)]
    return []
