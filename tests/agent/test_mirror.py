"""A folder kept alike on two sides, whatever either does to it in its turn."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jouleline.agent.mirror import Changes, Contents, Entry, Mirror, MirrorError

NAMES = st.sampled_from(["a", "b", "folder/a", "folder/deep/b", "folder", "c\udcff"])
TURN = st.lists(
    st.tuples(st.sampled_from(["write", "remove", "folder", "link", "touch", "mode", "move"]), NAMES,
              st.binary(max_size=2), NAMES),
    max_size=4,
)  # fmt: skip
TURNS = st.lists(st.tuples(st.booleans(), TURN), max_size=6)


class Pair:
    """Two sides, and a network between them that counts the contents it carries."""

    def __init__(self, folder: Path) -> None:
        self.sides = []
        for name in ("here", "there"):
            (folder / name).mkdir()
            contents = Contents()
            self.sides.append((Mirror(folder / name, contents), contents))
        self.incoming = folder / "incoming"
        self.incoming.mkdir()
        self.carried = 0

    def pass_on(self, source: int) -> None:
        (mine, _), (theirs, contents) = self.sides[source], self.sides[1 - source]
        changes = Changes.of(mine.changes().plain())
        for digest in set(theirs.apply(changes)):
            entry = next(one for one in changes.files if one.text == digest)
            arrived = self.incoming / digest
            arrived.write_bytes((mine.root / entry.name).read_bytes())
            contents.put(digest, arrived)
            self.carried += 1
        assert theirs.apply(changes) == []


def tree(root: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in root.rglob("*"):
        name = path.relative_to(root).as_posix()
        state = path.lstat()
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_dir():
            found[name] = "folder"
        else:
            found[name] = path.read_bytes(), state.st_mtime_ns, state.st_mode
    return found


def do(root: Path, what: str, name: str, data: bytes, other: str) -> None:
    path = root / name
    try:
        match what:
            case "write":
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
            case "remove":
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
            case "move":
                path.rename(root / other)
            case "folder":
                path.mkdir(parents=True)
            case "link":
                path.symlink_to("a")
            case "touch":
                os.utime(path, ns=(0, len(data)), follow_symlinks=False)
            case _:
                if not path.is_symlink():
                    path.chmod(0o700 if path.is_dir() else 0o600 + len(data))
    except OSError:
        pass  # not every step is possible in every tree


@settings(max_examples=80)
@given(TURNS)
def test_both_sides_are_alike_after_each_turn(
    tmp_path_factory: pytest.TempPathFactory, turns: list[tuple[bool, list[tuple[str, str, bytes, str]]]]
) -> None:
    pair = Pair(tmp_path_factory.mktemp("pair"))
    for there, turn in turns:
        for what, name, data, other in turn:
            do(pair.sides[there][0].root, what, name, data, other)
        pair.pass_on(int(there))
        assert tree(pair.sides[0][0].root) == tree(pair.sides[1][0].root)


def test_a_file_that_was_moved_is_not_carried(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    here = pair.sides[0][0].root
    (here / "one").write_bytes(b"much")
    pair.pass_on(0)
    (here / "one").rename(here / "two")
    pair.pass_on(0)
    assert pair.carried == 1
    assert tree(here) == tree(pair.sides[1][0].root)


def test_content_that_lies_there_is_not_carried_again(tmp_path: Path) -> None:
    pair = Pair(tmp_path)
    here = pair.sides[0][0].root
    (here / "one").write_bytes(b"much")
    pair.pass_on(0)
    (here / "two").write_bytes(b"much")
    os.utime(here / "one", ns=(1, 1))
    pair.pass_on(0)
    assert pair.carried == 1
    assert tree(here) == tree(pair.sides[1][0].root)


@pytest.mark.parametrize("name", ["/etc/passwd", "../out", "a/../../out", "", ".", "a\0b"])
def test_nothing_is_written_outside(name: str) -> None:
    plain = Changes((Entry(name, "d"),)).plain()
    with pytest.raises(MirrorError, match="outside"):
        Changes.of(plain)
    with pytest.raises(MirrorError, match="outside"):
        Changes.of({"entries": [], "gone": [name]})


@pytest.mark.parametrize("target", ["/etc", "..", "a/../..", "../x"])
def test_a_link_that_leads_outside_is_neither_sent_nor_made(tmp_path: Path, target: str) -> None:
    mirror = Mirror(tmp_path, Contents())
    (tmp_path / "link").symlink_to(target)
    assert not mirror.changes()
    (tmp_path / "link").unlink()
    with pytest.raises(MirrorError, match="a link that leads out of its folder"):
        mirror.apply(Changes((Entry("link", "l", text=target),)))


def test_nothing_is_written_through_a_link_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "root/link").symlink_to("../out")
    mirror = Mirror(tmp_path / "root", Contents())
    with pytest.raises(MirrorError, match="leads out of its folder by a link"):
        mirror.apply(Changes((Entry("link/made", "d"),)))
    with pytest.raises(MirrorError, match="leads out of its folder by a link"):
        mirror.apply(Changes((), ("link/made",)))
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    "plain", [{}, {"entries": [["a"]], "gone": []}, {"entries": 1, "gone": []}, {"entries": [], "gone": None}]
)
def test_what_is_no_list_of_changes_is_refused(plain: dict[str, object]) -> None:
    with pytest.raises(MirrorError):
        Changes.of(plain)
