import pytest

from jouleline.core.ports import Availability, Runner
from jouleline.remote.machine import Machine
from jouleline.remote.runner import RemoteRunner
from jouleline.runners.bubblewrap import BubblewrapRunner, find_bubblewrap
from jouleline.runners.landlock import LandlockRunner, find_landlock
from jouleline.runners.local import LocalRunner
from jouleline.runners.low_priority import LowPriorityRunner
from tests.remote.conftest import far
from tests.support.tools import skip_unless_ci

__all__ = ["far"]


@pytest.fixture
def confined() -> Runner:
    finding = find_bubblewrap()
    if finding.availability is not Availability.READY:
        skip_unless_ci(f"{finding.detail}: {finding.remedy}")
    return BubblewrapRunner()


@pytest.fixture
def landlocked() -> LandlockRunner:
    finding = find_landlock()
    if finding.availability is Availability.MISSING:
        skip_unless_ci(f"landlock: {finding.detail}; {finding.remedy}")
    return LandlockRunner()


HERE = ["local", "low priority", "landlock", pytest.param("bubblewrap", marks=pytest.mark.needs("bwrap"))]


@pytest.fixture(params=HERE)
def runner_here(request: pytest.FixtureRequest) -> Runner:
    """Every runner of this machine."""
    return _runner(request)


@pytest.fixture(params=[*HERE, pytest.param("over ssh", marks=pytest.mark.needs("bwrap"))])
def runner(request: pytest.FixtureRequest) -> Runner:
    """Every runner: what the tests of a contract use."""
    return _runner(request)


def _runner(request: pytest.FixtureRequest) -> Runner:
    if request.param == "local":
        return LocalRunner()
    if request.param == "low priority":
        return LowPriorityRunner(LocalRunner())
    if request.param == "over ssh":
        machine: Machine = request.getfixturevalue("far")
        return RemoteRunner(machine)
    found: Runner = request.getfixturevalue("landlocked" if request.param == "landlock" else "confined")
    return found
