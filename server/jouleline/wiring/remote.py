"""Another machine to run and measure on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jouleline.core.device import Device
from jouleline.core.meter import Meter, MeterError, Turn
from jouleline.core.ports import Finding, Runner, RunnerError
from jouleline.core.target import Target

from .errors import NoSandboxError, UnavailableError
from .folders import config_folder
from .running import UNCONFINED, sandbox_wanted

if TYPE_CHECKING:
    from jouleline.app.energy_record import Surroundings
    from jouleline.app.measure_settings import MeasureSettings
    from jouleline.remote.launcher import Launcher
    from jouleline.remote.machine import Machine

Tell = Callable[[str], None]


class UnreachableTargetError(UnavailableError):
    """The machine that was named cannot be worked with; the message says why and what to do."""


@dataclass(frozen=True)
class Place:
    """Another machine, with the same edges as this one has; close it."""

    machine: Machine
    runner: Runner
    turn: Turn
    notes: tuple[str, ...]

    @property
    def host(self) -> Device:
        """Its processor."""
        return self.machine.facts.host

    @property
    def gpu(self) -> Finding:
        """What is known of its GPUs."""
        return self.machine.facts.gpu

    def surroundings(self) -> Surroundings:
        """What a record says of it now."""
        from jouleline.app.energy_record import Surroundings

        facts = self.machine.facts
        return Surroundings.now(self.host.name, facts.versions, facts.environment)

    def meter(self, settings: MeasureSettings, *, uses_gpu: bool, by_run: bool = True) -> Meter[Any]:
        """Its meter, as settings ask for it; windows are ``by_run`` or last over many.

        Raises:
            UnavailableError: if it cannot be used there.
        """
        from jouleline.remote.meter import RemoteMeter

        try:
            return RemoteMeter(
                self.machine,
                name=settings.meter,
                gpus=settings.gpus,
                accept_mig=settings.accept_mig,
                uses_gpu=uses_gpu,
                by_run=by_run,
            )
        except (MeterError, RunnerError) as error:
            raise UnavailableError(f"target {self.machine.name}: {error}") from error

    def close(self) -> None:
        """End what runs there, and the connection."""
        self.machine.close()


def target(name: str, program: Path | None = None) -> Target:
    """The target that the user's own file calls by that name.

    Raises:
        UnavailableError: if there is none, or it is wrong.
    """
    from jouleline.app.target_settings import TargetSettingsError, find_target
    from jouleline.app.workload import WORKLOAD_FILE

    try:
        return find_target(name, config_folder() / WORKLOAD_FILE, program and program / WORKLOAD_FILE)
    except TargetSettingsError as error:
        raise UnavailableError(str(error)) from error


def target_names() -> tuple[str, ...]:
    """The targets in the user's own file.

    Raises:
        UnavailableError: if it cannot be read.
    """
    from jouleline.app.target_settings import TargetSettingsError
    from jouleline.app.target_settings import target_names as names_in
    from jouleline.app.workload import WORKLOAD_FILE

    try:
        return names_in(config_folder() / WORKLOAD_FILE)
    except TargetSettingsError as error:
        raise UnavailableError(str(error)) from error


def place(
    name: str, *, confined: bool = True, program: Path | None = None, tell: Tell = lambda _: None
) -> Place:
    """The machine that a target names, connected; close it.

    ``confined`` asks for the sandbox there as it does here, and ``tell`` hears what is waited for.

    Raises:
        NoSandboxError: if there is no sandbox there.
        UnreachableTargetError: if there is no agent to be had there.
        UnavailableError: if there is no such target, or the settings are wrong.
    """
    from jouleline.remote.machine import Machine
    from jouleline.remote.meter import RemoteTurn
    from jouleline.remote.runner import RemoteRunner

    backends, readable = sandbox_wanted(confined=confined)
    machine = _connected(lambda: Machine(
        name, launcher(target(name, program)), sandboxes=backends, readable=readable, tell=tell
    ))  # fmt: skip
    with ExitStack() as stack:
        stack.callback(machine.close)
        notes = (f"programs ran on {machine.facts.node} (target {name})", *machine.facts.notes)
        found = Place(
            machine=machine,
            runner=RemoteRunner(machine),
            turn=RemoteTurn(machine),
            notes=notes if backends else (*notes, UNCONFINED),
        )
        stack.pop_all()
    return found


def launcher(target: Target) -> Launcher:
    """What starts an agent at a target.

    Raises:
        UnavailableError: if it is no single machine.
    """
    from jouleline.app.target_settings import FLEET

    if target.runner == FLEET:
        raise UnavailableError(
            f"target {target.name} is many machines (runner {FLEET}), for `jouleline refactor` and "
            "`jouleline study energy`; name one with another runner"
        )
    if target.runner == "ssh":
        from jouleline.remote.ssh import Ssh

        return Ssh(target)
    from jouleline.remote.queued import Queued

    return Queued(target)


def target_findings(name: str, tell: Tell = lambda _: None) -> list[Finding]:
    """What ``jouleline doctor --target`` reports; jobs are not run.

    Raises:
        UnavailableError: as :func:`place`.
    """
    from jouleline.remote.machine import Machine

    machine = _connected(lambda: Machine(name, launcher(target(name)), sandboxes=(), tell=tell))
    try:
        return machine.findings()
    except RunnerError as error:
        raise UnreachableTargetError(str(error)) from error
    finally:
        machine.close()


def _connected(connect: Callable[[], Machine]) -> Machine:
    try:
        return connect()
    except RunnerError as error:
        text = str(error)
        if "there is no sandbox" in text:
            raise NoSandboxError(
                f"{text}; install bubblewrap there, or if you trust the program, run it outside with "
                "--no-sandbox"
            ) from error
        raise UnreachableTargetError(text) from error
