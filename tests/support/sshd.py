"""A real sshd on the loopback interface, as an ordinary process of this user, and a ssh that knows it.

What it starts believes that it runs on another machine: it shares nothing with a test but the kernel.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from .ports import free_port
from .tools import require_tool, with_us

HOST = "far-box"
"""What the user's ssh configuration calls it."""

UNKNOWN, CHANGED, STRANGER, DEAF, PASSWORDS = (
    f"{HOST}-{one}" for one in ("unknown", "changed", "stranger", "deaf", "passwords")
)
"""The same with a host key that nobody knows, another one than is known, a key of ours that it does not
let in, a port at which nothing listens, and one at which it takes passwords only."""


@dataclass
class Sshd:
    """``folder`` holds keys and configuration, ``bin`` the `ssh` that finds it, ``far`` what lies there."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    @property
    def far(self) -> Path:
        return self.folder / "far"

    def described(self, name: str, host: str = HOST) -> str:
        """The table of this machine as target ``name`` in a user's jouleline.toml."""
        return f'[target.{name}]\nhost = "{host}"\npython = "{sys.executable}"\nfolder = "{self.far}/files"\n'

    def start(self) -> None:
        options = [f"-oSetEnv={' '.join(f'{name}={value}' for name, value in self.environment.items())}"]
        with (self.folder / "sshd.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*with_us(), _sshd(), "-D", "-e", "-f", self.folder / "sshd_config", *options],
                stdin=subprocess.DEVNULL, stderr=log, start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + 20
        while True:
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, (self.folder / "sshd.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def stop(self) -> None:
        """End the daemon; connections that are open go on."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait()

    def connections(self) -> list[int]:
        """The processes that serve connections."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def drop(self) -> None:
        """Cut every connection, as a network does."""
        self._kill(self.connections())

    def vanish(self) -> None:
        """Cut every connection, and let no new one in."""
        served = self.connections()
        self.stop()
        self._kill(served)

    def _kill(self, served: list[int]) -> None:
        for each in [child for pid in served for child in (*_children(pid), pid)]:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _sshd() -> str:
    # Not on the PATH of ordinary users.
    return shutil.which("sshd", path="/usr/sbin:/usr/local/sbin") or str(require_tool("sshd"))


@contextmanager
def running_sshd(folder: Path) -> Iterator[Sshd]:
    require_tool("ssh")
    port, of_passwords = free_port(), free_port()
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where it locks itself into; Debian makes it at boot
    for name in ("host", "user", "stranger"):
        key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
        subprocess.run(key, check=True)
    (folder / "authorized_keys").write_bytes((folder / "user.pub").read_bytes())
    host_key = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(
        f"[127.0.0.1]:{port} {host_key}\n[127.0.0.1]:{of_passwords} {host_key}\n"
    )
    (folder / "sshd_config").write_text(
        f"Port {port}\nPort {of_passwords}\nListenAddress 127.0.0.1\n"
        f"HostKey {folder}/host\nPidFile none\nUsePAM no\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nPasswordAuthentication yes\n"
        "PermitRootLogin yes\nMaxStartups 100\nLogLevel ERROR\n"
        f"Match LocalPort {of_passwords}\n  PubkeyAuthentication no\n"
    )
    stranger = " ".join((folder / "stranger.pub").read_text().split()[:2])
    (folder / "other_hosts").write_text(f"[127.0.0.1]:{port} {stranger}\n")
    # Of several values the first counts.
    (folder / "ssh_config").write_text(
        f"Host {UNKNOWN}\n  UserKnownHostsFile {folder}/no_hosts\n"
        f"Host {CHANGED}\n  UserKnownHostsFile {folder}/other_hosts\n"
        f"Host {STRANGER}\n  IdentityFile {folder}/stranger\n"
        f"Host {DEAF}\n  Port {free_port()}\n"
        f"Host {PASSWORDS}\n  Port {of_passwords}\n"
        f"Host {HOST} {UNKNOWN} {CHANGED} {PASSWORDS}\n  IdentityFile {folder}/user\n"
        f"Host {HOST}*\n  HostName 127.0.0.1\n  Port {port}\n"
        f"  IdentitiesOnly yes\n  IdentityAgent none\n  UserKnownHostsFile {folder}/known_hosts\n"
    )
    server = Sshd(folder, port)
    server.bin.mkdir()
    server.far.mkdir()
    (server.bin / "ssh").write_text(f'#!/bin/sh\nexec {require_tool("ssh")} -F {folder}/ssh_config "$@"\n')
    (server.bin / "ssh").chmod(0o755)
    server.environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "XDG_STATE_HOME": str(server.far / "state"),
    }
    server.start()
    try:
        yield server
    finally:
        server.vanish()
