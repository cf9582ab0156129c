"""Compiled evidence that arrives later, by the compilers of this machine."""

import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jouleline.core.ports import Availability
from jouleline.lsp.compilation import QUIET_S
from jouleline.runners.bubblewrap import find_bubblewrap
from jouleline.runners.low_priority import NICENESS
from tests.lsp.client import TIMEOUT_S, Client, ServerError, over_stdio
from tests.lsp.test_configuration import refreshed, refreshing
from tests.support.tools import cache_bin, skip_unless_ci

CUDA = """\
#include "add.h"
__global__ void first(float *a, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) a[i] = add(a[i], 1.0f);
}
__global__ void second(double *a, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) a[i] = a[i] * a[i];
}
int main() {
  float *a = 0;
  double *b = 0;
  first<<<4096, 256>>>(a, 1 << 20);
  second<<<4096, 256>>>(b, 1 << 20);
}
"""
ADD = "__device__ inline float add(float a, float b) { return a + b; }\n"
OPENMP = """\
void scale(float *a, int n) {
#pragma omp target teams distribute parallel for map(tofrom : a[0:n])
  for (int i = 0; i < n; i++) a[i] = 2.0f * a[i];
}
"""
ON = {"compiledEvidence": {"enable": True}}
COMPILE_S = 180.0

needs_nvcc = pytest.mark.needs("nvcc", "nvdisasm")
pytestmark = pytest.mark.needs("bwrap")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Client]:
    """A server with the compilers on its path and a cache that is empty."""
    if (finding := find_bubblewrap()).availability is not Availability.READY:
        skip_unless_ci(f"{finding.detail}: {finding.remedy}")
    path = f"{os.environ['PATH']}:{cache_bin()}"
    with over_stdio({"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": path}) as connected:
        yield connected
        if connected.process is not None and connected.process.poll() is None:
            connected.shut_down()


@pytest.fixture
def main(tmp_path: Path) -> Path:
    """A CUDA program whose header is on disk as another text than its user means it to be."""
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "main.cu").write_text(CUDA)
    (folder / "add.h").write_text(ADD)
    (folder / "Makefile").write_text("main: main.cu add.h\n\tnvcc -o main main.cu\n")
    return folder / "main.cu"


@pytest.fixture
def nap() -> str:
    """Seconds that no other process on the machine sleeps for."""
    return f"4713.{uuid.uuid4().int}"


@pytest.fixture
def hanging(main: Path, nap: str) -> Path:
    """A program whose Makefile hangs when make is asked what it would do."""
    (main.parent / "Makefile").write_text(f"X := $(shell sleep {nap})\nmain:\n\tnvcc -o main main.cu\n")
    return main


def evidence(client: Client, uri: str) -> list[str]:
    """The evidence that each hint names, kernels first."""
    return [hint["label"].rpartition(" · ")[2] for hint in client.hints(uri)]


def sleepers(nap: str) -> list[Path]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cmdline").read_bytes() == f"sleep\0{nap}\0".encode():
                found.append(folder)
        except OSError:
            continue  # it has ended meanwhile
    return found


def until(fits: Callable[[], bool]) -> None:
    end = time.monotonic() + TIMEOUT_S
    while not fits():
        assert time.monotonic() < end
        time.sleep(0.05)


def compiled(client: Client) -> None:
    """Wait until the server has told that there is news, and let it know that it was heard."""
    client.reply(client.expect("workspace/inlayHint/refresh", COMPILE_S), None)
    client.reply(client.expect("workspace/codeLens/refresh"), None)


@needs_nvcc
def test_hints_are_from_source_and_later_from_compiled_code(server: Client, main: Path) -> None:
    server.initialize(main.parent, refreshing(), ON)
    uri = server.open(main)
    assert evidence(server, uri) == ["source"] * 4
    compiled(server)
    assert evidence(server, uri) == ["compiled"] * 4
    assert "estimate from code that nvcc made" in server.lenses(uri)[0]["command"]["title"]
    shown = server.hover(uri, 1, 18)
    assert shown is not None
    assert "code that nvcc made for sm_80" in shown


@pytest.mark.needs("clang++-19", "ptxas", "nvdisasm")
def test_target_regions_are_compiled_by_clang(server: Client, tmp_path: Path) -> None:
    file = tmp_path / "scale.cpp"
    file.write_text(OPENMP)
    server.initialize(tmp_path, refreshing(), ON)
    uri = server.open(file, language="cpp")
    assert evidence(server, uri) == ["source"]
    compiled(server)
    assert evidence(server, uri) == ["compiled"]


@needs_nvcc
def test_an_edit_brings_the_source_back_until_it_is_compiled(server: Client, main: Path) -> None:
    server.initialize(main.parent, refreshing(), ON)
    uri = server.open(main)
    compiled(server)
    server.change(uri, 2, {"text": CUDA.replace("a[i] * a[i];", "a[i] * a[i] * a[i];")})
    # The other kernel, and its launch, cannot have changed.
    assert evidence(server, uri) == ["compiled", "source", "compiled", "source"]
    compiled(server)
    assert evidence(server, uri) == ["compiled"] * 4
    server.change(uri, 3, {"text": CUDA})
    assert evidence(server, uri) == ["compiled"] * 4
    # What is compiled is what is in the editor, and here that uses what is on no disk.
    header = server.open(main.parent / "add.h", ADD + "#define TWICE(x) ((x) + (x))\n")
    server.change(uri, 4, {"text": CUDA.replace("a[i] * a[i]", "TWICE(a[i])")})
    compiled(server)
    assert evidence(server, uri) == ["compiled"] * 4
    compiled(server)  # the header's program is looked at for itself
    assert evidence(server, header) == []
    assert (main.read_text(), sorted(one.name for one in main.parent.iterdir())) == (
        CUDA,
        ["Makefile", "add.h", "main.cu"],
    )


@needs_nvcc
def test_what_does_not_compile_keeps_source_evidence_and_the_log_says_why(server: Client, main: Path) -> None:
    server.initialize(main.parent, refreshing(), ON)
    uri = server.open(main, CUDA.replace("int n", "int n, Unknown u"))
    message = server.expect("window/logMessage", COMPILE_S)["params"]["message"]
    assert message.startswith("main.cu:1: does not compile with nvcc")
    assert '"Unknown" is undefined' in message
    assert set(evidence(server, uri)) == {"source"}


def test_without_a_compiler_the_log_says_so_once(tmp_path: Path, main: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    nowhere = {"PATH": str(tools), "CUDA_HOME": str(tools), "CUDA_PATH": str(tools)}
    with over_stdio({**nowhere, "XDG_CACHE_HOME": str(tmp_path / "cache")}) as client:
        client.initialize(main.parent, refreshing(), ON)
        uri = client.open(main)
        message = client.expect("window/logMessage")["params"]["message"]
        assert message.startswith("Bounds are from source alone: no compiler for kernels is here")
        assert message.endswith(f": {sys.executable} -m pip install 'jouleline[cuda]'")
        client.change(uri, 2, {"text": CUDA + "\n"})
        time.sleep(QUIET_S + 1)
        assert evidence(client, uri) == ["source"] * 4
        client.shut_down()


@needs_nvcc
@pytest.mark.parametrize("how", ["edit", "close", "switch off", "shut down"])
def test_what_is_outdated_ends_with_all_its_processes(
    server: Client, hanging: Path, nap: str, how: str
) -> None:
    server.initialize(hanging.parent, refreshing(), ON)
    uri = server.open(hanging)
    until(lambda: bool(sleepers(nap)))
    (before,) = sleepers(nap)
    niceness = int((before / "stat").read_text().rpartition(")")[2].split()[16])
    assert niceness == min(19, os.nice(0) + NICENESS)
    match how:
        case "edit":
            server.change(uri, 2, {"text": CUDA.replace("1.0f", "2.0f")})
            assert evidence(server, uri) == ["source"] * 4
            until(lambda: before not in sleepers(nap))
            until(lambda: bool(sleepers(nap)))  # begun anew
            server.shut_down()
        case "close":
            server.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        case "switch off":
            settings = {"jouleline": {"compiledEvidence": {"enable": False}}}
            server.notify("workspace/didChangeConfiguration", {"settings": settings})
            refreshed(server)
        case _:
            server.shut_down()
            assert sleepers(nap) == []
    until(lambda: not sleepers(nap))


@needs_nvcc
def test_nothing_is_compiled_beside_a_refactoring(server: Client, hanging: Path, nap: str) -> None:
    (hanging.parent / "jouleline.toml").write_text(
        f'[workload]\nbuild = "sleep {nap}1 & wait"\nrun = "./main"\n'
    )
    server.initialize(hanging.parent, refreshing(), ON)
    uri = server.open(hanging)
    until(lambda: bool(sleepers(nap)))
    number = server.begin(
        "workspace/executeCommand",
        {
            "command": "jouleline.refactor",
            "arguments": [{"uri": uri, "version": 1, "line": 1}],
            "workDoneToken": "t",
        },
    )
    until(lambda: bool(sleepers(nap + "1")))
    assert sleepers(nap) == []
    server.change(uri, 2, {"text": CUDA.replace("1.0f", "2.0f")})
    time.sleep(2 * QUIET_S)
    assert sleepers(nap) == []
    server.notify("$/cancelRequest", {"id": number})
    with pytest.raises(ServerError):
        server.result(number)
    until(lambda: bool(sleepers(nap)))  # begun anew
    assert server.drop("$/progress")
    assert len(server.drop("jouleline/status")) == 2


def test_nothing_is_compiled_when_switched_off(
    server: Client, hanging: Path, nap: str, tmp_path: Path
) -> None:
    server.initialize(hanging.parent, refreshing(), {"compiledEvidence": {"enable": False}})
    uri = server.open(hanging)
    server.change(uri, 2, {"text": CUDA.replace("1.0f", "2.0f")})
    end = time.monotonic() + 2 * QUIET_S
    while time.monotonic() < end:
        assert sleepers(nap) == []
        assert evidence(server, uri) == ["source"] * 4
    assert not (tmp_path / "cache" / "jouleline" / "compiled").exists()


@needs_nvcc
def test_switching_off_takes_compiled_evidence_back(server: Client, main: Path) -> None:
    server.initialize(main.parent, refreshing(), ON)
    uri = server.open(main)
    compiled(server)
    assert evidence(server, uri) == ["compiled"] * 4
    for enable, expected in ((False, "source"), (True, "compiled")):
        settings = {"jouleline": {"compiledEvidence": {"enable": enable}}}
        server.notify("workspace/didChangeConfiguration", {"settings": settings})
        refreshed(server)
        if enable:
            compiled(server)
        assert evidence(server, uri) == [expected] * 4
