from pathlib import Path

import pytest

from tests.support import amd_smi
from tests.support.amd_smi import AmdSmiDouble


@pytest.fixture
def amd(monkeypatch: pytest.MonkeyPatch) -> AmdSmiDouble:
    """A double of AMD SMI, as the library that is imported."""
    return amd_smi.install(monkeypatch)


@pytest.fixture
def kfd(tmp_path: Path) -> Path:
    """A double of the device file by which programs reach AMD's GPUs."""
    path = tmp_path / "kfd"
    path.touch()
    return path
