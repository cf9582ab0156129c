"""What another machine says is believed no more than a file from there: it harms nothing here."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from jouleline.agent.bench import facts
from jouleline.agent.values import plain
from jouleline.core.ports import Job, RunnerError
from jouleline.remote.errors import UnreachableError
from jouleline.remote.machine import Machine
from jouleline.remote.runner import RemoteRunner

# A double of an agent that answers each request with what it was told to, whatever that is.
DOUBLE = """\
import json, sys
answers = json.load(open(sys.argv[1]))
print("Welcome!\\njouleline-agent/1", flush=True)
for line in sys.stdin.buffer:
    if not line.startswith(b"{"):
        continue
    request = json.loads(line)
    for answer in answers.get(request["do"], []):
        data = b"x" * answer.get("bytes", 0)
        head = {"id": request.get("id"), **answer, "bytes": len(data)}
        sys.stdout.buffer.write(json.dumps(head).encode() + b"\\n" + (data + b"\\n" if data else b""))
    sys.stdout.flush()
"""
HELLO = {**plain(facts()), "runner": "none", "guarantees": [], "notes": []}
ENDED = {"exit_code": 0, "wall_s": 1.0, "cpu_s": 1.0, "stopped": None, "signal": None}

Pretend = Callable[..., Machine]


class Double:
    """Starts the double in place of an agent."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def command(self, session: str, lease_s: float, predecessor: str) -> Sequence[str]:
        return [sys.executable, "-c", DOUBLE, str(self._folder / "answers.json")]

    def explain(self, code: int, said: str) -> str:
        return f"the double ended with exit code {code}"


@pytest.fixture
def pretend(tmp_path: Path) -> Iterator[Pretend]:
    with ExitStack() as stack:

        def pretended(**answers: list[dict[str, Any]]) -> Machine:
            folder = tmp_path / "double"
            folder.mkdir()
            (folder / "answers.json").write_text(json.dumps({"hello": [HELLO], **answers}))
            machine = Machine("far", Double(folder), sandboxes=("any",), patience_s=0.0)
            stack.callback(machine.close)
            return machine

        yield pretended


def run(machine: Machine, folder: Path) -> object:
    work = folder / "work"
    work.mkdir()
    return asyncio.run(RemoteRunner(machine).run(Job("true", str(work))))


def test_the_double_can_pretend_to_be_honest(pretend: Pretend, tmp_path: Path) -> None:
    machine = pretend(sync=[{"lacking": []}], run=[{"completed": ENDED, "entries": [], "gone": []}])
    assert run(machine, tmp_path)


@pytest.mark.parametrize(
    "hello",
    [
        {**HELLO, "host": None},
        {**HELLO, "node": 1},
        {**HELLO, "more": "x"},
        {**HELLO, "host": {**HELLO["host"], "tdp_w": {**HELLO["host"]["tdp_w"], "value": "NaN"}}},
    ],
)
def test_what_does_not_hold_together_is_no_machine(pretend: Pretend, hello: dict[str, Any]) -> None:
    with pytest.raises(UnreachableError, match="its agent does not work as it should"):
        pretend(hello=[hello])


@pytest.mark.parametrize("name", ["../made", "/tmp/jouleline-made", "a/../../made"])
def test_no_file_is_written_outside_of_the_folder(pretend: Pretend, tmp_path: Path, name: str) -> None:
    content = "0" * 64
    entry = [name, "f", 0o755, 0, 1, content]
    machine = pretend(
        sync=[{"lacking": []}],
        run=[
            {"content": content, "first": True, "last": True, "bytes": 1},
            {"completed": ENDED, "entries": [entry], "gone": []},
        ],
    )
    with pytest.raises(RunnerError, match="lies outside of the folder"):
        run(machine, tmp_path)
    assert not (tmp_path / "made").exists()
    assert not Path("/tmp/jouleline-made").exists()


def test_no_link_is_made_that_leads_out(pretend: Pretend, tmp_path: Path) -> None:
    entry = ["link", "l", 0, 0, 0, "/etc/passwd"]
    machine = pretend(sync=[{"lacking": []}], run=[{"completed": ENDED, "entries": [entry], "gone": []}])
    with pytest.raises(RunnerError, match="a link that leads out of its folder"):
        run(machine, tmp_path)
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize(
    "ended",
    [
        {**ENDED, "wall_s": "1"},
        {**ENDED, "cpu_s": True},
        {**ENDED, "stopped": "boredom"},
        {key: value for key, value in ENDED.items() if key != "cpu_s"},
    ],
)
def test_a_figure_that_is_none_is_refused(pretend: Pretend, tmp_path: Path, ended: dict[str, Any]) -> None:
    machine = pretend(sync=[{"lacking": []}], run=[{"completed": ended, "entries": [], "gone": []}])
    with pytest.raises(UnreachableError, match="sent what is no Completed"):
        run(machine, tmp_path)


@pytest.mark.parametrize(
    "answer", [{"part": 1.5}, {"part": ["x"], "bytes": 1}, {"bytes": -1}, {"content": {}}]
)
def test_what_is_no_answer_ends_the_connection(
    pretend: Pretend, tmp_path: Path, answer: dict[str, Any]
) -> None:
    machine = pretend(sync=[{"lacking": []}], run=[answer, {"completed": ENDED}])
    with pytest.raises(RunnerError):
        run(machine, tmp_path)


def test_more_than_was_asked_for_ends_the_connection(
    pretend: Pretend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jouleline.remote.channel._MOST_ANSWER", 100_000)
    flood = [{"part": "stdout", "bytes": 60_000}] * 3
    machine = pretend(sync=[{"lacking": []}], run=flood)
    with pytest.raises(RunnerError, match="more is sent than was asked for"):
        run(machine, tmp_path)


def test_what_never_is_an_agent_is_given_up(tmp_path: Path) -> None:
    class Chatter(Double):
        def command(self, session: str, lease_s: float, predecessor: str) -> Sequence[str]:
            return ["yes", "welcome"]

    with pytest.raises(UnreachableError, match="talks without end and is no agent"):
        Machine("far", Chatter(tmp_path), sandboxes=())
