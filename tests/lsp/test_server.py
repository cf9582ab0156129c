import os
import signal
import socket
import subprocess
import sys

import pytest

from tests.lsp.client import FULL, TIMEOUT_S, Client, ServerError, over_stdio, over_tcp, server_command


def test_a_session_begins_and_ends_in_order(client: Client) -> None:
    result = client.initialize()
    assert result["serverInfo"]["name"] == "jouleline"
    capabilities = result["capabilities"]
    assert capabilities["textDocumentSync"]["change"] == 2
    assert capabilities["inlayHintProvider"]
    assert capabilities["hoverProvider"]
    assert capabilities["codeLensProvider"]
    assert capabilities["codeActionProvider"] == {
        "codeActionKinds": ["quickfix", "refactor.rewrite.jouleline"],
        "resolveProvider": True,
    }
    assert set(capabilities["executeCommandProvider"]["commands"]) == {
        "jouleline.refactor",
        "jouleline.resume",
        "jouleline.targets",
        "jouleline.selectTarget",
        "jouleline.selectDevice",
        "jouleline.devices",
        "jouleline.whatIf",
        "jouleline.report",
        "jouleline.importProfile",
    }
    assert capabilities["diagnosticProvider"]["identifier"] == "jouleline"
    assert capabilities["documentSymbolProvider"]
    assert capabilities["workspaceSymbolProvider"]
    assert client.status == {
        "device": "a100-sxm4-40gb",
        "deviceName": "NVIDIA A100 SXM4 40 GB",
        "target": "",
        "state": "ready",
        "message": "",
    }
    client.shut_down()


@pytest.mark.parametrize(
    ("offered", "agreed"),
    [
        (["utf-8", "utf-16"], "utf-8"),
        (["utf-32", "utf-8"], "utf-32"),
        (["utf-7"], "utf-16"),
        (None, "utf-16"),
    ],
)
def test_the_clients_first_known_encoding_is_taken(
    client: Client, offered: list[str] | None, agreed: str
) -> None:
    general = {"positionEncodings": offered} if offered else {}
    result = client.initialize(capabilities={**FULL, "general": general})
    assert result["capabilities"]["positionEncoding"] == agreed


def test_one_client_is_served_over_tcp() -> None:
    with over_tcp() as client:
        client.initialize()
        assert client.execute("jouleline.devices")["current"] == "a100-sxm4-40gb"
        client.shut_down()


def test_a_port_that_is_taken_is_said_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            server_command("--tcp", str(port)), capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    assert done.returncode == 1
    said = "cannot listen there: Address already in use; give another port or host"
    assert done.stderr == f"jouleline serve: --tcp {port}: {said}\n"


def test_what_comes_after_shutdown_is_answered_with_an_error() -> None:
    with over_stdio() as client:
        client.initialize()
        assert client.request("shutdown", None) is None
        with pytest.raises(ServerError, match="textDocument/hover came after shutdown"):
            client.request("textDocument/hover", {})
        client.notify("exit", None)
        assert client.process is not None
        assert client.process.wait(TIMEOUT_S) == 0


def test_exit_without_shutdown_is_told_by_the_exit_code() -> None:
    with over_stdio() as client:
        client.initialize()
        client.notify("exit", None)
        assert client.process is not None
        assert client.process.wait(TIMEOUT_S) == 1


def test_a_shutdown_that_exit_follows_at_once_is_one() -> None:
    with over_stdio() as client:
        client.initialize()
        client.send({"id": 99, "method": "shutdown"}, {"method": "exit"})
        assert client.process is not None
        assert client.process.wait(TIMEOUT_S) == 0


@pytest.mark.parametrize("given", [subprocess.PIPE, subprocess.DEVNULL])
def test_the_server_ends_when_its_client_is_gone(given: int) -> None:
    with subprocess.Popen(
        server_command(), stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.communicate(timeout=TIMEOUT_S) == (b"", b"")
        assert process.returncode == 1


def test_the_server_ends_on_sigterm_although_its_client_is_still_there() -> None:
    with over_stdio() as client:
        client.initialize()
        assert client.process is not None
        os.kill(client.process.pid, signal.SIGTERM)
        assert client.process.wait(TIMEOUT_S) == 1


def test_what_it_does_not_know_is_answered_and_does_no_harm(client: Client) -> None:
    client.initialize()
    with pytest.raises(ServerError, match="Method Not Found"):
        client.request("textDocument/somethingNew", {})
    with pytest.raises(ServerError, match=r"unknown command jouleline\.fly"):
        client.execute("jouleline.fly")
    client.notify("$/somethingNew", {})
    client.notify(
        "textDocument/didChange",
        {"textDocument": {"uri": "file:///never", "version": 3}, "contentChanges": []},
    )
    assert client.hints("file:///never") == []
    assert client.hover("file:///never", 0, 0) is None


def test_nothing_but_the_protocol_is_written_to_standard_output() -> None:
    program = "from jouleline.lsp.start import serve; print('before'); raise SystemExit(serve(None))"
    result = subprocess.run(
        [sys.executable, "-c", program], input=b"", capture_output=True, timeout=TIMEOUT_S, check=False
    )
    assert result.stdout == b"before\n"
