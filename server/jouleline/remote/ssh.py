"""Over the user's own ssh: configuration, agent and jump hosts are theirs, and no key is ever accepted."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from jouleline.core.target import Target

from .launcher import NO_FOLDER, script, shell

_FAILED: Final = 255
_NOT_FOUND: Final = 127
_OPTIONS: Final = (
    "-T", "-x", "-a",
    # Nobody is there to be asked, and who that machine is was the user's decision.
    "-oBatchMode=yes", "-oStrictHostKeyChecking=yes",
    # What a configuration may add for a person at a terminal, and would disturb an agent.
    "-oRequestTTY=no", "-oRemoteCommand=none", "-oClearAllForwardings=yes", "-oPermitLocalCommand=no",
    "-oEscapeChar=none", "-oLogLevel=ERROR",
    "-oConnectTimeout=15", "-oServerAliveInterval=10", "-oServerAliveCountMax=3",
)  # fmt: skip
_KEPT_S: Final = 60
# A socket's path is at most 104 bytes on some systems; ssh adds 17 of its own while it makes one.
_LONGEST_PATH: Final = 104 - 17
_HASH_BYTES: Final = 40

_FAILURES: Final = {
    r"REMOTE HOST IDENTIFICATION HAS CHANGED|host key .* has changed": (
        "its host key is another than the one that you accepted, so it may be another machine; ask its "
        "administrator, then see `ssh-keygen -R`"
    ),
    r"Host key verification failed|No \S+ host key is known": (
        "its host key is not known to you, and none is accepted here; connect once with `ssh {host}` and "
        "compare the key that it shows"
    ),
    r"Permission denied \((?!.*publickey)": (
        "it takes passwords only, and none is asked for here; have its administrator let keys in, or set "
        "ControlMaster, ControlPath and ControlPersist for it in ~/.ssh/config and log in with `ssh {host}` "
        "first, for that connection is used then"
    ),
    r"Permission denied|Too many authentication failures|no mutual signature": (
        "it let none of your keys in, and no password is asked for here; make `ssh -o BatchMode=yes {host}` "
        "work, such as with ssh-copy-id and ssh-add"
    ),
    r"Could not resolve hostname": (
        "no machine goes by that name; let `host` in its table be what you write after `ssh`"
    ),
    r"Connection refused": "nothing answers at its ssh port; see whether `ssh {host}` works",
    r"timed out|No route to host|Network is unreachable|not responding": (
        "it does not answer; see whether `ssh {host}` works, and whether this machine has a network"
    ),
    r"Connection (to \S+ )?closed|Connection reset|Broken pipe|closed by remote host": (
        "the connection was lost"
    ),
}


class Ssh:
    """Starts an agent on the machine that the user's ssh knows as ``target.host``."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def command(self, session: str, lease_s: float, predecessor: str) -> Sequence[str]:
        """``ssh`` with our options before the user's configuration, which may not undo them."""
        arguments = [session, str(lease_s), *([predecessor] if predecessor else [])]
        return remote_command(self._target, shell(self._target, script(self._target, arguments)))

    def explain(self, code: int, said: str) -> str:
        """Why there is no agent, or none any more."""
        return explained(self._target, code, said)


def remote_command(target: Target, words: str) -> list[str]:
    """The command that has ``words`` run by the user's shell on the target's host."""
    return ["ssh", *_OPTIONS, *_shared(target.host), "--", target.host, words]


def explained(target: Target, code: int, said: str) -> str:
    """One sentence for ssh's exit code and what was said."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    where = f"target {target.name} ({target.host})" if target.host else f"target {target.name}"
    if code == _FAILED:
        for pattern, sentence in _FAILURES.items():
            if re.search(pattern, said):
                return f"{where}: {sentence.format(host=target.host)}"
        # Of a connection that ends it does not always speak.
        return f"{where}: ssh failed: {lines[-1]}" if lines else f"{where}: the connection was lost"
    if "No space left" in said or "Disk quota exceeded" in said:
        return f"{where}: the disk there is full; make room in {target.folder or 'the home folder'}"
    ours = [line.removeprefix("jouleline: ") for line in lines if line.startswith("jouleline: ")]
    if ours:
        return f"{where}: {ours[-1]}"
    if code == NO_FOLDER:
        what = lines[-1] if lines else "it cannot be written to"
        return f"{where}: {target.folder or 'the cache folder'} there is of no use: {what}"
    if code == _NOT_FOUND:
        return f"{where}: there is no {target.python}; name a Python 3.9 or newer with `python` in its table"
    if code in (0, 128 + 15, 128 + 9, 143, -15, -9):
        return f"{where}: the agent there was ended"
    return f"{where}: the agent ended with exit code {code}: {lines[-1] if lines else 'it said nothing'}"


def _shared(host: str) -> list[str]:
    """Options that keep the connection for the next command, unless the user's own configuration does."""
    try:
        done = subprocess.run(
            ["ssh", "-G", "--", host], capture_output=True, text=True, timeout=10, check=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return []
    if re.search(r"(?m)^controlpath (?!none$)", done.stdout):
        return []
    folder = _private_folder()
    if folder is None or len(str(folder)) + 1 + _HASH_BYTES > _LONGEST_PATH:
        return []
    return ["-oControlMaster=auto", f"-oControlPath={folder}/%C", f"-oControlPersist={_KEPT_S}"]


def _private_folder() -> Path | None:
    """A folder for sockets that nobody else can reach into; None where there is none."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    parent = Path(runtime) if runtime else Path(tempfile.gettempdir())
    folder = parent / ("jouleline-ssh" if runtime else f"jouleline-ssh-{os.getuid()}")
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
        if stat.S_ISDIR(state.st_mode) and state.st_uid == os.getuid() and not state.st_mode & 0o077:
            return folder
    return None
