"""The C++ types of GPU programs, as far as counting needs them: class, size and indirections."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple


class Scalar(StrEnum):
    """The class of arithmetic a value takes part in."""

    SP = "sp"
    HALF = "half"
    DP = "dp"
    INT = "int"
    OTHER = "other"

    # That of an enumeration is a function, and these are the keys of what is asked most.
    __hash__ = str.__hash__


class CType(NamedTuple):
    """A value type with its size in bytes, and how many pointers or array levels lead to it.

    ``arguments`` are the template arguments of a ``struct``, as text.
    """

    scalar: Scalar
    size: int
    indirections: int = 0
    struct: str = ""
    arguments: str = ""

    @property
    def is_pointer(self) -> bool:
        """Whether a value of this type is an address."""
        return self.indirections > 0

    @property
    def element(self) -> CType:
        """What this points to."""
        return _behind(self, max(0, self.indirections - 1))

    @property
    def innermost(self) -> CType:
        """What all the levels lead to."""
        return _behind(self, 0)

    def pointer(self, levels: int = 1) -> CType:
        """A pointer to this type."""
        return _behind(self, self.indirections + levels)

    @property
    def bytes(self) -> int:
        """Size of one value (a pointer has 8 bytes)."""
        return 8 if self.indirections > 0 else self.size

    @property
    def arithmetic(self) -> Scalar:
        """The class of arithmetic on a value; addresses are computed with integers."""
        return Scalar.INT if self.indirections > 0 else self.scalar

    @property
    def name(self) -> str:
        """What C++ calls this type; empty where that is not known."""
        of_class = f"{self.struct}<{self.arguments}>" if self.arguments else self.struct
        plain = of_class or _NAMES.get(self.innermost, "")
        return plain + "*" * self.indirections if plain else ""

    @property
    def numbers(self) -> int:
        """How many numbers arithmetic on a value computes: four for a ``float4``.

        HIP's vectors have such operators, as have pairs of halves; those of CUDA are the program's own.
        """
        lane = lane_of(self.struct) if self.struct and not self.is_pointer else None
        return self.size // lane.size if lane is not None else 1

    @property
    def lane(self) -> CType:
        """The type of each of them."""
        return (lane_of(self.struct) if not self.is_pointer else None) or self


@lru_cache(maxsize=1024)  # it is asked for every access
def _behind(kind: CType, levels: int) -> CType:
    """The same type behind so many pointers."""
    return kind._replace(indirections=levels)


_RANK: Final = {Scalar.OTHER: 0, Scalar.INT: 1, Scalar.HALF: 2, Scalar.SP: 3, Scalar.DP: 4}
_HALF_BYTES: Final = 2

INT: Final = CType(Scalar.INT, 4)
LONG: Final = CType(Scalar.INT, 8)
FLOAT: Final = CType(Scalar.SP, 4)
DOUBLE: Final = CType(Scalar.DP, 8)
HALF: Final = CType(Scalar.HALF, _HALF_BYTES)
"""One number of 16 bits; fp16 and bf16 are alike in what they cost."""
HALF2: Final = CType(Scalar.HALF, 2 * _HALF_BYTES, struct="half2")
BFLOAT2: Final = CType(Scalar.HALF, 2 * _HALF_BYTES, struct="bfloat162")
FLOAT2: Final = CType(Scalar.SP, 8, struct="float2")
DOUBLE2: Final = CType(Scalar.DP, 16, struct="double2")
_NAMES: Final = {INT: "int", LONG: "long", FLOAT: "float", DOUBLE: "double", HALF: "half"}
UNKNOWN: Final = CType(Scalar.OTHER, 4)
TEXTURE: Final = "texture"
"""The struct that stands for a texture reference."""
FRAGMENT: Final = "fragment"
"""The struct of ``nvcuda::wmma`` that stands for a part of a matrix in the registers of a warp."""

_BASE: Final[Mapping[str, CType]] = {
    "float": FLOAT,
    "double": DOUBLE,
    # As cuda_fp16.h, cuda_bf16.h, their counterparts of HIP, C and C++23 call them.
    **dict.fromkeys("half __half nv_half __nv_half _Float16 __fp16 float16_t".split(), HALF),
    **dict.fromkeys("bfloat16 __nv_bfloat16 nv_bfloat16 __hip_bfloat16 hip_bfloat16".split(), HALF),
    **dict.fromkeys("__bf16 bfloat16_t".split(), HALF),
    **dict.fromkeys("half2 __half2 nv_half2 __nv_half2".split(), HALF2),
    **dict.fromkeys("bfloat162 __nv_bfloat162 nv_bfloat162 __hip_bfloat162".split(), BFLOAT2),
    **dict.fromkeys("cuComplex cuFloatComplex hipComplex hipFloatComplex".split(), FLOAT2),
    **dict.fromkeys("cuDoubleComplex hipDoubleComplex".split(), DOUBLE2),
    "bool": CType(Scalar.INT, 1),
    "void": CType(Scalar.OTHER, 1),
    "size_t": LONG,
    "ssize_t": LONG,
    "ptrdiff_t": LONG,
    "clock_t": LONG,
    "uint": INT,
    "uchar": CType(Scalar.INT, 1),
    "ushort": CType(Scalar.INT, 2),
    "ulong": LONG,
    "dim3": CType(Scalar.OTHER, 12, struct="uint3"),
    # Cooperative groups.
    **{
        name: CType(Scalar.OTHER, 8, struct=name)
        for name in ("thread_block", "grid_group", "thread_block_tile", "coalesced_group")
    },
    "thread_group": CType(Scalar.OTHER, 8, struct="thread_block"),
    FRAGMENT: CType(Scalar.OTHER, 0, struct=FRAGMENT),
    TEXTURE: CType(Scalar.OTHER, 8, struct=TEXTURE),
    "tf32": FLOAT,
}
_VECTOR: Final = re.compile(r"(u?char|u?short|u?int|u?long|u?longlong|float|double|half|bfloat16)([1-4])")
_FIXED: Final = re.compile(r"u?int(?:_fast|_least)?(8|16|32|64)_t")
_NOISE: Final = re.compile(
    r"\b(?:const|constexpr|volatile|static|register|inline|extern|struct|class|union|enum|typename"
    r"|mutable|thread_local|std\s*::|__restrict__|restrict|__restrict|__const)\b\s*(?:::\s*)?"
)
_WORD: Final = re.compile(r"[A-Za-z_]\w*")
_CONVERTED: Final[Mapping[str, CType]] = {
    "float": FLOAT,
    "double": DOUBLE,
    "float2": FLOAT2,
    **dict.fromkeys(("half", "bfloat16"), HALF),
    "half2": HALF2,
    "bfloat162": BFLOAT2,
    **dict.fromkeys(("char", "uchar"), CType(Scalar.INT, 1)),
    **dict.fromkeys(("short", "ushort"), CType(Scalar.INT, 2)),
    **dict.fromkeys(("int", "uint", "hiint", "loint"), INT),
    **dict.fromkeys(("ll", "ull", "longlong"), LONG),
}
_CONVERSION: Final = re.compile(rf"__\w+?(?:2|_as_)({'|'.join(_CONVERTED)})(?:_r[dnuz])?")


@dataclass(frozen=True)
class TypeNames:
    """The type names a program defines: aliases by their definition, structs by their size."""

    aliases: Mapping[str, str]
    struct_sizes: Mapping[str, int]

    def resolve(self, text: str, depth: int = 0) -> CType | None:
        """The type that a specifier such as ``const unsigned int *`` names; None for ``auto``."""
        levels = text.count("*")
        plain = _NOISE.sub(" ", text.split("<", maxsplit=1)[0].replace("*", " ").replace("&", " "))
        words = _WORD.findall(plain)
        base = self._base(words, depth)
        if base is not None and base.struct and not base.arguments and "<" in text:
            base = base._replace(arguments=text.partition("<")[2].rpartition(">")[0].strip())
        return base.pointer(levels) if base and levels else base

    def _base(self, words: list[str], depth: int) -> CType | None:
        if not words or words == ["auto"]:
            return None
        if integer := _builtin_integer(words):
            return integer
        name = words[-1]
        if name in self.aliases and depth < 8:
            return self.resolve(self.aliases[name], depth + 1)
        if name in self.struct_sizes:
            return CType(Scalar.OTHER, self.struct_sizes[name], struct=name)
        if name in _BASE:
            return _BASE[name]
        if fixed := _FIXED.fullmatch(name):
            return CType(Scalar.INT, int(fixed[1]) // 8)
        if vector := _VECTOR.fullmatch(name):
            lane = _lane(vector[1])
            return CType(lane.scalar, lane.size * int(vector[2]), struct=name)
        return UNKNOWN


@lru_cache(maxsize=1024)
def lane_of(name: str) -> CType | None:
    """The type of each member of a built-in vector, as ``float4``; None for other structs."""
    vector = _VECTOR.fullmatch(name)
    return _lane(vector[1]) if vector else None


def _lane(word: str) -> CType:
    if word in _BASE:
        return _BASE[word]
    return _builtin_integer([word.removeprefix("u").replace("longlong", "long")]) or INT


def _builtin_integer(words: list[str]) -> CType | None:
    if not set(words) <= {"unsigned", "signed", "char", "short", "int", "long"}:
        return None
    if "char" in words:
        return CType(Scalar.INT, 1)
    if "short" in words:
        return CType(Scalar.INT, 2)
    return LONG if "long" in words else INT


@lru_cache(maxsize=1024)
def result_of_conversion(name: str) -> CType | None:
    """The type that a conversion of CUDA and HIP gives, as ``__double2int_rd``; None for other functions."""
    known = _CONVERSION.fullmatch(name)
    return _CONVERTED[known[1]] if known else None


def wider(left: CType, right: CType) -> CType:
    """The type of an arithmetic expression of two operands (the usual arithmetic conversions)."""
    if left == right or left.is_pointer:
        return left
    if right.is_pointer:
        return right
    first, second = (_RANK[left.scalar], left.size), (_RANK[right.scalar], right.size)
    return right if second > first else left
