"""How many threads of a kernel a multiprocessor, or compute unit, can hold at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

_SUB_CORES: Final = 4


@dataclass(frozen=True, slots=True)
class OccupancyLimits:
    """What a multiprocessor holds at most. ``shared_per_block`` bytes are taken by the system.

    Registers are given to warps, and shared bytes to blocks, in units. ``lone_warps`` is the limit for
    blocks of one warp where that is another.
    """

    threads: int
    blocks: int
    shared_per_block: int = 1024
    lone_warps: int | None = None
    warp: int = 32
    registers: int = 65536
    register_unit: int = 256
    shared_unit: int = 128


# LLVM 15: AMDGPUBaseInfo.cpp (8 waves on each of 4 SIMDs, 512 vector registers a lane in units of 8, 16
# barriers, which a block of one wave does not need) and getLdsDwGranularity (128 words).
_CDNA2: Final = OccupancyLimits(
    2048, 16, 0, lone_warps=32, warp=64, registers=131072, register_unit=512, shared_unit=512
)


# CUDA 13.0: cuda_occupancy.h (blocks, allocation units, 65,536 registers), and the programming guide's
# table of technical specifications per compute capability (threads). Of gfx908 LLVM says that a SIMD holds
# 10 waves, AMD's profiler that it is rather 8, so it is left out.
LIMITS: Final[Mapping[str, OccupancyLimits]] = MappingProxyType(
    {
        "sm_70": OccupancyLimits(2048, 32, 0),
        "sm_75": OccupancyLimits(1024, 16, 0),
        "sm_80": OccupancyLimits(2048, 32),
        "sm_86": OccupancyLimits(1536, 16),
        "sm_87": OccupancyLimits(1536, 16),
        "sm_89": OccupancyLimits(1536, 24),
        "sm_90": OccupancyLimits(2048, 32),
        "sm_100": OccupancyLimits(2048, 32),
        "sm_120": OccupancyLimits(1536, 24),
        "gfx90a": _CDNA2,
        "gfx940": _CDNA2,
        "gfx942": _CDNA2,
    }
)


def occupancy(
    target: str, threads_per_block: int, registers: int, shared_bytes: int, shared_of_multiprocessor: float
) -> float | None:
    """Resident threads as a share of what a multiprocessor can hold, from 0 to 1.

    ``registers`` are those of a thread, ``shared_bytes`` those of a block. None where the limits of
    ``target`` are not known; 0 for a block that does not fit at all.
    """
    limits = LIMITS.get(target)
    if limits is None or threads_per_block < 1:
        return None
    warps = math.ceil(threads_per_block / limits.warp)
    blocks = limits.lone_warps if warps == 1 and limits.lone_warps else limits.blocks
    most = [blocks, limits.threads // (warps * limits.warp)]
    if registers:
        per_warp = math.ceil(registers * limits.warp / limits.register_unit) * limits.register_unit
        held = limits.registers // _SUB_CORES // per_warp * _SUB_CORES
        most.append(held // warps)
    if shared_bytes:
        taken = math.ceil(shared_bytes / limits.shared_unit) * limits.shared_unit + limits.shared_per_block
        most.append(int(shared_of_multiprocessor // taken))
    return min(1.0, min(most) * warps * limits.warp / limits.threads)
