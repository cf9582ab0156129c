"""The groups by which a study tells where answers fail."""

from __future__ import annotations

import math
from typing import Final

from jouleline.core.device import Device

from .labels import LabelledKernel
from .study import Answer

_SMALL_BYTES: Final = 1e6


def groups(label: LabelledKernel, answer: Answer | None, device: Device) -> dict[str, str]:
    """The kernel's value in each dimension, in the order of the report.

    Dimensions called measured are the truth's; those of the answer are left out where there is none.
    """
    found = {
        "language": str(label.kernel.language),
        "measured driver": str(label.driver) if label.driver else "none (bandwidth)",
        "measured DRAM traffic": "below 1 MB" if label.counts.dram_bytes < _SMALL_BYTES else "1 MB or more",
        "measured margin": "within 2x of the boundary" if abs(label.margin_log2) < 1 else "farther away",
    }
    if label.counts.shape.known:
        blocks, cores = math.prod(label.counts.shape.grid), device.multiprocessors.value
        found["measured blocks"] = f"{'below' if blocks < cores else 'at least'} {cores:g}"
    if answer is not None:
        assumed = any(" runs " in one and " times" in one for one in answer.assumptions)
        found |= {
            "evidence": answer.evidence,
            "launch": "known" if answer.launch_known else "assumed",
            "trip counts": "assumed for a loop" if assumed else "none assumed",
            "access": "an index is read from an array" if answer.indirect else "direct only",
        }
    return found
