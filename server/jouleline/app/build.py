"""Build a program in a copy of its folder: the user's tree is never written to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jouleline.core.ports import Completed, Job, Limits, Runner, StopReason
from jouleline.core.workload import Workload

from .copying import CopyError, copy_program
from .instrumented import Options, prepare, said
from .program import SOURCE_SUFFIXES

BUILD_LIMITS = Limits(wall_s=300.0)
_TAIL_LINES = 12
_GPU_CODE = re.compile(
    rb"__global__|\bhip(?:Launch|Malloc)|\bcuda(?:Launch|Malloc)|#\s*pragma\s+omp\s+target\b"
)


class BuildError(RuntimeError):
    """A program did not build; the message holds the end of what the compiler said."""


@dataclass(frozen=True)
class Built:
    """A program built in a folder of its own. ``log`` is what the build printed.

    ``gpu`` says that its sources hold code for GPUs, so that its runs ask for them.
    ``said`` is what compilers said to options that were added; None if none of these was used.
    """

    directory: Path
    workload: Workload
    log: str
    seconds: float
    gpu: bool = False
    said: str | None = None

    def job(self, args: str | None = None, limits: Limits | None = None) -> Job:
        """The job that runs the program (default: with the arguments that are measured)."""
        command = self.workload.run_command(args)
        return Job(command, str(self.directory), limits=limits or Limits(), gpu=self.gpu)


async def build(
    folder: Path,
    files: Mapping[str, bytes],
    workload: Workload,
    runner: Runner,
    target: Path,
    *,
    options: Options | None = None,
) -> Built:
    """Copy ``folder`` to ``target``, replace ``files`` there, and build, perhaps with further options.

    Raises:
        BuildError: if the folder is too large to copy or the build fails.
    """
    try:
        await asyncio.to_thread(copy_program, folder, target)
        for name, data in files.items():
            (target / name).write_bytes(data)
        command = await asyncio.to_thread(prepare, target, workload, options) if options else workload.build
    except CopyError as error:
        raise BuildError(str(error)) from error
    except OSError as error:
        what = ": ".join(str(part) for part in (error.filename, error.strerror or error) if part)
        raise BuildError(f"{folder}: cannot be copied for building: {what}") from error
    done = await runner.run(Job(command, str(target), limits=BUILD_LIMITS, builds=True))
    log = (done.stdout + done.stderr).decode("utf-8", "replace")
    if not done.succeeded:
        raise BuildError(f"`{workload.build}` {how_it_failed(done)}\n{tail(log)}")
    gpu = await asyncio.to_thread(_is_for_gpu, target)
    return Built(target, workload, log, done.wall_s, gpu, await asyncio.to_thread(said, target))


def _is_for_gpu(folder: Path) -> bool:
    for path in folder.rglob("*"):
        is_source = path.suffix.lower() in SOURCE_SUFFIXES and path.is_file() and not path.is_symlink()
        if is_source and _GPU_CODE.search(path.read_bytes()):
            return True
    return False


def how_it_failed(done: Completed) -> str:
    """How a job ended, in words: ``crashed (SIGSEGV)``, ``ran past its time limit``..."""
    if done.stopped is not None:
        if done.stopped is StopReason.TIME:
            return f"was stopped after {done.wall_s:.0f} s: it ran past its time limit"
        if done.stopped is StopReason.OUTPUT:
            return "was stopped: it printed without end"
        return f"was stopped: it went over its {done.stopped}"
    if done.signal is not None:
        return f"crashed ({done.signal})"
    return f"failed with exit code {done.exit_code}"


def tail(text: str) -> str:
    """The last lines of a log, indented."""
    lines = text.strip().splitlines()[-_TAIL_LINES:]
    return "\n".join("  " + line for line in lines)
