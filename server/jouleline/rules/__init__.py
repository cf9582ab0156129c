"""Built-in rewrites: one module a rule, registered in :data:`RULES`."""

from __future__ import annotations

from .base import Rule
from .single_precision import SinglePrecision

RULES: tuple[Rule, ...] = (SinglePrecision(),)
"""Every rule, in the order in which their rewrites are worth trying."""

__all__ = ["RULES", "Rule"]
