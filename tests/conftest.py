import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.nvml import NvmlDouble, build_nvml_double, loaded
from tests.support.openai_server import KEY, Double, openai_double
from tests.support.slurm import Slurm, running_slurm
from tests.support.sshd import Sshd, running_sshd
from tests.support.tools import cache_bin, require_tool

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in a job that a script put into the background; programs that tests start would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Wall time on a shared machine varies twofold from run to run, so a per-example deadline only adds noise.
settings.register_profile("jouleline", deadline=None)
settings.load_profile("jouleline")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        for tool in marker.args:
            require_tool(tool)


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[Double]:
    """A double of a model's endpoint, and a key for it in the environment."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with openai_double() as served:
        yield served


@pytest.fixture(scope="module")
def compilers() -> Iterator[None]:
    """The compilers that were fetched for this project, behind those on the PATH."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{os.environ['PATH']}:{cache_bin()}")
        yield


@pytest.fixture
def mark() -> str:
    """A word that no other process has in its command line."""
    return f"mark-{uuid.uuid4().hex}"


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """Another machine, as far as anybody can tell."""
    with running_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture
def sshd(daemon: Sshd, monkeypatch: pytest.MonkeyPatch) -> Sshd:
    """A machine that is reached over the network, and a `ssh` on the PATH that knows it."""
    monkeypatch.setenv("PATH", str(daemon.bin), prepend=":")
    # No connection of one test is kept for the next.
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(daemon.folder / "no such folder"))
    return daemon


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    """A cluster of one node for a module, whose tests cancel jobs and let the node fail."""
    with running_slurm(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def nvml_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The double of NVIDIA's driver library, built; its folder is for a child's LD_LIBRARY_PATH."""
    return build_nvml_double(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def nvml(nvml_library: Path) -> Iterator[NvmlDouble]:
    """A double of NVIDIA's driver in this process; there is no driver until it is scripted."""
    with loaded(nvml_library) as double:
        yield double
