"""Cooperative groups of CUDA and HIP: which of their threads one is, and what they compute together."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

from .ctype import CType, Scalar
from .derive import derived_value
from .evaluate import combine
from .polynomial import ONE, ZERO, Polynomial
from .values import Tally, Value

BLOCK: Final = CType(Scalar.OTHER, 8, struct="thread_block")
GRID: Final = CType(Scalar.OTHER, 8, struct="grid_group")
TILE: Final = CType(Scalar.OTHER, 8, struct="thread_block_tile")
"""A part of a block: its value is the number of its threads, a warp's where nothing tells."""
_TILES: Final = (TILE.struct, "coalesced_group")
_WARP: Final = Polynomial.constant(32)
_MAKERS: Final = {"this_thread_block": BLOCK, "this_grid": GRID, "coalesced_threads": TILE}
_PARTITIONS: Final = frozenset("tiled_partition labeled_partition binary_partition".split())
_FOLDS: Final = frozenset("reduce inclusive_scan exclusive_scan".split())
_CALL: Final = re.compile(r"(\w+)\s*\.\s*(\w+)\s*\(\s*\)")


def made(name: str, size: Polynomial | None) -> Value | None:
    """The group that a function of the library makes, a tile of so many threads; None for other functions."""
    if name in _MAKERS:
        return Value(_MAKERS[name])
    told = size is not None and (size.number is None or size.number >= 1)
    return Value(TILE, size if told else None) if name in _PARTITIONS else None


def is_group(value: Value) -> bool:
    """Whether a value is a group."""
    return value.type.struct in (BLOCK.struct, GRID.struct, *_TILES)


def asked(call: str, names: Mapping[str, Value], tally: Tally) -> Polynomial | None:
    """The value of a call given as text that asks a group by its name, as ``tile.thread_rank()``."""
    found = _CALL.fullmatch(call)
    group = names.get(found[1]) if found is not None else None
    return member(group, found[2], names, tally) if found is not None and group is not None else None


def member(group: Value, method: str, names: Mapping[str, Value], tally: Tally) -> Polynomial | None:
    """What a group's method tells of the calling thread, or of the group; None if it is no number."""
    if not is_group(group):
        return None
    rank, size = _linear("threadIdx", "blockDim", names), _size("blockDim", names)
    block, blocks = _linear("blockIdx", "gridDim", names), _size("gridDim", names)
    if group.type.struct == GRID.struct:
        rank, size = block * size + rank, blocks * size
    elif group.type.struct in _TILES:
        tile = _WARP if group.value is None else group.value
        block, blocks = _divided("/", rank, tile, tally), _divided("/", size, tile, tally)
        rank, size = _divided("%", rank, tile, tally), tile
    match method:
        case "thread_rank":
            return rank
        case "size" | "num_threads":
            return size
        case "meta_group_rank" | "block_rank":
            return block
        case "meta_group_size" | "num_blocks":
            return blocks
    return None


def steps(name: str, group: Value) -> float:
    """In how many steps the threads of a group compute something together; 0 where they do not."""
    if name not in _FOLDS or not is_group(group):
        return 0.0
    size = group.value.number if group.value is not None else _WARP.number
    return math.log2(size) if size else 0.0


def _linear(index: str, extent: str, names: Mapping[str, Value]) -> Polynomial:
    total, stride = ZERO, ONE
    for axis in "xyz":
        total = total + _known(f"{index}.{axis}", names, ZERO) * stride
        stride = stride * _known(f"{extent}.{axis}", names, ONE)
    return total


def _size(extent: str, names: Mapping[str, Value]) -> Polynomial:
    size = ONE
    for axis in "xyz":
        size = size * _known(f"{extent}.{axis}", names, ONE)
    return size


def _known(name: str, names: Mapping[str, Value], otherwise: Polynomial) -> Polynomial:
    value = names.get(name)
    return otherwise if value is None or value.value is None else value.value


def _divided(operator: str, left: Polynomial, right: Polynomial, tally: Tally) -> Polynomial:
    found = derived_value(operator, left, right, tally)
    found = combine(operator, left, right) if found is None else found
    return ZERO if found is None else found
