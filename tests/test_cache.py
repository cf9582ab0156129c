"""The cache keeps JSON across runs, and a broken folder only costs time."""

import os
import pickle
import sqlite3
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.cache import DiskCache, FileCache
from jouleline.core.content_key import content_key

Kind = type[DiskCache] | type[FileCache]
each_kind = pytest.mark.parametrize("kind", [DiskCache, FileCache])


@each_kind
def test_keeps_values_for_the_next_run(tmp_path: Path, kind: Kind) -> None:
    assert kind(tmp_path / "cache").put("key", {"registers": 40, "names": ["a", "ä"]})
    assert kind(tmp_path / "cache").get("key") == {"registers": 40, "names": ["a", "ä"]}
    assert kind(tmp_path / "cache").get("other") is None


@each_kind
def test_nobody_else_can_read_it(tmp_path: Path, kind: Kind) -> None:
    kind(tmp_path / "cache").put("key", 1)
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700


def test_files_that_others_can_write_to_are_not_believed(tmp_path: Path) -> None:
    FileCache(tmp_path).put("key", 1)
    assert FileCache(tmp_path).get("key") == 1
    tmp_path.chmod(0o777)
    assert FileCache(tmp_path).get("key") is None


@each_kind
def test_making_one_touches_nothing(tmp_path: Path, kind: Kind) -> None:
    kind(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_forgets_the_least_used_when_full(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path / "cache", size_limit_bytes=200_000)
    for number in range(40):
        cache.put(str(number), os.urandom(20_000).hex())
    assert cache.get("39") is not None
    assert sum(cache.get(str(number)) is not None for number in range(40)) < 20


def test_files_that_are_used_outlive_those_that_are_not(tmp_path: Path) -> None:
    cache = FileCache(tmp_path, most=4)
    for number in range(4):
        cache.put(str(number), number)
    for age, file in enumerate(sorted(tmp_path.iterdir())):
        os.utime(file, (age, age))
    assert cache.get("0") == 0
    cache.put("4", 4)
    assert (cache.get("0"), cache.get("4")) == (0, 4)
    assert sum(cache.get(str(number)) is not None for number in range(5)) == 4


@each_kind
def test_a_folder_that_cannot_be_made_is_an_empty_cache(tmp_path: Path, kind: Kind) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = kind(tmp_path / "file" / "cache")
    assert not cache.put("key", 1)
    assert cache.get("key") is None


def test_a_damaged_database_is_an_empty_cache(tmp_path: Path) -> None:
    (tmp_path / "cache.db").write_bytes(b"no database" * 1000)
    cache = DiskCache(tmp_path)
    cache.put("key", 1)
    assert cache.get("key") is None


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    DiskCache(tmp_path).put("key", 1)
    with sqlite3.connect(tmp_path / "cache.db") as database:
        database.execute("UPDATE Cache SET mode = 4, value = ?", (pickle.dumps("gone"),))
    assert DiskCache(tmp_path).get("key") is None


@each_kind
def test_refuses_what_is_no_json(tmp_path: Path, kind: Kind) -> None:
    with pytest.raises(TypeError):
        kind(tmp_path).put("key", object())


@given(st.lists(st.text()), st.lists(st.text()))
def test_a_key_tells_parts_apart(one: list[str], other: list[str]) -> None:
    assert (content_key(*one) == content_key(*other)) == (one == other)
