import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from jouleline.core.ports import Availability
from jouleline.core.target import Target
from jouleline.remote.machine import Machine
from jouleline.remote.ssh import Ssh
from jouleline.runners.bubblewrap import find_bubblewrap
from tests.support.sshd import HOST, Sshd
from tests.support.tools import skip_unless_ci

Connect = Callable[..., Machine]


@pytest.fixture
def target(sshd: Sshd) -> Target:
    return Target("far", "ssh", HOST, python=sys.executable, folder=str(sshd.far / "files"))


@pytest.fixture
def connect(target: Target) -> Iterator[Connect]:
    """Connects to the other machine, in the sandbox there; closed after the test."""
    _sandbox()
    with ExitStack() as stack:

        def connected(sandboxes: tuple[str, ...] = ("bubblewrap",), **options: Any) -> Machine:
            of_target = {
                key: options.pop(key) for key in ("python", "folder", "gpus", "setup") if key in options
            }
            machine = Machine("far", Ssh(replace(target, **of_target)), sandboxes=sandboxes, **options)
            stack.callback(machine.close)
            return machine

        yield connected


@pytest.fixture(scope="module")
def far(daemon: Sshd) -> Iterator[Machine]:
    """A connection for all tests of a module that do it no harm."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(daemon.bin), prepend=":")
        patch.setenv("XDG_RUNTIME_DIR", str(daemon.folder / "no such folder"))
        target = Target("far", "ssh", HOST, python=sys.executable, folder=str(daemon.far / "kept"))
        machine = Machine("far", Ssh(target), sandboxes=(_sandbox(),))
    yield machine
    machine.close()


def _sandbox() -> str:
    finding = find_bubblewrap()
    if finding.availability is not Availability.READY:
        skip_unless_ci(f"{finding.detail}: {finding.remedy}")
    return "bubblewrap"
