from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lsp.client import Client, over_stdio

SAMPLES = Path(__file__).resolve().parents[2] / "samples"


@pytest.fixture
def client() -> Iterator[Client]:
    """A server over standard input and output; the test ends its session, or the fixture does."""
    with over_stdio() as connected:
        yield connected
        if connected.process is not None and connected.process.poll() is None:
            connected.shut_down()


@pytest.fixture(scope="session")
def samples() -> Path:
    return SAMPLES


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Where the hints of the servers of a test are kept."""
    return tmp_path / "cache" / "jouleline" / "hints"
