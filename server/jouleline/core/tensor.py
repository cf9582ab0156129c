"""What tensor units compute in one instruction, by the shape that its name tells.

The product of an M x K by a K x N matrix, added to an M x N matrix, is 2 M N K operations. Shapes are those
of NVIDIA's *PTX ISA*, chapters "Warp Level Matrix Multiply-Accumulate Instructions" (``wmma``, ``mma``: a
warp computes one) and "Asynchronous Warpgroup Level Matrix" (``wgmma``: four warps compute one). Machine code
names them by their digits: products of known size, compiled by nvcc 13.5 for sm_75 to sm_120, become exactly
so many ``HMMA``, ``IMMA``, ``BMMA``, ``DMMA``, ``QMMA`` and ``HGMMA``; one of 16 x 16 x 16 halves four
``HMMA.1688`` or two ``HMMA.16816``. A step of Volta's ``HMMA.884`` is 512, as in ncu's
``inst_executed_pipe_tensor_x512``. Instructions of ``tcgen05`` do not tell their shape.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from .counts import Operation

WARP: Final = 32
_WARPGROUP: Final = 4 * WARP
_WITH_CROSSES: Final = re.compile(r"\.(\d+)x(\d+)x(\d+)\b")
_DIGITS: Final = re.compile(r"\.(8|16)(8)(4|8|16|32|64|128|256)(?:\.|$)")
_PTX: Final = re.compile(r"\.m(\d{1,9})n(\d{1,9})k(\d{1,9})\b")
UNITS: Final = frozenset("HMMA IMMA BMMA DMMA QMMA OMMA HGMMA IGMMA QGMMA BGMMA".split())
_PTX_PRODUCTS: Final = ("mma.", "wmma.mma.", "wgmma.mma_async.")


class Product(NamedTuple):
    """A product of an M x K by a K x N matrix, which ``threads`` threads compute together.

    Of a ``sparse`` one, half of the factors are zeros that are left out; ``double`` is its precision.
    """

    rows: float
    columns: float
    inner: float
    double: bool = False
    sparse: bool = False
    threads: int = WARP

    @property
    def operation(self) -> Operation:
        """The class whose peak is the nearest.

        A device's tensor peak is that of fp16. Units for doubles, where there are any, are a 15th as fast as
        that and twice as fast as other instructions (NVIDIA, data sheets of A100 and H100).
        """
        return Operation.DP if self.double else Operation.TENSOR

    @property
    def of_thread(self) -> float:
        """Operations that fall to each of the threads."""
        return 2 * self.rows * self.columns * self.inner / self.threads / (2 if self.sparse else 1)


def of_machine(opcode: str) -> Product | None:
    """The product that a machine instruction with such modifiers computes; None if it is none."""
    name = opcode.partition(".")[0]
    if name not in UNITS or not (shape := _WITH_CROSSES.search(opcode) or _DIGITS.search(opcode)):
        return None
    threads = _WARPGROUP if name.endswith("GMMA") else WARP
    rows, columns, inner = map(int, shape.groups())
    return Product(rows, columns, inner, name == "DMMA", ".SP" in opcode, threads)


def of_ptx(opcode: str) -> Product | None:
    """The product that an instruction of PTX computes; None if it is none."""
    if not opcode.startswith(_PTX_PRODUCTS) or not (shape := _PTX.search(opcode)):
        return None
    threads = _WARPGROUP if opcode.startswith("wgmma") else WARP
    rows, columns, inner = map(int, shape.groups())
    return Product(rows, columns, inner, ".f64" in opcode, ".sp" in opcode, threads)
