"""Collecting a profile now: build the program, run it under a profiler, and keep what that wrote."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from jouleline.core.ports import Availability, Job, Limits, Profiler, Runner
from jouleline.core.profile import ProfileError
from jouleline.core.workload import Workload

from .build import build, how_it_failed, tail
from .profiles import decode_profile
from .program import Program

PROFILE_LIMITS: Final = Limits(wall_s=1800.0)
"""A profiler runs each launch several times, and some run the program several times."""
_FOLDER: Final = "jouleline-profile"
_TENSOR = re.compile(rb"wmma|mma_sync|\bw?g?mma\.|mfma")


def choose_profiler(profilers: Sequence[Profiler]) -> Profiler:
    """The first profiler that is here, one that may read counters before one that may not.

    Raises:
        ProfileError: if none is here; the message says how to get each.
    """
    findings = [(one, one.find()) for one in profilers]
    for wanted in (Availability.READY, Availability.LIMITED):
        for profiler, finding in findings:
            if finding.availability is wanted:
                return profiler
    missing = "; ".join(f"{finding.name}: {finding.detail} ({finding.remedy})" for _, finding in findings)
    raise ProfileError(
        f"no profiler is here: {missing}; or profile on another machine and name the file with --profile"
    )


async def collect(
    program: Program, workload: Workload, runner: Runner, profiler: Profiler, scratch: Path
) -> dict[str, str]:
    """Build a copy of the program in ``scratch`` and profile its run: the texts that wrote, by file.

    Raises:
        ProfileError: if the profiler measured nothing; the message says what is missing.
        BuildError: if the program does not build.
        RunnerError: if it cannot be run at all.
    """
    built = await build(program.root, {}, workload, runner, scratch / "program")
    run = workload.run_command()
    tensor = any(_TENSOR.search(data) for data in program.files.values())
    # Numbers as in English, whatever the user's language.
    environment = {"LC_ALL": "C"}
    command = profiler.command(run, _FOLDER, tensor=tensor)
    done = await runner.run(Job(command, str(built.directory), environment, PROFILE_LIMITS, gpu=True))
    texts = await asyncio.to_thread(_written, built.directory / _FOLDER)
    found = {name: text for name, text in texts.items() if profiler.recognises(text)}
    try:
        measured = any(profiler.read(text) for text in found.values())
    except ProfileError as error:
        raise ProfileError(f"{profiler.name} wrote a profile that cannot be read: {error}") from error
    if measured:
        return found
    log = (done.stderr + b"\n" + done.stdout).decode("utf-8", "replace")
    refusal = profiler.refusal("\n".join([*texts.values(), log]))
    ready = profiler.find().availability is Availability.READY
    if refusal is not None:
        confined = "; or it is the sandbox that takes the right away: try --no-sandbox"
        raise ProfileError(
            f"{profiler.name} measured nothing: {refusal}{confined if ready and runner.guarantees else ''}"
        )
    if not done.succeeded:
        raise ProfileError(f"`{run}` under {profiler.name} {how_it_failed(done)}\n{tail(log)}")
    raise ProfileError(_no_kernel(run, profiler))


def _no_kernel(run: str, profiler: Profiler) -> str:
    finding = profiler.find()
    ready = finding.availability is Availability.READY
    why = "" if ready else f" ({finding.detail}: {finding.remedy})"
    return (
        f"`{run}` launched no kernel that {profiler.name} could measure{why}: run it by hand and see that "
        "it uses the GPU; OpenMP runs target regions on the host where it finds none"
    )


def _written(folder: Path) -> Mapping[str, str]:
    texts: dict[str, str] = {}
    # The program could write here, too: a link may lead to what the sandbox hid, and a pipe would never end.
    if folder.is_symlink():
        return texts
    for path in sorted(folder.rglob("*.csv")):
        if path.is_symlink() or not path.is_file():
            continue
        name = path.relative_to(folder).as_posix()
        texts[name] = decode_profile(name, path.read_bytes())
    return texts
