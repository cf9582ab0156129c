"""Runs jobs confined by bubblewrap: for code that nobody has read.

Needs no privileges of its own, only user namespaces. Its limits: it does not bound memory or the
number of processes, and what other users left readable outside the hidden folders stays readable.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from jouleline.core.ports import Availability, Completed, Finding, Job, RunnerError
from jouleline.runners.environment import job_environment
from jouleline.runners.supervised import run_supervised

_PROGRAM: Final = "bwrap"
_INSTALL: Final = "sudo apt-get install bubblewrap"
# /run is hidden for its sockets: a read-only folder does not keep anyone from connecting to them.
_HIDDEN: Final = ("/home", "/root", "/tmp", "/var/tmp", "/run")  # noqa: S108 - hidden, not used
# Where some systems keep what every program needs, in spite of the rule above.
_SHOWN_AGAIN: Final = ("/run/current-system", "/run/opengl-driver")
# Settings of the kernel, which a job of root's could write even without any capability, since root
# owns them: a new core_pattern alone would run the job's program outside the sandbox.
_KERNEL_SETTINGS: Final = (
    "sys", "sysrq-trigger", "irq", "bus", "acpi", "asound", "driver", "fs", "mtrr", "pressure", "scsi",
)  # fmt: skip
_GPU_NODES: Final = ("nvidia*", "kfd", "dri", "dxg")
_TRIAL_S: Final = 10.0


class BubblewrapRunner:
    """Runs each job as :class:`LocalRunner` does, inside a sandbox of its own.

    ``readable`` names folders within the hidden ones that jobs may read nevertheless, such as a
    compiler that is installed in the user's home.
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
        return (
            "it has no network, not even the ports of this computer",
            "it cannot read your home folder, nor /home, /root, /tmp, /var/tmp and /run",
            "it can write to no file of yours outside the folder it runs in",
            "it sees no other process, and nothing of the environment of your editor",
            "no process of it outlives it",
        )

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
            prefix = _sandbox(program, job.directory, scratch, self._readable)
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
        command = [*_sandbox(program, scratch, scratch, ()), "/bin/sh", "-c", ":"]
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
    return Finding("sandbox", "bubblewrap", Availability.READY, f"{program}, a trial sandbox worked")


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


def _sandbox(program: str, directory: str, scratch: str, readable: Iterable[str]) -> list[str]:
    """The command that makes the sandbox; the confined command follows it.

    Raises:
        RunnerError: when the job's folder holds one that has to stay hidden.
    """
    folder = Path(directory).resolve()
    hidden = _hidden_folders()
    exposed = next((each for each in hidden if each.is_relative_to(folder)), None)
    if exposed is not None:
        raise RunnerError(
            f"cannot confine a job in {folder}, for it holds {exposed}; use a folder of its own"
        )
    # Later arguments are mounted over earlier ones, so that a job's folder may lie in a hidden one.
    return [
        program, "--die-with-parent", "--new-session", "--unshare-all", "--cap-drop", "ALL",
        "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev",
        *(part for name in _KERNEL_SETTINGS for part in ("--ro-bind-try", f"/proc/{name}", f"/proc/{name}")),
        *(part for node in _gpu_nodes() for part in ("--dev-bind", node, node)),
        # One inside another is hidden already, and cannot be a mount point any more.
        *(part for each in hidden if not any(other in each.parents for other in hidden)
          for part in ("--tmpfs", str(each))),
        *(part for each in (*_SHOWN_AGAIN, *readable) for part in ("--ro-bind-try", each, each)),
        "--bind", scratch, scratch, "--bind", str(folder), str(folder), "--chdir", str(folder), "--",
    ]  # fmt: skip


def _hidden_folders() -> list[Path]:
    named = {Path(each).resolve() for each in (*_HIDDEN, Path.home(), tempfile.gettempdir())}
    return sorted(each for each in named if each.is_dir() and each != Path("/"))


def _gpu_nodes() -> list[str]:
    return sorted(str(node) for pattern in _GPU_NODES for node in Path("/dev").glob(pattern))
