"""Built-in rewrites: one module a rule, registered in :data:`RULES`."""

from __future__ import annotations

from .base import Rule
from .hoist_transfers import HoistTransfers
from .invariant_call import InvariantCall
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
    RestrictPointers(),
)
"""Every rule, in the order in which their rewrites are worth trying."""

__all__ = ["RULES", "Rule"]
