"""Runs jobs confined by bubblewrap: for code that nobody has read.

Needs no privileges of its own, only user namespaces.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jouleline.core.ports import Availability, Completed, Finding, Job, RunnerError
from jouleline.runners.environment import job_environment
from jouleline.runners.supervised import WATCHED, run_supervised
from jouleline.runners.system import gpu_nodes, own_folder, system_paths

_PROGRAM: Final = "bwrap"
_INSTALL: Final = "sudo apt-get install bubblewrap"
# Settings of the kernel, which a job of root's could write even without any capability, since root
# owns them: a new core_pattern alone would run the job's program outside the sandbox.
_KERNEL_SETTINGS: Final = (
    "sys", "sysrq-trigger", "irq", "bus", "acpi", "asound", "driver", "fs", "mtrr", "pressure", "scsi",
)  # fmt: skip
# /tmp and shared memory lie in memory, and nobody but the kernel can watch how full they get.
_TEMPORARY_BYTES: Final = 1024**3
_TRIAL_S: Final = 10.0
_GUARANTEES: Final = (
    "it has no network, not even the ports of this computer",
    "it can read nothing of yours: only the system's programs, a few files of /etc and the folder it runs in",
    "it can write to no file of yours outside the folder it runs in",
    "it sees no other process, and nothing of the environment of your editor",
    "it reaches no GPU unless it was given one",
    WATCHED,
    "no process of it outlives it",
)


class BubblewrapRunner:
    """Runs each job as :class:`LocalRunner` does, inside a sandbox of its own.

    ``readable`` names folders that jobs may read beside the system's, such as a compiler that is
    installed in the user's home.
    """

    def __init__(self, readable: Sequence[str] = ()) -> None:
        """Nothing is tried here; see :func:`find_bubblewrap`."""
        self._readable = tuple(readable)

    @property
    def name(self) -> str:
        """``bubblewrap``."""
        return "bubblewrap"

    @property
    def guarantees(self) -> tuple[str, ...]:
        """What a job cannot do; each has a test that attacks it."""
        return _GUARANTEES

    async def run(self, job: Job) -> Completed:
        """Run a job to its end or to its limits; see :func:`run_supervised`.

        Raises:
            RunnerError: when bubblewrap is missing or cannot make the sandbox here.
        """
        program = shutil.which(_PROGRAM)
        if program is None:
            raise RunnerError(f"bubblewrap is not installed, so nothing can be confined: {_INSTALL}")
        with tempfile.TemporaryDirectory(prefix="jouleline-", ignore_cleanup_errors=True) as scratch:
            # This is all the environment that bubblewrap itself gets too: with --clearenv instead, a
            # job could read ours in /proc/1/environ.
            environment = job_environment(os.environ, scratch, job.environment)
            shown = system_paths(environment, self._readable, gpu=job.gpu)
            prefix = _sandbox(program, job.directory, scratch, shown, gpu=job.gpu)
            completed = await run_supervised(job, prefix, environment, scratch)
        if completed.exit_code == 1 and completed.stderr.startswith(b"bwrap: "):
            said = completed.stderr.decode(errors="replace").strip()
            raise RunnerError(f"the sandbox could not be made ({said}); {_remedy()}")
        return completed


def find_bubblewrap(system: Path = Path("/proc/sys")) -> Finding:
    """Whether the sandbox works here, found by making one; user namespaces may be switched off.

    ``system`` is where the kernel's settings are read.
    """
    program = shutil.which(_PROGRAM)
    if program is None:
        return Finding("sandbox", "bubblewrap", Availability.MISSING, "not installed", _INSTALL)
    with tempfile.TemporaryDirectory(prefix="jouleline-") as scratch:
        shown = system_paths({}, (), gpu=False)
        command = [*_sandbox(program, scratch, scratch, shown, gpu=False), "/bin/sh", "-c", ":"]
        try:
            trial = subprocess.run(
                command, env={}, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TRIAL_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return Finding(
                "sandbox", "bubblewrap", Availability.MISSING, f"does not start: {error}", _INSTALL
            )
    if trial.returncode != 0:
        said = trial.stderr.decode(errors="replace").strip() or f"exit code {trial.returncode}"
        detail = f"installed, but a trial sandbox failed: {said}"
        return Finding("sandbox", "bubblewrap", Availability.MISSING, detail, _remedy(system))
    detail = f"{program}, a trial sandbox worked. A job in it: {'; '.join(_GUARANTEES)}"
    return Finding("sandbox", "bubblewrap", Availability.READY, detail)


def _remedy(system: Path = Path("/proc/sys")) -> str:
    """The step that most likely lets this user make user namespaces."""
    for name, forbidding, allowing in (
        ("user/max_user_namespaces", "0", "user.max_user_namespaces=15000"),
        ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
        ("kernel/apparmor_restrict_unprivileged_userns", "1",
         "kernel.apparmor_restrict_unprivileged_userns=0"),
    ):  # fmt: skip
        try:
            setting = (system / name).read_text().strip()
        except OSError:
            continue
        if setting == forbidding:
            return f"sudo sysctl -w {allowing}"
    return (
        "if this is a container, start it so that it may make user namespaces, such as with "
        "docker run --security-opt seccomp=unconfined --security-opt systempaths=unconfined"
    )


def _sandbox(program: str, directory: str, scratch: str, shown: Sequence[Path], *, gpu: bool) -> list[str]:
    """The command that makes the sandbox; the confined command follows it.

    Raises:
        RunnerError: when the job's folder holds one that has to stay hidden.
    """
    folder = str(own_folder(directory))
    small = ("--size", str(_TEMPORARY_BYTES), "--tmpfs")
    # Later arguments are mounted over earlier ones. What is not mounted is an empty folder of the root,
    # which is memory: it is closed at last, so that nothing can be written there.
    return [
        program, "--die-with-parent", "--new-session", "--unshare-all", "--cap-drop", "ALL",
        "--proc", "/proc", "--dev", "/dev", *small, "/dev/shm",  # noqa: S108 - the job's own
        *(part for node in (gpu_nodes() if gpu else ()) for part in ("--dev-bind", node, node)),
        "--remount-ro", "/dev",
        *(part for name in _KERNEL_SETTINGS for part in ("--ro-bind-try", f"/proc/{name}", f"/proc/{name}")),
        *small, "/tmp",  # noqa: S108 - the job's own
        *(part for path in shown for part in _show(path)),
        "--bind", scratch, scratch, "--bind", folder, folder, "--remount-ro", "/", "--chdir", folder, "--",
    ]  # fmt: skip


def _show(path: Path) -> tuple[str, ...]:
    if path.is_symlink():
        return "--symlink", str(path.readlink()), str(path)
    return "--ro-bind-try", str(path), str(path)
