"""An edit is for the very texts that were measured, and for the versions that hold them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jouleline.app.program import Program
from jouleline.core.source import Edit, SourceText
from jouleline.lsp import offer
from jouleline.lsp.documents import Document
from jouleline.lsp.server import Server

MEASURED = {
    "a.cpp": b"int a;\n",
    "b.cpp": b"int b;\n",
    "h.hpp": b"int h;\n",
    "../far.hpp": b"int far;\n",
}
LONG = Edit(0, 3, b"long")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "program"
    folder.mkdir()
    for name, data in MEASURED.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def server(root: Path) -> Server:
    """A server that has b.cpp open in version 3; a.cpp is to be edited too and is closed."""
    server = Server()
    server.session.put(opened(root / "b.cpp", MEASURED["b.cpp"]))
    return server


def opened(path: Path, data: bytes, version: int = 3) -> Document:
    return Document(path.as_uri(), path, "cpp", version, SourceText(data))


def edit_of(server: Server, root: Path) -> offer._Edit:
    edits = {"a.cpp": (LONG,), "b.cpp": (LONG,)}
    return asyncio.run(offer._edit(server, Program(root, MEASURED), edits))


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> list[str]:
    """Let something happen in the editor whenever the disk has been read; lists what was awaited."""
    awaited: list[str] = []

    async def to_thread_while_the_user_goes_on(function: Callable[..., Any], *args: Any) -> Any:
        found = function(*args)
        awaited.append(function.__name__)
        happens()
        return found

    monkeypatch.setattr(asyncio, "to_thread", to_thread_while_the_user_goes_on)
    return awaited


def test_an_open_file_is_edited_in_its_version_and_a_closed_one_on_disk(server: Server, root: Path) -> None:
    edit = edit_of(server, root)
    assert edit.versions == {(root / "a.cpp").as_uri(): None, (root / "b.cpp").as_uri(): 3}
    assert [one.new_text for found in edit.edits.values() for one in found] == ["long", "long"]


def test_typing_while_the_disk_is_read_makes_the_edit_stale(
    server: Server, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = opened(root / "b.cpp", b"// new\nint b;\n", 4)
    awaited = meanwhile(monkeypatch, lambda: server.session.put(typed))
    with pytest.raises(offer.StaleError, match=r"^b\.cpp changed since"):
        edit_of(server, root)
    assert awaited


def test_a_file_that_is_closed_while_the_disk_is_read_is_compared_with_the_disk(
    server: Server, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "b.cpp").write_bytes(b"int before_the_editor_changed_it;\n")
    awaited = meanwhile(monkeypatch, lambda: server.session.close((root / "b.cpp").as_uri()))
    with pytest.raises(offer.StaleError, match=r"^b\.cpp changed on disk"):
        edit_of(server, root)
    assert awaited


@pytest.mark.parametrize("name", ["a.cpp", "h.hpp", "../far.hpp"])
@pytest.mark.parametrize("now", [b"int other;\n", None])
def test_any_measured_file_that_changed_on_disk_makes_the_edit_stale(
    server: Server, root: Path, name: str, now: bytes | None
) -> None:
    if now is None:
        (root / name).unlink()
    else:
        (root / name).write_bytes(now)
    with pytest.raises(offer.StaleError, match=rf"^{Path(name).name} changed on disk"):
        edit_of(server, root)


@pytest.mark.parametrize("name", ["a.cpp", "h.hpp", "../far.hpp"])
def test_any_measured_file_that_changed_in_the_editor_makes_the_edit_stale(
    server: Server, root: Path, name: str
) -> None:
    server.session.put(opened((root / name).resolve(), b"int other;\n"))
    with pytest.raises(offer.StaleError, match=rf"^{Path(name).name} changed since"):
        edit_of(server, root)


def test_what_is_on_disk_does_not_matter_for_a_file_that_is_open_as_it_was_measured(
    server: Server, root: Path
) -> None:
    server.session.put(opened(root / "h.hpp", MEASURED["h.hpp"]))
    for name in ("b.cpp", "h.hpp"):
        (root / name).write_bytes(b"int not_saved_yet;\n")
    assert edit_of(server, root).versions[(root / "b.cpp").as_uri()] == 3


@pytest.mark.parametrize("beside", ["the link", "its target"])
def test_a_folder_that_is_a_link_has_its_outer_files_beside_the_link_or_its_target(
    tmp_path: Path, root: Path, beside: str
) -> None:
    link = tmp_path / "elsewhere" / "link"
    link.parent.mkdir()
    link.symlink_to(root, target_is_directory=True)
    if beside == "the link":
        (tmp_path / "far.hpp").rename(link.parent / "far.hpp")
    assert edit_of(Server(), link).edits
