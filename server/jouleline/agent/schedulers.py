"""The schedulers that there are, by the names that users write for `runner`."""

from __future__ import annotations

from .flux import Flux
from .lsf import Lsf
from .pbs import Pbs
from .scheduler import BatchScheduler, Scheduler
from .slurm import Slurm

BATCH: dict[str, BatchScheduler] = {one.name: one for one in (Pbs(), Lsf(), Flux())}
SCHEDULERS: dict[str, Scheduler] = {"slurm": Slurm(), **BATCH}
