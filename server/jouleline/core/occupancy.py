"""How many threads of a kernel a multiprocessor can hold at once (NVIDIA)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

_REGISTERS: Final = 65536
_REGISTER_UNIT: Final = 256
"""Registers are given to warps in units of this many."""
_WARP: Final = 32
_SUB_CORES: Final = 4
_SHARED_UNIT: Final = 128


@dataclass(frozen=True, slots=True)
class OccupancyLimits:
    """What a multiprocessor holds at most. ``shared_per_block`` bytes are taken by the system."""

    threads: int
    blocks: int
    shared_per_block: int = 1024


# CUDA 13.0: cuda_occupancy.h (blocks, allocation units, 65,536 registers), and the programming guide's
# table of technical specifications per compute capability (threads).
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
    warps = math.ceil(threads_per_block / _WARP)
    most = [limits.blocks, limits.threads // (warps * _WARP)]
    if registers:
        per_warp = math.ceil(registers * _WARP / _REGISTER_UNIT) * _REGISTER_UNIT
        held = _REGISTERS // _SUB_CORES // per_warp * _SUB_CORES
        most.append(held // warps)
    if shared_bytes:
        taken = math.ceil(shared_bytes / _SHARED_UNIT) * _SHARED_UNIT + limits.shared_per_block
        most.append(int(shared_of_multiprocessor // taken))
    return min(1.0, min(most) * warps * _WARP / limits.threads)
