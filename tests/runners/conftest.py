import uuid

import pytest

from jouleline.core.ports import Availability, Runner
from jouleline.runners.bubblewrap import BubblewrapRunner, find_bubblewrap
from jouleline.runners.local import LocalRunner
from jouleline.runners.low_priority import LowPriorityRunner
from tests.support.tools import skip_unless_ci


@pytest.fixture
def confined() -> Runner:
    finding = find_bubblewrap()
    if finding.availability is not Availability.READY:
        skip_unless_ci(f"{finding.detail}: {finding.remedy}")
    return BubblewrapRunner()


@pytest.fixture(
    params=["local", "low priority", pytest.param("bubblewrap", marks=pytest.mark.needs("bwrap"))]
)
def runner(request: pytest.FixtureRequest) -> Runner:
    """Every runner of this machine: what the tests of a contract use."""
    if request.param == "local":
        return LocalRunner()
    if request.param == "low priority":
        return LowPriorityRunner(LocalRunner())
    found: Runner = request.getfixturevalue("confined")
    return found


@pytest.fixture
def mark() -> str:
    return f"mark-{uuid.uuid4().hex}"
