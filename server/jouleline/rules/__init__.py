"""Built-in rewrites: one module a rule, registered in :data:`RULES`."""

from __future__ import annotations

from .base import Alternative, Rule, Smelling
from .block_size import BLOCK_SIZES, BlockSize
from .blocking_wait import BlockingWait
from .hoist_transfers import HoistTransfers
from .invariant_call import InvariantCall
from .late_synchronisation import LateSynchronisation
from .loop_fusion import LoopFusion
from .loop_interchange import LoopInterchange
from .reciprocal import Reciprocal
from .reduction_clause import ReductionClause
from .restrict_pointers import RestrictPointers
from .simd import Simd
from .single_precision import SinglePrecision
from .strength_reduction import StrengthReduction
from .swap_buffers import SwapBuffers

RULES: tuple[Rule, ...] = (
    SinglePrecision(),
    SwapBuffers(),
    ReductionClause(),
    StrengthReduction(),
    InvariantCall(),
    Reciprocal(),
    LoopInterchange(),
    LoopFusion(),
    Simd(),
    HoistTransfers(),
    LateSynchronisation(),
    RestrictPointers(),
    BlockingWait(),
    *(BlockSize(threads) for threads in BLOCK_SIZES),
)
"""Every rule, in the order in which their rewrites are worth trying."""

__all__ = ["RULES", "Alternative", "Rule", "Smelling"]
