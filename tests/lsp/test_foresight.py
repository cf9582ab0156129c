"""Files that lie near to an open one have their hints before they are opened for the first time."""

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from jouleline.core.source import SourceText
from jouleline.lsp import aside
from jouleline.lsp.client import Client
from jouleline.lsp.documents import Document
from jouleline.lsp.foresight import QUIET_S
from jouleline.lsp.nearby import Outlook, foresee, with_kernels
from jouleline.lsp.server import Server
from jouleline.lsp.session import Session
from jouleline.wiring import catalogue
from jouleline.wiring.folders import file_cache
from tests.lsp.client import TIMEOUT_S, Message
from tests.lsp.client import Client as Editor
from tests.lsp.keeping import WRONG, falsify, labels, server, wait_until_kept
from tests.lsp.test_configuration import refreshed, refreshing
from tests.support.asides import asides

KERNEL = "__global__ void k(float *a) { a[threadIdx.x] *= 2; }\nint main() { k<<<1000, 256>>>(0); }\n"
HEADER = "inline int twice(int n) { return 2 * n; }\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Two programs of a kernel each in a folder."""
    for name in ("one", "two"):
        folder = tmp_path / "workspace" / name
        folder.mkdir(parents=True)
        (folder / "main.cu").write_text(KERNEL)
        (folder / "twice.h").write_text(HEADER)
    return tmp_path / "workspace"


@pytest.fixture
def cache(kept: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What this process and those that it starts keep lies there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept.parents[1]))
    file_cache.cache_clear()
    return kept


def outlook(workspace: Path, *beside: Path, gpu: str = "h200") -> Outlook:
    return Outlook(tuple(map(str, beside)), (str(workspace),), gpu, "", "utf-16")


def look(client: Editor, workspace: Path, program: str) -> list[Message]:
    """Start in a workspace, open a program and see its hints."""
    client.initialize(workspace, capabilities=refreshing(), options={"gpu": "h200"})
    return client.hints(client.open(workspace / program / "main.cu"))


def test_the_program_beside_has_its_hints_when_it_is_opened(workspace: Path, kept: Path) -> None:
    with server(kept) as client:
        hints = look(client, workspace, "one")
        for file in wait_until_kept(kept, 2):
            falsify(file)  # so that one sees where they come from
        told = client.hints(client.open(workspace / "two" / "main.cu"))
        assert labels(told) == {WRONG}
        refreshed(client)
        assert client.hints((workspace / "two" / "main.cu").as_uri()) == hints


def test_another_gpu_has_others(workspace: Path, kept: Path) -> None:
    with server(kept) as client:
        look(client, workspace, "one")
        wait_until_kept(kept, 2)
        client.execute("jouleline.selectDevice", {"gpu": "rtx-3080"})
        client.expect("jouleline/status")
        assert len(wait_until_kept(kept, 3)) >= 3


def test_an_editor_that_cannot_be_told_to_ask_again_is_told_nothing_early(
    workspace: Path, kept: Path
) -> None:
    with server(kept) as client:
        client.initialize(workspace)
        client.hints(client.open(workspace / "one" / "main.cu"))
        wait_until_kept(kept)
        time.sleep(2.5)
        assert len(wait_until_kept(kept)) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + KERNEL.encode(),
        KERNEL.replace("\n", "\r\n").encode(),
        b"// \xe9\n" + KERNEL.encode(),
    ],
    ids=["with a mark", "of another system", "of another encoding"],
)
def test_a_text_is_read_as_editors_read_it(workspace: Path, cache: Path, data: bytes) -> None:
    main = workspace / "two" / "main.cu"
    main.write_bytes(data)
    asyncio.run(aside.foresee(outlook(workspace, main.parent)))
    for file in wait_until_kept(cache, 2):
        falsify(file)
    with server(cache) as client:
        client.initialize(workspace, capabilities=refreshing(), options={"gpu": "h200"})
        text = data.decode("utf-8", "replace").removeprefix("\ufeff")
        assert labels(client.hints(client.open(main, text))) == {WRONG}


def test_what_is_kept_is_not_worked_out_again(workspace: Path, cache: Path) -> None:
    wanted = outlook(workspace, workspace / "one")
    assert foresee(wanted) == 2
    assert foresee(wanted) == 0
    (workspace / "two" / "main.cu").write_text(KERNEL.replace("2", "3"))
    assert foresee(wanted) == 1
    assert len(list(cache.glob("*.json"))) == 2


def test_it_ends_when_it_has_taken_long(workspace: Path, cache: Path) -> None:
    assert foresee(outlook(workspace, workspace / "one"), most_cpu_s=0.0) == 0
    assert not cache.exists()


def test_it_ends_where_nothing_can_be_kept(
    workspace: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text("in the way")
    texts = watched(monkeypatch)
    assert foresee(outlook(workspace, workspace / "one")) == 0
    assert len(texts) == 1


def test_a_file_that_cannot_be_read_as_source_keeps_nobody_else_from_it(
    workspace: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched(monkeypatch, failing=workspace / "one" / "main.cu")
    assert foresee(outlook(workspace, workspace / "one")) == 1
    assert len(list(cache.glob("*.json"))) == 1


def watched(monkeypatch: pytest.MonkeyPatch, failing: Path | None = None) -> list[str]:
    """The documents that are opened from now on; one of them fails."""
    opened: list[str] = []
    put = Session.put

    def watching(session: Session, document: Document) -> None:
        opened.append(document.uri)
        if document.path == failing:
            raise ValueError("not like this")
        put(session, document)

    monkeypatch.setattr(Session, "put", watching)
    return opened


def test_a_name_that_is_no_utf8_is_as_good_as_another(workspace: Path, kept: Path) -> None:
    odd = workspace / "one" / os.fsdecode(b"c\xffname.cu")
    odd.write_text(KERNEL.replace("main", "other").replace("k", "odd"))
    with server(kept) as client:
        assert len(look(client, workspace, "one")) == 2
        wait_until_kept(kept, 3)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a limit of processor time ends it")
def test_it_ends_with_a_server_that_is_killed(workspace: Path, kept: Path) -> None:
    for number in range(9):
        kernels = (f"__global__ void k{number}_{one}(float *a) {{ a[{one}] *= 2; }}\n" for one in range(3000))
        (workspace / f"more{number}.cu").write_text("".join(kernels))
    with server(kept) as client:
        look(client, workspace, "one")
        assert client.process is not None
        begun = wait_until_begun(client.process.pid)
        client.process.kill()
        client.process.wait()
        end = time.monotonic() + 5
        while begun & set(asides()):
            assert time.monotonic() < end, "it goes on"
            time.sleep(0.01)


def test_those_nearest_come_first_and_the_way_ends_with_the_workspace(workspace: Path) -> None:
    (workspace.parent / "main.cu").write_text(KERNEL)
    deep = workspace / "two" / "src"
    deep.mkdir()
    (deep / "more.cpp").write_text("#pragma omp parallel for\n")
    found = [path.relative_to(workspace) for path, _ in with_kernels(outlook(workspace, deep))]
    assert list(map(str, found)) == ["two/src/more.cpp", "two/main.cu", "one/main.cu"]


@pytest.mark.parametrize("folder", [".git", "node_modules", "build", ".venv"])
def test_what_is_nobodys_source_is_passed_over(workspace: Path, folder: str) -> None:
    (workspace / folder).mkdir()
    (workspace / folder / "copy.cu").write_text(KERNEL)
    (workspace / "link.cu").symlink_to(workspace / "nowhere.cu")
    names = [path.parent.name for path, _ in with_kernels(outlook(workspace, workspace / "one"))]
    assert names == ["one", "two"]


def test_a_file_of_no_workspace_has_what_lies_in_its_own_folder_beside_it(workspace: Path) -> None:
    (workspace / "two" / "src").mkdir()
    (workspace / "two" / "src" / "main.cu").write_text(KERNEL)
    found = [path for path, _ in with_kernels(outlook(workspace / "one", workspace / "two"))]
    assert found == [workspace / "two" / "main.cu"]


def test_a_folder_that_has_gone_has_nothing_in_it(workspace: Path) -> None:
    gone = outlook(workspace, workspace / "gone")
    assert [path.parent.name for path, _ in with_kernels(gone)] == ["one", "two"]


def test_it_ends_before_something_is_measured_and_begins_again_after(workspace: Path, cache: Path) -> None:
    main = workspace / "one" / "main.cu"

    async def scenario() -> None:
        server = Server()
        session = server.session
        session.device, session.folders = catalogue().get("h200"), (workspace,)
        session.client = Client(refresh_hints=True)
        session.put(Document(main.as_uri(), main, "cuda-cpp", 1, SourceText(main.read_bytes())))
        session.ready.set()
        server.foresight.follow()
        await asyncio.to_thread(wait_until_begun, os.getpid())
        async with server.foresight.paused():
            assert not asides(os.getpid())
            server.foresight.follow()
            await asyncio.sleep(2 * QUIET_S)
            assert not asides(os.getpid())
        await asyncio.to_thread(wait_until_kept, cache, 2)
        await server.stop()

    asyncio.run(scenario())


def wait_until_begun(server: int) -> set[str]:
    end = time.monotonic() + TIMEOUT_S
    while not (begun := asides(server)):
        assert time.monotonic() < end, "no process was started"
        time.sleep(0.01)
    return set(begun)
