"""The event log of a run, and what a kill at any moment leaves of it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.app.journal import Journal, JournalError, files_key, read_events


def count_to(path: Path, upto: int) -> list[int]:
    """Pay for some results; how often something was really paid for."""
    paid: list[int] = []

    async def run() -> None:
        journal = Journal(path)
        for number in range(upto):

            async def produce(number: int = number) -> int:
                paid.append(number)
                return number * number

            assert await journal.once("square", str(number), produce) == number * number
        journal.close()

    asyncio.run(run())
    return paid


@given(st.integers(0, 2000))
def test_whatever_a_kill_cuts_off_is_paid_for_again_and_nothing_else(cut: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.jsonl"
        assert count_to(path, 6) == list(range(6))
        data = path.read_bytes()
        kept = data[: max(0, len(data) - cut)]
        path.write_bytes(kept)
        whole = kept.count(b"\n")
        assert count_to(path, 6) == list(range(whole, 6))
        assert [event["result"] for event in read_events(path)] == [n * n for n in range(6)]
        assert count_to(path, 6) == []


def test_events_are_private_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    journal = Journal(path)
    journal.note("start", program="p")
    journal.note("end", improved=False)
    journal.close()
    assert [event["kind"] for event in read_events(path)] == ["start", "end"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text().splitlines()[0])["schema"] == "jouleline/event/1"


def test_a_file_of_another_kind_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"schema": "other"}\n')
    with pytest.raises(JournalError, match=r"events.jsonl, line 1: is no event"):
        Journal(path)
    assert path.read_text() == '{"schema": "other"}\n'


def test_a_key_of_files_tells_names_and_contents_apart() -> None:
    assert files_key({"a": b"1", "b": b"2"}) == files_key({"b": b"2", "a": b"1"})
    assert files_key({"a": b"12"}) != files_key({"a1": b"2"})


def test_a_log_that_a_run_writes_is_left_to_it(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    first = Journal(path)
    first.note("start", program="p")
    with pytest.raises(JournalError, match="a run that is under way writes this log"):
        Journal(path)
    first.close()
    Journal(path).close()
    assert [event["kind"] for event in read_events(path)] == ["start"]
