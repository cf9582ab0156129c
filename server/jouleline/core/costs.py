"""How many machine operations a source-level operation becomes.

Three figures were seen in profiles of HeCBench kernels that clang built for an RTX 3080
(github.com/Scientific-Computing-Lab/gpuFLOPBench): an fp32 division is about 10 operations, a square
root none of the counted classes, an integer address one IMAD. The others are the usual expansions,
assumed and rounded. They are source evidence: compiled code replaces them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .ctype import Scalar

DIVISION: Final[Mapping[Scalar, int]] = {Scalar.SP: 10, Scalar.DP: 16, Scalar.INT: 18}
"""Operations of a division by what is not a constant."""
MODULO: Final = 20
"""Integer operations of a remainder by what is not a constant."""
CONSTANT_DIVISION: Final = 4
"""Integer operations of a division by a constant: multiply high and shifts."""
LOOP_CONTROL: Final = 2
"""Integer operations of one loop iteration: step and compare."""
UNROLLED_CONTROL: Final = 0.5
"""The same in an innermost loop, of which compilers make four iterations one."""
DISPLACED: Final = 0.5
"""Share of the operations left for a value that differs by a constant from one that is known: where
compilers know the constant, it becomes part of an address."""
STEPPED: Final = 0.25
"""Share of the operations on a loop's index that is left when the loop is unrolled: most become part
of an address."""
UNROLLED_TRIPS: Final = 32
"""Loops of at most this many iterations, known when compiling, are unrolled: no step, no compare."""
ADDRESS: Final = 1
"""Integer operations to form an address from an index."""

SHARED_ITERATION: Final = 18
"""Integer operations that each iteration of a shared OpenMP loop costs beside its body: 64-bit bounds and
induction. The median over simple loops in the HeCBench profiles (clang, RTX 3080) is between 16 and 22."""
COLLAPSED: Final = 30
"""The same for each further loop that is collapsed into it: its index comes from a 64-bit division."""

SPECIAL: Final[Mapping[str, int]] = {
    "sqrt": 0,
    "rsqrt": 0,
    "cbrt": 12,
    "exp": 6,
    "exp2": 2,
    "exp10": 8,
    "expm1": 12,
    "log": 8,
    "log2": 6,
    "log10": 8,
    "log1p": 14,
    "sin": 14,
    "cos": 14,
    "tan": 20,
    "sincos": 26,
    "asin": 14,
    "acos": 14,
    "atan": 14,
    "atan2": 24,
    "sinh": 16,
    "cosh": 14,
    "tanh": 12,
    "asinh": 20,
    "acosh": 20,
    "atanh": 18,
    "pow": 24,
    "hypot": 10,
    "erf": 16,
    "erfc": 20,
    "tgamma": 30,
    "lgamma": 40,
    "fmod": 20,
    "fdividef": 2,
    "frcp_rn": 6,
    "fsqrt_rn": 0,
    "norm3df": 8,
    "rnorm3df": 8,
    "normcdf": 24,
    "j0": 30,
    "j1": 30,
}
"""Floating-point operations that a special function expands to, beside the function itself."""
SPECIAL_INT: Final[Mapping[str, int]] = {
    "exp": 3, "exp2": 2, "exp10": 3, "expm1": 4, "log": 6, "log2": 6, "log10": 6, "log1p": 8,
    "sin": 8, "cos": 8, "tan": 10, "sincos": 12, "pow": 16, "atan": 3, "atan2": 6, "acos": 3, "asin": 3,
    "tanh": 4, "erf": 4, "erfc": 6, "cbrt": 6, "fmod": 10, "sinh": 5, "cosh": 5, "lgamma": 20,
    "tgamma": 16,
}  # fmt: skip
"""Integer operations of a special function: exponents and range reduction."""
SPECIAL_DP_FACTOR: Final = 2.5
"""A double-precision special function runs longer polynomials than a single-precision one."""

PLAIN: Final[Mapping[str, int]] = {
    "fma": 2,
    "fmaf": 2,
    "__fmaf_rn": 2,
    "__fma_rn": 2,
    "mad24": 1,
    "__mul24": 1,
    "__umul24": 1,
    "__dadd_rn": 1,
    "__dmul_rn": 1,
    "__fadd_rn": 1,
    "__fmul_rn": 1,
    "__fsub_rn": 1,
}
"""Functions that are arithmetic by another name, in operations of their arguments' class."""
INTEGER: Final[Mapping[str, int]] = {
    "min": 1,
    "max": 1,
    "abs": 1,
    "umin": 1,
    "umax": 1,
    "__popc": 1,
    "__popcll": 3,
    "__clz": 1,
    "__clzll": 3,
    "__ffs": 2,
    "__ffsll": 4,
    "__brev": 1,
    "__mulhi": 1,
    "__umulhi": 1,
    "__umul64hi": 6,
    "__funnelshift_l": 1,
    "__funnelshift_r": 1,
    "__byte_perm": 1,
    "__vabsdiffu4": 1,
    "__dp4a": 1,
    "__builtin_popcount": 1,
    "__builtin_popcountll": 3,
    "__builtin_clz": 1,
}
"""Functions that become integer instructions when their arguments are integers."""
FREE: Final = frozenset(
    "fabs fabsf fmin fminf fmax fmaxf floor floorf ceil ceilf rint rintf round roundf trunc truncf "
    "copysign copysignf isnan isinf isfinite signbit __syncthreads __syncwarp __threadfence "
    "__threadfence_block __ldg __ldcg __stcs printf assert abort exit sizeof make_float2 make_float3 "
    "make_float4 make_int2 make_int3 make_int4 make_double2 make_uint2 make_uint4 dim3 "
    "__float_as_int __int_as_float __float_as_uint __uint_as_float __half2float __float2half "
    "omp_get_thread_num omp_get_num_threads omp_get_team_num omp_get_num_teams "
    "__builtin_assume __launch_bounds__ static_assert".split()
)
"""Calls that add nothing to the counted classes."""


def special_cost(name: str) -> tuple[str, int, bool] | None:
    """The special function a call names: base name, expansion, and whether the name says float.

    ``sqrtf``, ``__expf`` and ``std::sqrt`` are known by their base names.
    """
    base = name.removeprefix("__")
    fast = base != name
    for candidate, single in ((base, False), (base.removesuffix("f"), base.endswith("f"))):
        if candidate in SPECIAL:
            return candidate, 2 if fast and SPECIAL[candidate] else SPECIAL[candidate], single or fast
    return None
