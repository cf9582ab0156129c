"""An edit is for the very texts that were measured, and for the versions that hold them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from jouleline.app.kept_result import KeptResult
from jouleline.app.program import Program
from jouleline.core.source import Edit, SourceText
from jouleline.lsp import convert, offer, outcome
from jouleline.lsp.client import Client
from jouleline.lsp.documents import Document
from jouleline.lsp.server import Server
from jouleline.lsp.texts import to_path

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


def apply(path: Path, row: types.AnnotatedTextEdit) -> None:
    text = SourceText(path.read_bytes())
    start, end = convert.to_offsets(text, row.range, "utf-16")
    path.write_bytes(text.apply([Edit(start, end, row.new_text.encode())]).data)


class Editor(Server):
    """One that lets its user tick rows, file by file, of each edit that it is sent."""

    def __init__(self, root: Path, *ticked: set[str]) -> None:
        super().__init__()
        self.session.client = Client(annotations=True, document_changes=True)
        self.root = root
        self.ticked = list(ticked)
        self.told: list[str] = []
        self.answers = ["Show Edit Again"] * (len(ticked) - 1)

    async def workspace_apply_edit_async(
        self, params: types.ApplyWorkspaceEditParams
    ) -> types.ApplyWorkspaceEditResult:
        chosen = self.ticked.pop(0)
        for change in params.edit.document_changes or ():
            assert isinstance(change, types.TextDocumentEdit)
            (row,) = change.edits
            assert isinstance(row, types.AnnotatedTextEdit)
            path = to_path(change.text_document.uri)
            assert path is not None
            if path.name in chosen:
                apply(path, row)
        return types.ApplyWorkspaceEditResult(applied=bool(chosen))

    async def window_show_message_request_async(
        self, params: types.ShowMessageRequestParams
    ) -> types.MessageActionItem | None:
        self.told.append(params.message)
        for name, text in MEASURED.items():  # as its user is told to
            (self.root / name).write_bytes(text)
        return types.MessageActionItem(self.answers.pop(0)) if self.answers else None

    def tell(self, kind: types.MessageType, message: str) -> None:
        self.told.append(message)


async def offered(editor: Editor) -> bool:
    """Offer an edit of two files, one of them in two places, and wait for what comes of it."""
    edits = {"a.cpp": (Edit(0, 0, b"// new\n"), Edit(4, 5, b"c")), "b.cpp": (LONG,)}
    headline = "−9% energy (95% interval −8% to −10%): less"
    result = KeptResult(editor.root, improved=True, headline=headline, edits=edits)
    applied = await offer.offer(editor, Program(editor.root, MEASURED), result)
    while len(tasks := asyncio.all_tasks()) > 1:
        await asyncio.wait(tasks - {asyncio.current_task()})
    return applied


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


def test_a_file_has_one_row_and_all_of_them_make_the_candidate(root: Path) -> None:
    editor = Editor(root, {"a.cpp", "b.cpp"})
    assert asyncio.run(offered(editor))
    assert (root / "a.cpp").read_bytes() == b"// new\nint c;\n"
    assert (root / "b.cpp").read_bytes() == b"long b;\n"
    assert editor.told == ["−9% energy (95% interval −8% to −10%), all files together."]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcome, "_PATIENCE_S", outcome._LOOK_S)


@pytest.mark.usefixtures("impatient")
def test_a_part_of_the_edit_is_told_to_be_none_and_the_whole_is_offered_again(root: Path) -> None:
    editor = Editor(root, {"b.cpp"}, {"a.cpp", "b.cpp"})
    assert not asyncio.run(offered(editor))
    assert editor.told[1] == (
        "Only part of the edit was applied; that was neither built nor checked. "
        "Undo it in b.cpp, then choose Show Edit Again and tick all."
    )
    assert (root / "a.cpp").read_bytes() == b"// new\nint c;\n"
    assert (root / "b.cpp").read_bytes() == b"long b;\n"


def test_an_edit_of_which_nothing_was_ticked_is_offered_again(root: Path) -> None:
    editor = Editor(root, set(), {"a.cpp", "b.cpp"})
    assert not asyncio.run(offered(editor))
    assert editor.told[1] == (
        f"The edit was not applied. In its preview, tick all, then apply. The patch is kept in {root}."
    )
    assert (root / "a.cpp").read_bytes() == b"// new\nint c;\n"
