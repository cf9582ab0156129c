"""Who may be at either end of the connection from a batch job to where it was submitted: its user alone."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from jouleline.agent import callback
from jouleline.agent.callback import CallError, Host, call, prove
from tests.runners.processes import until


@pytest.fixture
def host() -> Iterator[Host]:
    waiting = Host()
    yield waiting
    waiting.close()
    if waiting.caller is not None:
        waiting.caller.close()


@pytest.fixture
def invitation(host: Host, tmp_path: Path) -> Path:
    file = tmp_path / "call"
    file.write_text(host.invitation())
    return file


def changed(invitation: Path, **fields: object) -> Path:
    invitation.write_text(json.dumps({**json.loads(invitation.read_text()), **fields}))
    return invitation


def port_of(invitation: Path) -> int:
    return int(json.loads(invitation.read_text())["port"])


def _answers(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def key_of(invitation: Path) -> bytes:
    return bytes.fromhex(json.loads(invitation.read_text())["key"])


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callback, "_CALLING_S", 0.0)
    monkeypatch.setattr(callback, "_PAUSE_S", 0.0)


def test_both_ends_speak_with_each_other_alone(host: Host, invitation: Path) -> None:
    with call(invitation) as caller:
        assert host.called.wait(5)
        assert host.caller is not None
        caller.sendall(b"there")
        assert host.caller.recv(5) == b"there"
        host.caller.sendall(b"here")
        assert caller.recv(5) == b"here"
        # It listens no more: a second job with the same file is not heard.
        until(lambda: not _answers(port_of(invitation)))


@pytest.mark.usefixtures("impatient")
def test_who_calls_without_the_key_is_not_heard(host: Host, invitation: Path) -> None:
    right = invitation.read_text()
    with pytest.raises(CallError, match="is not reached at port"):
        call(changed(invitation, key="00" * 32))
    assert host.caller is None
    invitation.write_text(right)
    call(invitation).close()
    assert host.called.wait(5)


@pytest.mark.usefixtures("impatient")
def test_who_listens_without_the_key_is_not_obeyed(invitation: Path) -> None:
    """Somebody else has the port by now, and answers with what it was sent."""
    heard = b""

    def listen() -> None:
        nonlocal heard
        with suppress(OSError), trap.accept()[0] as connection:
            while chunk := connection.recv(4096):
                heard += chunk
                connection.sendall(chunk)

    with socket.create_server(("127.0.0.1", 0)) as trap:
        listening = threading.Thread(target=listen)
        listening.start()
        changed(invitation, addresses=["127.0.0.1"], port=trap.getsockname()[1])
        with pytest.raises(CallError, match="is not reached at port"):
            call(invitation)
        listening.join()
    assert key_of(invitation) not in heard


def test_nobody_in_the_middle_can_pass_on_what_is_proved(host: Host, invitation: Path) -> None:
    """One who listens at another address of the same number and knows where the true host is."""
    key, port = key_of(invitation), port_of(invitation)
    trap = socket.create_server(("127.0.0.2", 0))
    outcome: list[BaseException] = []

    def caller() -> None:
        with socket.create_connection(trap.getsockname()) as connection:
            try:
                prove(connection, key, calls=True)
            except (CallError, OSError) as error:
                outcome.append(error)

    calling = threading.Thread(target=caller)
    calling.start()
    with trap, trap.accept()[0] as victim, socket.create_connection(("127.0.0.1", port)) as true_host:
        for one, other in ((victim, true_host), (true_host, victim), (victim, true_host)):
            with suppress(OSError):
                other.sendall(one.recv(32))
        assert true_host.recv(32) == b"", "the proof was made for another address"
    calling.join()
    assert outcome
    assert host.caller is None


def test_who_says_nothing_keeps_nobody_out(host: Host, invitation: Path) -> None:
    with ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(socket.create_connection(("127.0.0.1", port_of(invitation))))
        call(invitation).close()
        assert host.called.wait(5)


@pytest.mark.usefixtures("impatient")
def test_a_node_that_cannot_connect_says_so(invitation: Path) -> None:
    changed(invitation, addresses=["no.such.host.invalid", "127.0.0.1"], port=1)
    with pytest.raises(CallError, match=r"port 1 of no\.such\.host\.invalid, 127\.0\.0\.1; nodes have to"):
        call(invitation)


def test_a_job_that_is_run_again_by_itself_finds_nobody(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from jouleline.agent.callback import main; main(sys.argv[1:])",
         str(tmp_path / "gone"), "true"], capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr.startswith("jouleline: on ")
    assert "nobody waits for this job any more" in done.stderr
