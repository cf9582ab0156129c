"""Refactorings on another machine, which go on when the editor ends, and are found again."""

import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest

from jouleline.app.detached import DetachedRun, detached_runs
from jouleline.app.journal import EVENTS_FILE, Journal, identity
from jouleline.app.program import read_program
from jouleline.app.workload import find_workload
from tests.editors.programs import DECAY, LOOP_LINE, building, write_decay, write_stuck
from tests.lsp.client import TIMEOUT_S, Client, Message, ServerError, over_stdio
from tests.runners.processes import processes_with, until
from tests.support.slurm import Slurm
from tests.support.sshd import HOST, Sshd

pytestmark = pytest.mark.needs("g++", "bwrap")
RUN_S = 240.0

Start = Callable[[], AbstractContextManager[Client]]


@pytest.fixture
def start(sshd: Sshd, tmp_path: Path) -> Start:
    """Starts a server for a user who has described another machine, and who measures in a hurry."""
    own = tmp_path / "config" / "jouleline" / "jouleline.toml"
    own.parent.mkdir(parents=True)
    own.write_text(
        f"{sshd.described('far')}"
        f'[target.closed]\nrunner = "slurm"\nqueue = "closed"\npython = "{sys.executable}"\n'
        '[target.wrong]\nrunner = "carrier pigeon"\n[measure]\nmeter = "cpu-time"\nseconds = 30\n'
    )
    environment = {
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    return lambda: over_stdio(environment)


@pytest.fixture(autouse=True)
def nothing_is_left(sshd: Sshd, tmp_path: Path) -> Iterator[None]:
    """Whatever a test does, no process of a run is there at its end, neither here nor there."""
    yield
    until(lambda: not processes_with(str(tmp_path / "state")))
    until(lambda: not processes_with(f"{sshd.far}/files"))


def begin(client: Client, file: Path, **options: Any) -> int:
    client.initialize(file.parent, options={"target": "far", **options})
    uri = client.open(file, language="cpp")
    argument = {"uri": uri, "version": 1, "line": LOOP_LINE}
    params = {"command": "jouleline.refactor", "arguments": [argument], "workDoneToken": "t"}
    return client.begin("workspace/executeCommand", params)


def progress_until(client: Client, text: str) -> Message:
    """The first progress whose title or message holds a text."""
    while True:
        value: Message = client.expect("$/progress", RUN_S)["params"]["value"]
        if text in value.get("title", "") or text in (value.get("message") or ""):
            return value


def shown_again(client: Client, file: Path, target: str = "far") -> str:
    """Open a program in another editor; the token of the progress that is shown unasked."""
    client.initialize(file.parent)
    client.open(file, language="cpp")
    asked = client.expect("window/workDoneProgress/create")
    client.reply(asked, None)
    assert progress_until(client, "Refactoring")["title"].endswith(f" for energy on {target}")
    token: str = asked["params"]["token"]
    return token


def the_run(tmp_path: Path) -> DetachedRun:
    (run,) = detached_runs(tmp_path / "state" / "jouleline" / "runs")
    return run


def cut_off(start: Start, file: Path, stage: str, tmp_path: Path) -> DetachedRun:
    """A run of which server and process were killed at a stage, as by a power cut."""
    with start() as client:
        begin(client, file)
        progress_until(client, stage)
        killed(client)
    run = the_run(tmp_path)
    (process,) = processes_with(str(run.folder))
    os.kill(process, signal.SIGKILL)
    until(lambda: not run.alive)
    return run


def killed(client: Client) -> None:
    """End a server as a power cut does."""
    assert client.process is not None
    client.process.kill()
    client.process.wait()


def question(client: Client) -> Message:
    return client.expect("window/showMessageRequest", RUN_S)


def end(client: Client) -> None:
    for method in ("jouleline/status", "$/progress"):
        client.drop(method)
    client.shut_down()


def test_targets_are_listed_and_chosen_by_name(start: Start, tmp_path: Path) -> None:
    with start() as client:
        client.initialize(tmp_path)
        assert client.status["target"] == ""
        answer = client.execute("jouleline.targets")
        assert answer["current"] == ""
        assert answer["file"] == str(tmp_path / "config" / "jouleline" / "jouleline.toml")
        far, closed, wrong = answer["targets"]
        assert far == {"name": "far", "runner": "ssh", "host": HOST, "problem": ""}
        assert closed == {"name": "closed", "runner": "slurm", "host": "", "problem": ""}
        assert "runner must be one of ssh, slurm" in wrong["problem"]
        assert client.execute("jouleline.selectTarget", {"target": "far"}) == {"target": "far"}
        assert client.expect("jouleline/status")["params"]["target"] == "far"
        with pytest.raises(ServerError, match="no target 'fra'"):
            client.execute("jouleline.selectTarget", {"target": "fra"})
        assert client.execute("jouleline.targets")["current"] == "far"
        client.shut_down()


def test_a_target_that_is_not_there_is_one_clear_sentence(start: Start, tmp_path: Path) -> None:
    file = write_decay(tmp_path / "decay")
    with start() as client:
        answer = client.result(begin(client, file, target="gone"))
        assert answer["problem"].startswith("decay.cpp cannot be refactored: no target 'gone': ")
        assert client.expect("window/showMessage")["params"]["message"] == answer["problem"]
        end(client)
    assert list(detached_runs(tmp_path / "state" / "jouleline" / "runs")) == []


def test_a_run_whose_server_was_killed_is_followed_by_the_next_and_ended_there(
    start: Start, tmp_path: Path
) -> None:
    file = write_stuck(tmp_path / "stuck")
    with start() as client:
        begin(client, file)
        progress_until(client, "sleep")
        until(lambda: building(file.parent))
        killed(client)
    run = the_run(tmp_path)
    assert run.alive
    with start() as client:
        token = shown_again(client, file)
        assert progress_until(client, "baseline · building · sleep")
        # It is refactored once at a time, whoever began it.
        argument = {"uri": file.as_uri(), "version": 1, "line": LOOP_LINE}
        answer = client.execute("jouleline.refactor", argument)
        assert "is being refactored already" in answer["problem"]
        client.expect("window/showMessage")
        client.notify("window/workDoneProgress/cancel", {"token": token})
        assert progress_until(client, "cancelled")["kind"] == "end"
        assert not building(file.parent)
        assert not run.folder.exists()  # nothing was found, so nothing is kept
        end(client)


def test_a_run_that_waits_in_a_queue_tells_its_place_and_is_taken_out_of_it(
    start: Start, slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_CONF", slurm.environment["SLURM_CONF"])
    file = write_decay(tmp_path / "decay")
    with start() as client:
        begin(client, file, target="closed")
        progress_until(client, "waits in the queue")
        killed(client)
    assert len(slurm.jobs()) == 1
    with start() as client:
        token = shown_again(client, file, "closed")
        told = progress_until(client, "waits in the queue")["message"]
        assert re.fullmatch(
            r"target · closed · job \d+ waits in the queue closed \(1 of 1, PartitionDown\)", told
        )
        client.notify("window/workDoneProgress/cancel", {"token": token})
        assert progress_until(client, "cancelled")["kind"] == "end"
        end(client)
    until(lambda: slurm.jobs() == [])


def test_what_became_of_a_run_is_told_once_and_one_of_another_text_is_not_resumed(
    start: Start, tmp_path: Path
) -> None:
    file = write_stuck(tmp_path / "stuck")
    run = cut_off(start, file, "sleep", tmp_path)
    with start() as client:
        # Nothing is told where another program is opened.
        client.initialize(write_decay(tmp_path / "decay").parent)
        client.open(file, language="cpp")
        asked = question(client)
        assert "was cut off before it was done" in asked["params"]["message"]
        client.change(file.as_uri(), 2, {"text": "int main() {}\n"})
        client.reply(asked, {"title": "Resume"})
        assert client.expect("window/showMessage")["params"]["message"] == (
            "Refactoring stuck.cpp for energy on far cannot be resumed: "
            "stuck.cpp changed since the run began; refactor it anew."
        )
        end(client)
    assert run.told
    with start() as client:
        client.initialize(file.parent)
        client.open(file, language="cpp")
        end(client)
    assert run.folder.exists()


def test_a_run_of_the_command_line_is_resumed_by_its_record(start: Start, tmp_path: Path) -> None:
    file = write_stuck(tmp_path / "stuck")
    records = tmp_path / "state" / "jouleline" / "runs"
    program = read_program([file.parent])
    for name, changes in (("mine", {}), ("other", {"identity": "of another text"}), ("done", {})):
        (records / name).mkdir(parents=True)
        with closing(Journal(records / name / EVENTS_FILE)) as journal:
            known = {"program": str(file.parent), "identity": identity(program, find_workload(program, ()))}
            journal.note("start", **known | changes)
            if name == "done":
                journal.note("end", improved=False, headline="")
    with start() as client:
        client.initialize(file.parent)
        for name, why in (("none", "there is no run"), ("done", "it has ended"), ("other", "changed since")):
            answer = client.execute("jouleline.resume", {"record": str(records / name)})
            assert why in answer["problem"]
            assert client.expect("window/showMessage")["params"]["message"] == answer["problem"]
        params = {"command": "jouleline.resume", "arguments": [{"record": str(records / "mine")}]}
        number = client.begin("workspace/executeCommand", {**params, "workDoneToken": "t"})
        progress_until(client, "sleep")
        until(lambda: building(file.parent))
        client.notify("$/cancelRequest", {"id": number})
        with pytest.raises(ServerError):
            client.result(number)
        assert not building(file.parent)
        end(client)


@pytest.mark.parametrize("outlive", ["targets", "always"])
def test_a_local_run_ends_with_its_editor_unless_told_otherwise(
    start: Start, tmp_path: Path, outlive: str
) -> None:
    file = write_stuck(tmp_path / f"stuck-{outlive}")
    with start() as client:
        begin(client, file, target="", outlive=outlive)
        progress_until(client, "sleep")
        until(lambda: building(file.parent))
        run = the_run(tmp_path)
        killed(client)
    if outlive == "always":
        assert run.alive
        assert building(file.parent)
        run.signal()
    until(lambda: not run.alive)
    until(lambda: not building(file.parent))


def test_an_editor_that_is_closed_leaves_a_run_on_a_target_alone(start: Start, tmp_path: Path) -> None:
    file = write_stuck(tmp_path / "stuck")
    with start() as client:
        number = begin(client, file)
        progress_until(client, "sleep")
        client.begin("shutdown", None)
        with pytest.raises(ServerError):
            client.result(number)
        assert progress_until(client, "goes on without the editor")["kind"] == "end"
    run = the_run(tmp_path)
    assert run.alive
    run.signal()
    until(lambda: not run.alive)


@pytest.mark.slow
def test_a_run_is_resumed_after_it_was_cut_off_and_its_result_offered_when_somebody_is_back(
    start: Start, tmp_path: Path
) -> None:
    file = write_decay(tmp_path / "decay")
    run = cut_off(start, file, "measure", tmp_path)
    with start() as client:
        client.initialize(file.parent)
        asked = question(client)
        assert asked["params"]["message"] == (
            "Refactoring decay.cpp for energy on far was cut off before it was done. "
            "Resume goes on with it, and pays for nothing twice."
        )
        client.reply(asked, {"title": "Resume"})
        client.reply(client.expect("window/workDoneProgress/create"), None)
        progress_until(client, "measure")
        killed(client)
    until_ended(run)
    with start() as client:
        client.initialize(file.parent)
        asked = question(client)
        message = asked["params"]["message"]
        assert message.startswith("Refactoring decay.cpp for energy on far finished while you were away: −")
        client.reply(asked, {"title": "Show"})
        assert client.expect("jouleline/finished")["params"] == {"record": str(run.folder)}
        edit = client.expect("workspace/applyEdit", TIMEOUT_S)
        (changed,) = edit["params"]["edit"]["documentChanges"]
        assert any("pow" in one["newText"] for one in changed["edits"])
        assert "energy (modelled by cpu-time)." in client.expect("window/showMessage")["params"]["message"]
        client.reply(edit, {"applied": False})
        question(client)
        # What is left is a record like any other, and nothing to be told of it.
        until(lambda: not (run.folder / "job.json").exists())
        end(client)
    assert file.read_text("utf-8") == DECAY
    assert json.loads((run.folder / "result.json").read_text("utf-8"))["cost"]["reused"] >= 1
    kept = {one.name for one in run.folder.iterdir() if one.suffix != ".jsonl"}
    assert kept == {"result.json", "candidate.patch"}
    with start() as client:
        client.initialize(file.parent)
        client.open(file, language="cpp")
        end(client)


def until_ended(run: DetachedRun) -> None:
    for _ in range(8):  # of half a minute each
        try:
            return until(lambda: not run.alive)
        except AssertionError:
            continue
    raise AssertionError(run.state)
