"""The main job through the wire: real programs, built, run and measured."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lsp.client import FULL, TIMEOUT_S, Client, Message, ServerError, over_stdio

PROGRAM = """\
// 😀 Steps to a fixed point; the literals are doubles among floats.
#include <cstdio>
#include <cstdlib>
#include <vector>

int main(int argc, char *argv[]) {
    const int n = argc > 1 ? atoi(argv[1]) : 4096;
    const int steps = argc > 2 ? atoi(argv[2]) : 10;
    std::vector<float> a(n);
    for (int i = 0; i < n; i++) {
        a[i] = i % 17;
    }
#pragma omp parallel for
    for (int i = 0; i < n; i++) {
        float x = a[i];
        for (int k = 0; k < steps; k++) {
            /* 😀 */ x = 0.5 * x + 0.25 * a[i] + 0.125;
        }
        a[i] = x;
    }
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        sum += a[i];
    }
    printf("%.4g\\n", sum);
    return 0;
}
"""
WORKLOAD = """\
[workload]
build = "g++ -O3 -fopenmp main.cpp -o main"
run = "./main {args}"
args = "100000 200"
[workload.tolerance]
relative = 1e-3
"""
# No other process on the machine sleeps as long.
SLEEP = f"4711.{os.getpid()}"
PLAIN: dict[str, Any] = {"general": FULL["general"], "textDocument": FULL["textDocument"]}
RUN_S = 240.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Client]:
    with over_stdio({"XDG_STATE_HOME": str(tmp_path / "state")}) as connected:
        yield connected
        if connected.process is not None and connected.process.poll() is None:
            connected.shut_down()


@pytest.fixture
def program(tmp_path: Path) -> Path:
    folder = tmp_path / "smooth"
    folder.mkdir()
    (folder / "main.cpp").write_text(PROGRAM, "utf-8")
    (folder / "jouleline.toml").write_text(WORKLOAD, "utf-8")
    return folder / "main.cpp"


@pytest.fixture
def hanging(program: Path) -> Path:
    text = WORKLOAD.replace("g++ -O3 -fopenmp main.cpp -o main", f"sleep {SLEEP} & wait")
    (program.parent / "jouleline.toml").write_text(text, "utf-8")
    return program


def begin(client: Client, uri: str, **more: Any) -> int:
    """Ask for the action as an editor does, and execute its command."""
    (action,) = client.actions(uri, 15)
    return client.begin("workspace/executeCommand", {**action["command"], **more})


def progress(client: Client) -> Message:
    found: Message = client.expect("$/progress", RUN_S)["params"]
    return found


def sleepers() -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if SLEEP.encode() in command:
            found.append(command.replace(b"\0", b" ").decode())
    return found


def wait_until_building(client: Client, token: str) -> None:
    started = progress(client)
    assert started["token"] == token
    assert started["value"] == {
        "kind": "begin",
        "title": "Refactoring main.cpp for energy",
        "cancellable": True,
        "percentage": 0,
    }
    while "sleep" not in progress(client)["value"]["message"]:
        pass
    end = time.monotonic() + TIMEOUT_S
    while not sleepers():
        assert time.monotonic() < end
        time.sleep(0.05)


def statuses(client: Client) -> list[str]:
    return [message["params"]["state"] for message in client.drop("jouleline/status")]


def ended(client: Client) -> str | None:
    value = progress(client)["value"]
    assert value["kind"] == "end"
    message: str | None = value.get("message")
    return message


@pytest.mark.parametrize("way", ["window/workDoneProgress/cancel", "$/cancelRequest"])
def test_a_run_that_is_cancelled_leaves_no_process(server: Client, hanging: Path, way: str) -> None:
    server.initialize(hanging.parent)
    uri = server.open(hanging, language="cpp")
    number = begin(server, uri, workDoneToken="t1")
    wait_until_building(server, "t1")
    assert statuses(server) == ["working"]
    server.notify(way, {"token": "t1"} if "Progress" in way else {"id": number})
    with pytest.raises(ServerError) as error:
        server.result(number)
    assert error.value.code == -32800
    assert ended(server) == "cancelled"
    assert statuses(server) == ["ready"]
    assert sleepers() == []
    # The next run is not held up by the one before.
    again = begin(server, uri, workDoneToken="t2")
    wait_until_building(server, "t2")
    server.notify("window/workDoneProgress/cancel", {"token": "t2"})
    with pytest.raises(ServerError):
        server.result(again)
    assert ended(server) == "cancelled"
    server.drop("jouleline/status")


def test_a_client_without_a_token_is_given_one_and_can_cancel_it(server: Client, hanging: Path) -> None:
    server.initialize(hanging.parent)
    uri = server.open(hanging, language="cpp")
    number = begin(server, uri)
    asked = server.expect("window/workDoneProgress/create")
    server.reply(asked, None)
    token = asked["params"]["token"]
    wait_until_building(server, token)
    server.notify("window/workDoneProgress/cancel", {"token": token})
    with pytest.raises(ServerError):
        server.result(number)
    assert ended(server) == "cancelled"
    assert sleepers() == []
    server.drop("jouleline/status")


def test_one_program_is_refactored_once_at_a_time(server: Client, hanging: Path) -> None:
    server.initialize(hanging.parent)
    uri = server.open(hanging, language="cpp")
    number = begin(server, uri, workDoneToken="t1")
    wait_until_building(server, "t1")
    answer = server.result(begin(server, uri, workDoneToken="t2"))
    assert answer["problem"] == "smooth is being refactored already; cancel that run first."
    assert server.expect("window/showMessage")["params"]["message"] == answer["problem"]
    server.notify("$/cancelRequest", {"id": number})
    with pytest.raises(ServerError):
        server.result(number)
    assert ended(server) == "cancelled"
    server.drop("jouleline/status")


def test_hints_are_answered_while_a_program_is_refactored(server: Client, hanging: Path) -> None:
    server.initialize(hanging.parent)
    uri = server.open(hanging, language="cpp")
    number = begin(server, uri, workDoneToken="t1")
    wait_until_building(server, "t1")
    assert len(server.hints(uri)) == 1
    server.notify("$/cancelRequest", {"id": number})
    with pytest.raises(ServerError):
        server.result(number)
    ended(server)
    server.drop("jouleline/status")


def test_a_shutdown_in_the_middle_of_a_run_ends_it_first(server: Client, hanging: Path) -> None:
    server.initialize(hanging.parent)
    uri = server.open(hanging, language="cpp")
    number = begin(server, uri, workDoneToken="t1")
    wait_until_building(server, "t1")
    server.begin("shutdown", None)
    with pytest.raises(ServerError):
        server.result(number)
    assert ended(server) == "cancelled"
    assert server.take(lambda one: one.get("id") == number + 1)["result"] is None
    assert sleepers() == []
    server.drop("jouleline/status")
    server.notify("exit", None)
    assert server.process is not None
    assert server.process.wait(TIMEOUT_S) == 0


def test_a_run_that_an_editor_never_shows_leaves_nothing_behind(server: Client, hanging: Path) -> None:
    server.initialize(hanging.parent)
    uri = server.open(hanging, language="cpp")
    number = begin(server, uri)
    server.expect("window/workDoneProgress/create")  # and is not answered
    server.notify("$/cancelRequest", {"id": number})
    with pytest.raises(ServerError):
        server.result(number)
    assert not [*(hanging.parents[1] / "state").rglob("job.json")]


def test_an_editor_that_dies_takes_its_runs_with_it(server: Client, hanging: Path) -> None:
    server.initialize(hanging.parent)
    uri = server.open(hanging, language="cpp")
    begin(server, uri, workDoneToken="t1")
    wait_until_building(server, "t1")
    server._output.close()
    assert server.process is not None
    assert server.process.wait(TIMEOUT_S) == 1
    assert sleepers() == []


@pytest.mark.parametrize(
    ("workload", "why"),
    [
        ("[workload]\nbuild = 3\n", "lacks 'run', a shell command"),
        ("[workload\n", "is not valid TOML"),
        ('[workload]\nbuild = "false"\nrun = "./main"\n', "the baseline does not build"),
        ('[workload]\nbuild = "true"\nrun = "exit 7"\n', "main.cpp cannot be refactored: "),
    ],
)
def test_what_cannot_be_done_is_one_clear_sentence(
    server: Client, program: Path, workload: str, why: str
) -> None:
    (program.parent / "jouleline.toml").write_text(workload, "utf-8")
    server.initialize(program.parent)
    uri = server.open(program, language="cpp")
    answer = server.result(begin(server, uri, workDoneToken="t1"))
    assert answer["problem"].startswith("main.cpp cannot be refactored: ")
    assert why in answer["problem"]
    assert not answer["applied"]
    assert server.expect("window/showMessage")["params"]["message"] == answer["problem"]
    while progress(server)["value"]["kind"] != "end":
        pass
    server.drop("jouleline/status")


def test_wrong_arguments_of_the_command_are_refused(server: Client, tmp_path: Path) -> None:
    server.initialize()
    with pytest.raises(ServerError, match="takes one argument"):
        server.execute("jouleline.refactor")
    with pytest.raises(ServerError, match="is not open as a file"):
        server.execute("jouleline.refactor", {"uri": (tmp_path / "x.cpp").as_uri()})


@pytest.mark.slow
@pytest.mark.needs("g++", "git")
def test_the_annotated_edit_reproduces_the_measured_candidate(server: Client, program: Path) -> None:
    server.initialize(program.parent)
    uri = server.open(program, language="cpp")
    number = begin(server, uri, workDoneToken="t1")
    percentages, stages = [], set()
    while (value := progress(server)["value"])["kind"] != "end":
        percentages.append(value["percentage"])
        stages.add(value.get("message", "").partition(" · ")[0])
    assert percentages == sorted(percentages)
    assert {"baseline", "verify", "measure"} <= stages
    told = server.expect("window/showMessage")["params"]["message"]
    assert "modelled by cpu-time" in told
    asked = server.expect("workspace/applyEdit")
    edit = asked["params"]["edit"]
    (annotation,) = edit["changeAnnotations"].values()
    assert re.fullmatch(
        r"−[\d.]+% energy \(m\w+ by [\w-]+, 95% interval −[\d.]+% to −[\d.]+%\)", annotation["label"]
    )
    assert annotation["needsConfirmation"] is True
    assert "float" in annotation["description"]
    (changed,) = edit["documentChanges"]
    assert changed["textDocument"] == {"uri": uri, "version": 1}
    (row,) = changed["edits"]
    assert {row["annotationId"]} == set(edit["changeAnnotations"])
    server.reply(asked, {"applied": False})
    answer = server.result(number)
    assert answer["improved"]
    assert not answer["applied"]
    assert answer["headline"].startswith(annotation["label"])
    assert applied(PROGRAM, changed["edits"]) == candidate(program, answer)
    question = server.expect("window/showMessageRequest")
    assert question["params"]["message"] == (
        "The edit was not applied. In its preview, tick all, then apply. "
        f"The patch is kept in {answer['record']}."
    )
    server.reply(question, {"title": "Show Edit Again"})
    assert server.expect("window/showMessage")["params"]["message"] == told
    again = server.expect("workspace/applyEdit")
    assert again["params"] == asked["params"]
    server.change(uri, 2, {"text": applied(PROGRAM, changed["edits"]).decode()})
    server.reply(again, {"applied": True})
    assert program.read_text("utf-8") == PROGRAM
    assert statuses(server) == ["working", "ready"]


@pytest.mark.slow
@pytest.mark.needs("g++", "git")
def test_a_client_that_cannot_confirm_is_asked_and_gets_a_plain_edit(server: Client, program: Path) -> None:
    server.initialize(program.parent, PLAIN)
    uri = server.open(program, language="cpp")
    number = begin(server, uri)
    told = server.expect("window/showMessage", RUN_S)["params"]["message"]
    assert told == "Refactoring main.cpp for energy takes a while; you are told when it ends."
    asked = server.expect("window/showMessageRequest", RUN_S)
    assert re.search(r"energy \(.* Apply the edit\?$", asked["params"]["message"])
    assert [one["title"] for one in asked["params"]["actions"]] == ["Apply", "Show patch", "Discard"]
    server.reply(asked, {"title": "Show patch"})
    assert "energy" in server.expect("window/showMessage")["params"]["message"]
    server.reply(server.expect("window/showMessageRequest"), {"title": "Apply"})
    sent = server.expect("workspace/applyEdit")
    (edits,) = sent["params"]["edit"]["changes"].values()
    assert list(sent["params"]["edit"]) == ["changes"]
    server.reply(sent, {"applied": False, "failureReason": "read-only"})
    message = server.expect("window/showMessage")["params"]["message"]
    answer = server.result(number)
    assert message.startswith("The edit was not applied (read-only).")
    assert answer["record"] in message
    assert not answer["applied"]
    assert applied(PROGRAM, edits) == candidate(program, answer)
    server.drop("jouleline/status")


@pytest.mark.slow
@pytest.mark.needs("g++")
def test_an_edit_for_a_text_that_changed_meanwhile_is_refused(server: Client, program: Path) -> None:
    server.initialize(program.parent, PLAIN)
    uri = server.open(program, language="cpp")
    number = begin(server, uri)
    assert "takes a while" in server.expect("window/showMessage", RUN_S)["params"]["message"]
    asked = server.expect("window/showMessageRequest", RUN_S)
    start = {"line": 0, "character": 0}
    server.change(uri, 2, {"range": {"start": start, "end": start}, "text": "// typed meanwhile\n"})
    server.reply(asked, {"title": "Apply"})
    message = server.expect("window/showMessage")["params"]["message"]
    answer = server.result(number)
    assert message == (
        "The edit is not offered: main.cpp changed since the run began. "
        f"The patch is kept in {answer['record']}."
    )
    assert not answer["applied"]
    assert (Path(answer["record"]) / "candidate.patch").is_file()
    server.drop("jouleline/status")


def applied(text: str, edits: list[Message]) -> bytes:
    """The text after edits whose positions count UTF-16 units, as an editor applies them."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def offset(position: Message) -> int:
        rest = text[starts[position["line"]] :].encode("utf-16-le")
        return starts[position["line"]] + len(rest[: 2 * position["character"]].decode("utf-16-le"))

    for edit in sorted(edits, key=lambda one: offset(one["range"]["start"]), reverse=True):
        start, end = offset(edit["range"]["start"]), offset(edit["range"]["end"])
        text = text[:start] + edit["newText"] + text[end:]
    return text.encode()


def candidate(program: Path, answer: Message) -> bytes:
    """The candidate as its record has it: the patch, applied by git to a copy."""
    record = Path(answer["record"])
    assert json.loads((record / "result.json").read_text("utf-8"))["headline"] == answer["headline"]
    copy = program.parent.parent / "copy"
    copy.mkdir()
    shutil.copy(program, copy)
    subprocess.run(["git", "apply", record / "candidate.patch"], cwd=copy, check=True)
    return (copy / "main.cpp").read_bytes()
