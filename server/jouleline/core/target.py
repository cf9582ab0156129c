"""Another machine to run and measure on, as its user describes it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """The table ``[target.NAME]``.

    ``runner`` is ``ssh`` or a scheduler's name. ``host`` is what the user's own ssh calls the machine, or the
    login node of a scheduler; empty for the scheduler of this machine. ``folder`` is where Jouleline keeps
    its files there (empty: the user's cache folder), ``modules`` are loaded and ``setup`` is run by a login
    shell before anything else, ``gpus`` are the only GPUs that programs see, ``container`` is an image for
    apptainer. ``queue``, ``account``, ``minutes`` of wall time, and further ``options`` are the scheduler's;
    ``wait_minutes`` is how long to wait for an allocation.

    For ``runner`` parsl, ``scheduler`` gives ``nodes`` at a time, each with a worker for each of ``gpus``, or
    else ``workers``, which share it.
    """

    name: str
    runner: str
    host: str = ""
    python: str = "python3"
    folder: str = ""
    modules: tuple[str, ...] = ()
    setup: str = ""
    gpus: tuple[str, ...] = ()
    container: str = ""
    queue: str = ""
    account: str = ""
    minutes: int | None = None
    wait_minutes: int | None = None
    options: tuple[str, ...] = ()
    scheduler: str = ""
    nodes: int = 1
    workers: int = 1
