"""Visual Studio Code for real: code-server, which serves the very workbench to a browser."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import playwright

from tests.support.tools import skip_unless_ci

ROOT = Path(__file__).resolve().parents[2]
# The Node that drives the browser also runs the server.
NODE = Path(playwright.__file__).parent / "driver" / "node"
SETTINGS: dict[str, Any] = {
    "chat.disableAIFeatures": True,
    "editor.minimap.enabled": False,
    # Nothing is asked of the network, and no message comes that is not ours.
    "extensions.autoCheckUpdates": False,
    "extensions.autoUpdate": False,
    "extensions.ignoreRecommendations": True,
    # In a browser it is on; tests count on texts that are not saved.
    "files.autoSave": "off",
    "security.workspace.trust.startupPrompt": "never",
    "telemetry.telemetryLevel": "off",
    "update.mode": "none",
    "window.commandCenter": False,
    "workbench.colorTheme": "Light Modern",
    "workbench.enableExperiments": False,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "workbench.startupEditor": "none",
    # Compilers in the background would make every test wait for its turn of the processor.
    "jouleline.compiledEvidence.enable": False,
}
START_S = 60.0


@dataclass(frozen=True)
class CodeServer:
    address: str
    home: Path


def require_code_server() -> Path:
    """Find the entry of the copy that the lock names."""
    folder = subprocess.check_output([ROOT / "tools" / "code-server", "folder"], text=True).strip()
    entry = Path(folder) / "node_modules" / "code-server" / "out" / "node" / "entry.js"
    if not entry.is_file():
        skip_unless_ci(f"{folder} holds no code-server: 'tools/code-server install' fills it")
    return entry


def packaged(folder: Path) -> Path:
    """Package the extension as it stands."""
    client = ROOT / "vscode-client"
    vsce = client / "node_modules" / "@vscode" / "vsce" / "vsce"
    if not vsce.is_file():
        skip_unless_ci("the extension's tools are not installed: 'make package' installs them")
    target = folder / "jouleline.vsix"
    words: list[str | Path] = [
        "package",
        "--no-dependencies",
        "--allow-unused-files-pattern",
        "--out",
        target,
    ]
    subprocess.run([NODE, vsce, *words], cwd=client, check=True, capture_output=True)
    return target


@contextmanager
def code_server(entry: Path, home: Path, python: str, tools: Path) -> Iterator[CodeServer]:
    """Serve on a free port of the loopback, with the extension and nothing of the user's own.

    ``tools`` is a folder with the user's own programs.
    """
    user = home / "code-server"
    for part in ("User", "Machine"):
        (user / part).mkdir(parents=True)
    (user / "User" / "settings.json").write_text(json.dumps(SETTINGS), "utf-8")
    # A path to an interpreter belongs to the machine; among the user's settings it would not count.
    (user / "Machine" / "settings.json").write_text(json.dumps({"jouleline.python": python}), "utf-8")
    (home / "config.yaml").touch()
    # The Python that ours is of, and that does not have the package.
    plain = home / "bin" / "python3"
    plain.parent.mkdir()
    plain.write_text(f'#!/bin/sh\nexec "{sys.base_prefix}/bin/python3" "$@"\n', "utf-8")
    plain.chmod(0o755)
    # Extensions get the environment of the user's login shell.
    (home / ".profile").write_text(f'PATH="{plain.parent}:{tools}:$PATH"\n', "utf-8")
    command: list[str | Path] = [
        *(NODE, entry, "--config", home / "config.yaml"),
        *("--user-data-dir", user, "--extensions-dir", home / "extensions"),
    ]
    # Not our own PATH: its python3 may have the package, and one test is of a machine where none has.
    environment = {"PATH": os.defpath, "HOME": str(home), "LANG": "C.UTF-8"}
    extension = packaged(home)
    subprocess.run(
        [*command, "--install-extension", extension], env=environment, check=True, capture_output=True
    )
    log = home / "code-server.log"
    with log.open("wb") as sink:
        serving = subprocess.Popen(
            [
                *(*command, "--bind-addr", "127.0.0.1:0", "--auth", "none"),
                *("--disable-telemetry", "--disable-update-check"),
            ],
            env=environment,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    try:
        yield CodeServer(address_in(log, serving), home)
    finally:
        os.killpg(serving.pid, signal.SIGTERM)
        serving.wait()
        end_all(home)


def address_in(log: Path, serving: subprocess.Popen[bytes]) -> str:
    end = time.monotonic() + START_S
    while time.monotonic() < end and serving.poll() is None:
        if found := re.search(r"listening on (http://\S+)/", log.read_text("utf-8")):
            return found[1]
        time.sleep(0.05)
    raise AssertionError(f"code-server does not serve:\n{log.read_text('utf-8')}")


def processes(home: Path) -> dict[int, str]:
    """Find the processes that live in this home, with their command lines."""
    mark = f"HOME={home}".encode()
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if mark in environment and command:
            found[int(folder.name)] = command.replace(b"\0", b" ").decode().strip()
    return found


def servers(home: Path) -> set[int]:
    """Find our own servers in this home."""
    return {number for number, command in processes(home).items() if "-m jouleline serve" in command}


def workers(home: Path) -> set[int]:
    """Find the processes of refactorings in this home."""
    return {number for number, command in processes(home).items() if "jouleline.lsp.worker" in command}


def end_all(home: Path) -> None:
    """End what the editor left behind: it keeps extensions alive for a browser that may come back."""
    end = time.monotonic() + START_S
    while left := processes(home):
        sign = signal.SIGTERM if time.monotonic() < end else signal.SIGKILL
        for number in left:
            try:
                os.kill(number, sign)
            except ProcessLookupError:
                continue
        time.sleep(0.1)
