"""Allocations of nodes, as a target describes them, in the words of Parsl's providers."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any, Final

from jouleline.core.target import Target

if TYPE_CHECKING:
    from parsl.providers.base import ExecutionProvider

_DIRECTIVES: Final = {"slurm": "#SBATCH", "pbs": "#PBS", "lsf": "#BSUB"}
# A neighbour's job would be in the figures; of Slurm, Parsl asks for whole nodes by itself.
_ALONE: Final = {"slurm": (), "pbs": ("-l place=excl",), "lsf": ("-x",)}
_MINUTES: Final = 60
DEFAULT_PYTHON: Final = "python3"


def python_of(target: Target) -> str:
    """The Python of workers: by default the one that runs us, which nodes have as well."""
    return sys.executable if target.python == DEFAULT_PYTHON else target.python


def workers_per_node(target: Target) -> int:
    """One for each GPU, else as many as are asked for."""
    return len(target.gpus) or target.workers


def prelude(target: Target) -> str:
    """What is run on a node before its workers, line by line."""
    return "\n".join(
        [*(f"module load {shlex.quote(module)}" for module in target.modules), target.setup]
    ).strip()


def directives(target: Target) -> str:
    """The lines of a job's script that are the user's, and those that keep others from its nodes."""
    word = _DIRECTIVES[target.scheduler]
    options = [option for option in target.options if option not in resources(target)]
    return "\n".join(f"{word} {option}" for option in (*_ALONE[target.scheduler], *options))


def resources(target: Target) -> list[str]:
    """Options that are no options but what a node has to have, as in ``select`` of PBS: ``ngpus=4``."""
    return [one for one in target.options if target.scheduler == "pbs" and not one.startswith("-")]


def provider(target: Target) -> ExecutionProvider:
    """A block is one node, so that each begins when it can and is lost alone."""
    from parsl import providers as parsl_providers

    providers: Any = parsl_providers  # without types

    blocks: dict[str, Any] = {
        "worker_init": prelude(target),
        "nodes_per_block": 1,
        "init_blocks": target.nodes,
        "min_blocks": 0,
        "max_blocks": target.nodes,
    }
    found: ExecutionProvider
    if target.scheduler == "local":
        found = providers.LocalProvider(**blocks)
        return found
    hours, minutes = divmod(target.minutes or _MINUTES, 60)
    blocks |= {"walltime": f"{hours:02d}:{minutes:02d}:00", "scheduler_options": directives(target)}
    queue, account = target.queue or None, target.account or None
    if target.scheduler == "slurm":
        found = providers.SlurmProvider(partition=queue, account=account, exclusive=True, **blocks)
    elif target.scheduler == "pbs":
        wanted = dict(one.partition("=")[::2] for one in resources(target))
        cores = int(wanted.pop("ncpus", "1"))
        more = ":".join(f"{name}={value}" for name, value in wanted.items())
        found = providers.PBSProProvider(
            queue=queue, account=account, cpus_per_node=cores, select_options=more, **blocks
        )
    else:
        found = providers.LSFProvider(queue=queue, project=account, **blocks)
    return found
