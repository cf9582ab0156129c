"""Runs that are found again: begun for an editor that has ended since, and going on, or ended meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from jouleline import wiring

if TYPE_CHECKING:
    from jouleline.app.detached import DetachedRun

    from .server import Server


async def take_up(server: Server, folders: Collection[Path] = (), program: Path | None = None) -> None:
    """Follow the runs that nobody follows, or tell what became of them: of programs in these folders."""
    for run in await asyncio.to_thread(_untold, tuple(folders), program):
        if not server.jobs.running(run.root):
            server.start(_follow(server, run))


async def _follow(server: Server, run: DetachedRun) -> None:
    from .runs import carry_out

    await carry_out(server, run.root, lambda: run, begin=False, asked=False)


def _untold(folders: Collection[Path], program: Path | None) -> list[DetachedRun]:
    records = wiring.records_folder()
    # What can read them is imported where there are any.
    if not any(records.glob("*/job.json")):
        return []
    from jouleline.app.detached import detached_runs

    return [
        run
        for run in detached_runs(records)
        if not run.told
        and (run.root == program or any(folder in (run.root, *run.root.parents) for folder in folders))
    ]
