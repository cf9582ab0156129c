"""Running a program to see what it prints, writes and costs."""

from __future__ import annotations

import asyncio
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from jouleline.core.compare import Expectation, compare
from jouleline.core.ports import Availability, Completed, Finding, Limits, Runner
from jouleline.core.workload import Tolerance

from .build import Built, how_it_failed, tail
from .machine_code import holds_device_code

MAX_OUTPUT_FILE_BYTES: Final = 256 * 1024 * 1024
# Threads that spin while they wait make CPU time a measure of how busy the machine is, not of the work.
_CALM: Final = {"OMP_WAIT_POLICY": "passive"}
HARSH: Final = {"MALLOC_PERTURB_": "165", "OMP_NUM_THREADS": "3", "OMP_DYNAMIC": "false"}
"""What an honest program does not depend on: fresh memory full of rubbish, and an odd number of threads."""
_DIGITS: Final = re.compile(r"[0-9]+")


class BaselineError(RuntimeError):
    """The baseline gives nothing to compare with; the message says why."""


async def require_gpu(baseline: Built, gpu: Finding | None) -> None:
    """See that the kernels of CUDA or HIP that were built can run; ``gpu`` is what is known of GPUs there.

    A program that checks no error ends well without a GPU, and so does any candidate of it.

    Raises:
        BaselineError: if there is no GPU for them.
    """
    if gpu is None or gpu.availability is not Availability.MISSING or not baseline.gpu:
        return
    if await asyncio.to_thread(holds_device_code, baseline.directory):
        raise BaselineError(
            f"the program's kernels need a GPU, and none was found where it runs ({gpu.detail}): nothing "
            "that they do could be verified or measured; run it on a machine that has one (docs/targets.md)"
        )


class RunError(RuntimeError):
    """A run of a program failed or left no output.

    ``detail`` is the end of what the program said, and ``timed_out`` that it met its time limit.
    """

    def __init__(self, args: str, how: str, detail: str = "", *, timed_out: bool = False) -> None:
        super().__init__(f"with {quoted(args)} it {how}")
        self.detail = detail
        self.timed_out = timed_out
        self._arguments = args
        self._how = how

    def of(self, subject: str) -> str:
        """The sentence about the program that is called ``subject``."""
        return f"with {quoted(self._arguments)} {subject} {self._how}"


@dataclass(frozen=True, slots=True)
class Effort:
    """How often programs are run and how long they may take. Seconds and bytes.

    A baseline may take ``baseline_s`` for a run. A candidate may take ``patience`` times as long as
    the baseline did, and ``floor_s`` at least. ``visible_s`` is the least growth in time that counts
    as such, and ``scaling_s`` about how long a run for the scaling gate should take at most.
    """

    baseline_runs: int = 2
    candidate_runs: int = 2
    baseline_s: float = 120.0
    floor_s: float = 10.0
    patience: float = 10.0
    output_bytes: int = 16 * 1024 * 1024
    visible_s: float = 0.05
    scaling_s: float = 5.0

    def baseline_limits(self) -> Limits:
        """What a run of the baseline may use."""
        return Limits(wall_s=self.baseline_s, output_bytes=self.output_bytes)

    def candidate_limits(self, baseline_s: float) -> Limits:
        """What a run of a candidate may use, where the baseline took ``baseline_s``."""
        return Limits(wall_s=max(self.floor_s, self.patience * baseline_s), output_bytes=self.output_bytes)


@dataclass(frozen=True, slots=True)
class Ran:
    """A run that succeeded: how it ended, its output files, and what else it wrote in its folder.

    Digits in the names of ``written`` are folded to ``#``: programs put sizes and dates there.
    """

    completed: Completed
    files: Mapping[str, bytes]
    written: frozenset[str]


@dataclass(frozen=True, slots=True)
class Observation:
    """What the baseline does with some arguments. The times are those of its fastest run.

    ``harsh`` says that it does the same in the environment :data:`HARSH`.
    """

    args: str
    stdout: Expectation
    files: Mapping[str, Expectation]
    wall_s: float
    cpu_s: float
    tolerance: Tolerance
    written: frozenset[str] = frozenset()
    harsh: bool = False

    def error(self, ran: Ran) -> float | None:
        """The largest relative error of another run's numbers; None if there are none to compare."""
        outputs = [(self.stdout, ran.completed.stdout)]
        outputs += [(expectation, ran.files[name]) for name, expectation in self.files.items()]
        if not any(one.lines is None or any(True for _ in one.compared) for one, _ in outputs):
            return None
        return max(compare(one, actual, self.tolerance).error for one, actual in outputs)

    def difference(self, ran: Ran) -> str | None:
        """How another run differs from this; None if it means the same."""
        found = compare(self.stdout, ran.completed.stdout, self.tolerance)
        if not found.equal:
            return f"standard output, {'; '.join(found.differences)}"
        for name, expectation in self.files.items():
            found = compare(expectation, ran.files[name], self.tolerance)
            if not found.equal:
                return f"{name}, {'; '.join(found.differences)}"
        return None

    @property
    def notes(self) -> tuple[str, ...]:
        """What is odd in the baseline's own output, as sentences: NaN where a number should be."""
        return tuple(note for one in self.expectations for note in one.notes)

    @property
    def expectations(self) -> tuple[Expectation, ...]:
        """All outputs: standard output and the files."""
        return (self.stdout, *self.files.values())


async def run_once(
    built: Built, args: str, limits: Limits, runner: Runner, *, environment: Mapping[str, str] = _CALM
) -> Ran:
    """Run a program and gather what it leaves.

    Output files of an earlier run are removed first: a program that writes none must not pass with
    them.

    Raises:
        RunError: if the run fails, takes too long, prints too much, or leaves no proper output file.
        RunnerError: if it could not be started.
    """
    outputs = built.workload.outputs
    await asyncio.to_thread(_remove, built.directory, outputs)
    before = await asyncio.to_thread(_snapshot, built.directory)
    done = await runner.run(replace(built.job(args, limits), environment={**_CALM, **environment}))
    if not done.succeeded:
        said = (done.stderr.strip() or done.stdout.strip()).decode("utf-8", "replace")
        raise RunError(
            args,
            how_it_failed(done),
            tail(said),
            timed_out=done.stopped is not None and done.stopped.value == "time limit",
        )
    files = {name: await asyncio.to_thread(_read, built.directory, name, args) for name in outputs}
    after = await asyncio.to_thread(_snapshot, built.directory)
    changed = {name for name, state in after.items() if before.get(name) != state} - {*outputs}
    return Ran(done, files, frozenset(_DIGITS.sub("#", name) for name in changed))


async def observe(
    built: Built, args: str, runner: Runner, effort: Effort, tolerance: Tolerance | None = None
) -> Observation:
    """Run the baseline several times with some arguments and see that it repeats itself.

    Raises:
        RunError: if a run fails.
        BaselineError: if the runs differ by more than the tolerance (default: the workload's).
        RunnerError: if it could not be started.
    """
    limits = effort.baseline_limits()
    runs = [await run_once(built, args, limits, runner) for _ in range(max(effort.baseline_runs, 1))]
    observation = Observation(
        args,
        Expectation(tuple(run.completed.stdout for run in runs)),
        {name: _expected(name, runs, built.workload.formats) for name in built.workload.outputs},
        min(run.completed.wall_s for run in runs),
        min(run.completed.cpu_s for run in runs),
        tolerance or built.workload.tolerance,
        frozenset[str]().union(*(run.written for run in runs)),
    )
    for run in runs[1:]:
        difference = await asyncio.to_thread(observation.difference, run)
        if difference is not None:
            raise BaselineError(
                f"the baseline differs from run to run with {quoted(args)}: {difference}; until it "
                "repeats itself, or the workload's tolerance allows for it, nothing can be checked against it"
            )
    try:
        rubbed = await run_once(built, args, limits, runner, environment=HARSH)
    except RunError:
        return observation
    return replace(observation, harsh=await asyncio.to_thread(observation.difference, rubbed) is None)


def _expected(name: str, runs: list[Ran], formats: Mapping[str, str]) -> Expectation:
    return Expectation(tuple(run.files[name] for run in runs), formats.get(name, ""))


def quoted(args: str) -> str:
    """Arguments in a sentence."""
    return f'arguments "{args}"' if args else "no arguments"


def _remove(folder: Path, names: tuple[str, ...]) -> None:
    for name in names:
        path = folder / name
        if path.is_symlink() or path.is_file():
            path.unlink()


def _read(folder: Path, name: str, args: str) -> bytes:
    path = folder / name
    try:
        state = path.lstat()
        # A link may lead to the expected output itself, or to what the sandbox hid; a pipe would never end.
        linked = path.parent.resolve() != folder.resolve() / Path(name).parent
        if linked or not stat.S_ISREG(state.st_mode):
            raise RunError(args, f"left {name}, but not as a regular file")
        if state.st_size > MAX_OUTPUT_FILE_BYTES:
            raise RunError(args, f"left more than {MAX_OUTPUT_FILE_BYTES // 2**20} MiB in {name}")
        return path.read_bytes()
    except OSError as error:
        raise RunError(args, f"left no {name} that can be read: {error.strerror}") from error


def _snapshot(folder: Path) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for path in folder.rglob("*"):
        try:
            state = path.lstat()
        except OSError:
            continue
        if not stat.S_ISDIR(state.st_mode):
            found[path.relative_to(folder).as_posix()] = (state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    return found
