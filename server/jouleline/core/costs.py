"""How many machine operations a source-level operation becomes.

Divisions and special functions were counted in compiled code, as said at each. Three figures agree
with profiles of HeCBench kernels that clang built for an RTX 3080
(github.com/Scientific-Computing-Lab/gpuFLOPBench): an fp32 division is about 10 operations, a square
root none of the counted classes, an integer address one IMAD. The others are usual expansions,
assumed and rounded. They are source evidence: compiled code replaces them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from .counts import Operation
from .ctype import Scalar

DIVISION: Final[Mapping[Scalar, int]] = {Scalar.SP: 10, Scalar.DP: 15, Scalar.INT: 22, Scalar.HALF: 1}
"""Operations of a division, of integers by what is not a constant (nvcc 13.0 for sm_86).

One of halves is a multiplication by the function unit's reciprocal.
"""
QUOTIENT: Final[Mapping[Scalar, Mapping[Operation, int]]] = {
    Scalar.SP: {Operation.SP: DIVISION[Scalar.SP]},
    Scalar.DP: {Operation.DP: DIVISION[Scalar.DP], Operation.SP: 2, Operation.INT: 1},
}
"""All operations of a floating-point division on the way that is usually taken: one in double precision
looks at the quotient's exponent by an instruction of single precision (nvcc 13.0 for sm_86)."""
INVERSE: Final[Mapping[Scalar, Mapping[Operation, int]]] = {
    Scalar.SP: {Operation.SP: 5, Operation.INT: 3},
    Scalar.DP: {Operation.DP: 10, Operation.INT: 1},
}
"""The same where one is divided by something."""
FAST_QUOTIENT: Final[Mapping[Operation, int]] = {Operation.SP: 1}
"""A division in single precision with fast math: a product with the function unit's reciprocal."""
LONG_DIVISION: Final = 70
"""The same for 64-bit integers."""
LONG_OPERATION: Final = 2
"""Instructions of any other operation on 64-bit integers: each half, with a carry between them."""
LONG_PRODUCT: Final = 4
"""Those of their product: nvcc 13.0 for sm_86 multiplies halves three times, and adds."""
MODULO: Final = 22
"""Integer operations of a remainder by what is not a constant."""
RECIPROCAL: Final = 8
"""Those of these operations that see the divisor alone, as the same compiler writes them."""
REMAINDER: Final = 2
"""Those that a remainder needs beside the quotient."""
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
UNROLLED_SIZE: Final = 300
"""Instructions to which a loop is unrolled at most, where nothing asks for it: LLVM's threshold at -O3."""
ADDRESS: Final = 1
"""Integer operations to form an address from an index."""
FRAGMENT: Final = 5
"""Integer operations of a thread to find its part of a matrix in global memory that a warp loads or stores:
3 where the matrix's address is the same in the whole block and 7 where it is not (nvcc 13.5 for sm_86)."""

ATTEMPT: Final = 2
"""Integer operations of one attempt to add to a floating-point number in shared memory, which is a loop of
compare and swap (nvcc 13.0 for sm_86)."""

SHARED_ITERATION: Final = 18
"""Integer operations that each iteration of a shared OpenMP loop costs beside its body: 64-bit bounds and
induction. The median over simple loops in the HeCBench profiles (clang, RTX 3080) is between 16 and 22."""
COLLAPSED: Final = 30
"""The same for each further loop that is collapsed into it: its index comes from a 64-bit division."""

SINGLE: Final[Mapping[str, tuple[int, int]]] = {
    "sqrt": (0, 0), "rsqrt": (2, 0), "cbrt": (11, 0), "exp": (10, 1), "exp2": (2, 0), "exp10": (10, 1),
    "expm1": (23, 3), "log": (27, 6), "log2": (29, 6), "log10": (28, 6), "log1p": (28, 8), "sin": (19, 6),
    "cos": (19, 7), "tan": (20, 6), "sincos": (25, 12), "asin": (23, 1), "acos": (25, 1), "atan": (20, 1),
    "atan2": (35, 14), "sinh": (21, 3), "cosh": (11, 2), "tanh": (15, 1), "asinh": (36, 9), "acosh": (39, 9),
    "atanh": (32, 9), "pow": (63, 10), "hypot": (14, 8), "erf": (16, 8), "erfc": (54, 2), "tgamma": (147, 12),
    "lgamma": (150, 18), "fmod": (32, 23), "fdividef": (2, 0), "frcp_rn": (6, 2), "fsqrt_rn": (0, 3),
    "norm3df": (8, 2), "rnorm3df": (8, 2), "normcdf": (67, 5), "j0": (60, 20), "j1": (60, 20),
}  # fmt: skip
"""Single-precision and integer operations of special functions on the way that is usually taken.

Counted in the code that nvcc 13.0 makes for sm_86, beside the function unit's own instruction; the
reduction of large angles is left out. The square root is that of the profiled programs: clang leaves it
to the function unit, where nvcc spends 6 and 2 operations on its last digit.
"""
DOUBLE: Final[Mapping[str, tuple[int, int]]] = {
    "sqrt": (13, 5), "rsqrt": (8, 6), "cbrt": (16, 21), "exp": (31, 15), "exp2": (30, 15), "exp10": (34, 17),
    "expm1": (35, 20), "log": (47, 26), "log2": (50, 27), "log10": (50, 27), "log1p": (85, 33),
    "sin": (27, 12), "cos": (27, 13), "tan": (55, 10), "sincos": (40, 18), "asin": (74, 14), "acos": (78, 19),
    "atan": (48, 10), "atan2": (61, 15), "sinh": (68, 30), "cosh": (38, 13), "tanh": (61, 12),
    "asinh": (107, 42), "acosh": (103, 38), "atanh": (103, 44), "pow": (127, 74), "hypot": (17, 19),
    "erf": (78, 4), "erfc": (113, 28), "tgamma": (392, 106), "lgamma": (91, 54), "fmod": (4, 60),
    "normcdf": (126, 31), "j0": (120, 36), "j1": (120, 36),
}  # fmt: skip
"""The same in double precision."""
SINGLE_IN_DOUBLE: Final[Mapping[str, int]] = {
    **dict.fromkeys("cbrt atan2 sinh asinh acosh atanh log1p lgamma tgamma".split(), 2), "erf": 1, "tanh": 1,
}  # fmt: skip
"""Operations of single precision that functions in double precision take beside these."""
INTRINSIC: Final = (2, 0)
"""A fast intrinsic such as ``__sinf``: a scaling beside the function unit's instruction."""
_FAST: Final[Mapping[str, tuple[int, int]]] = {
    **dict.fromkeys("exp exp10 log log10 sin cos pow fdividef".split(), (1, 0)),
    **dict.fromkeys("sqrt rsqrt exp2 log2 tanh".split(), (0, 0)),
    **dict.fromkeys("tan sincos".split(), (2, 0)),
}
"""The same of what fast math leaves to the function unit, without care for denormal numbers."""

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
    "lround lroundf lrint lrintf nearbyint nearbyintf __saturatef min max lowest epsilon infinity "
    "__threadfence_block __threadfence_system printf clock clock64 assert abort exit sizeof dim3 "
    "__shfl_sync __shfl_up_sync __shfl_down_sync __shfl_xor_sync __shfl __shfl_up __shfl_down __shfl_xor "
    "__ballot_sync __any_sync __all_sync __ballot __any __all __match_any_sync __match_all_sync __nanosleep "
    "__activemask __syncthreads_and __syncthreads_or __syncthreads_count "
    "omp_get_thread_num omp_get_num_threads omp_get_team_num omp_get_num_teams "
    "__builtin_assume __launch_bounds__ static_assert __pipeline_commit __pipeline_wait_prior".split()
)
"""Calls that add nothing to the counted classes."""


@dataclass(frozen=True, slots=True)
class Special:
    """A special function: its base name, whether the name says float, and whether it is an intrinsic."""

    name: str
    single: bool
    intrinsic: bool

    def cost(self, *, double: bool, fast: bool = False) -> tuple[int, int]:
        """Floating-point and integer operations of a call, with ``fast`` math or without."""
        if fast and not double and self.name in _FAST:
            return _FAST[self.name]
        if self.intrinsic:
            return INTRINSIC
        return (DOUBLE if double and self.name in DOUBLE else SINGLE)[self.name]


def quotient(scalar: Scalar, *, inverse: bool, fast: bool) -> Mapping[Operation, int]:
    """The operations of a floating-point division by what is no power of two; of one if ``inverse``."""
    if fast and scalar is Scalar.SP:
        return {} if inverse else FAST_QUOTIENT
    return (INVERSE if inverse else QUOTIENT)[scalar]


@lru_cache(maxsize=1024)
def special_function(name: str) -> Special | None:
    """The special function a call names.

    ``sqrtf``, ``__expf`` and ``std::sqrt`` are known by their base names.
    """
    base = name.removeprefix("__")
    for candidate in (base, base.removesuffix("f")):
        if candidate in SINGLE:
            return Special(candidate, single=candidate != base or base != name, intrinsic=base != name)
    return None
