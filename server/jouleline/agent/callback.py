"""A connection from a batch job back to where it was submitted, and how both ends know each other.

    python3 AGENT.pyz call FILE COMMAND...

runs COMMAND with its input and output joined to whoever wrote FILE. Anybody on the network can connect to
the port, and anybody on its machine can take it over once nobody listens there. So both prove that they know
the key in FILE, which only its user can read and which serves once: who calls would be believed, and who is
called is obeyed. The key itself is never sent, nor seen in a command line or an environment. What they prove
holds for the address that was called, so nobody between them can pass it on: an address of the login node may
well be one of the compute node's own, where somebody else listens. A connection is not encrypted, as those of
srun are not: who controls the network between the nodes can read and change what is on it.
"""

from __future__ import annotations

import fcntl
import hmac
import json
import os
import secrets
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .scheduler import say

_KEY_BYTES = 32
_NONCE_BYTES = 32
_PROOF_BYTES = 32
# Who connects and says nothing shall not keep others out.
_GREETING_S = 10.0
_MOST_GREETED = 64
_CALLING_S = 60.0
_CONNECTING_S = 5.0
_PAUSE_S = 0.5
_SIOCGIFADDR = 0x8915
_NAME_BYTES = 16


class CallError(RuntimeError):
    """The other end is not who it should be, or is not there."""


class Host:
    """Waits to be called by one who knows the key; ``caller`` is set when that one has proved it."""

    def __init__(self) -> None:
        """Listen at a free port.

        Raises:
            OSError: if that cannot be done.
        """
        self._key = secrets.token_bytes(_KEY_BYTES)
        self._listener = _listening()
        self._places = threading.BoundedSemaphore(_MOST_GREETED)
        self._lock = threading.Lock()
        self.caller: socket.socket | None = None
        self.called = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def invitation(self) -> str:
        """What a caller has to know; for the eyes of the user's own processes only."""
        port = self._listener.getsockname()[1]
        return json.dumps({"addresses": list(_addresses()), "port": port, "key": self._key.hex()})

    def close(self) -> None:
        """Listen no more; a caller that was found stays."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while not self.called.is_set():
                connection, _ = self._listener.accept()
                if self._places.acquire(blocking=False):
                    threading.Thread(target=self._greet, args=(connection,), daemon=True).start()
                else:
                    connection.close()

    def _greet(self, connection: socket.socket) -> None:
        try:
            prove(connection, self._key, calls=False)
        except (OSError, CallError):
            connection.close()
        else:
            with self._lock:
                if self.caller is None:
                    self.caller = connection
                    self.called.set()
        finally:
            self._places.release()
        if self.called.is_set():
            self.close()


def main(arguments: list[str]) -> int:
    """Call, and become COMMAND; returns only if that cannot be done."""
    file, *command = arguments
    try:
        connection = call(Path(file))
    except CallError as error:
        return say(f"on {socket.gethostname()}: {error}")
    for number in (0, 1):
        os.dup2(connection.fileno(), number)
    try:
        os.execvp(command[0], command)  # noqa: S606 - the words that the relay was given
    except OSError as error:
        return say(f"on {socket.gethostname()}, {command[0]} cannot be started: {error.strerror}")


def call(file: Path) -> socket.socket:
    """A connection to who wrote the file, proved on both sides.

    Raises:
        CallError: when there is none to be had.
    """
    try:
        invitation = json.loads(file.read_text(encoding="ascii"))
    except OSError as error:
        raise CallError("nobody waits for this job any more") from error
    port, key = int(invitation["port"]), bytes.fromhex(invitation["key"])
    deadline = time.monotonic() + _CALLING_S
    while True:
        for address in invitation["addresses"]:
            with suppress(OSError, CallError):
                return _called(address, port, key)
        if time.monotonic() > deadline:
            raise CallError(
                f"the machine that jobs are submitted from is not reached at port {port} of "
                f"{', '.join(invitation['addresses'])}; nodes have to be able to connect to it"
            )
        time.sleep(_PAUSE_S)


def _called(address: str, port: int, key: bytes) -> socket.socket:
    connection = socket.create_connection((address, port), _CONNECTING_S)
    try:
        prove(connection, key, calls=True)
    except BaseException:
        connection.close()
        raise
    return connection


def prove(connection: socket.socket, key: bytes, *, calls: bool) -> None:
    """Prove to know the key, and have the other end prove it, without showing it to who does not.

    Both give a number of their own, and a digest under the key of both numbers and the address that was
    called, each with the name of its end, so that none can be sent back. Who ``calls`` goes first.

    Raises:
        CallError: when the other end does not know it.
        OSError: when it is gone, or takes too long.
    """
    connection.settimeout(_GREETING_S)
    ours = secrets.token_bytes(_NONCE_BYTES)
    connection.sendall(ours)
    theirs = _exactly(connection, _NONCE_BYTES)
    place, *_ = connection.getpeername() if calls else connection.getsockname()
    said = (ours + theirs if calls else theirs + ours) + _plain(place).encode()
    caller, called = (hmac.new(key, end + said, "sha256").digest() for end in (b"caller", b"called"))
    if calls:
        connection.sendall(caller)
    if not hmac.compare_digest(_exactly(connection, _PROOF_BYTES), called if calls else caller):
        raise CallError("who is at the other end does not know the key")
    if not calls:
        connection.sendall(called)
    connection.settimeout(None)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    deadline = time.monotonic() + _GREETING_S
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        if not chunk or time.monotonic() > deadline:
            raise CallError("the other end said nothing")
        data += chunk
    return data


def _plain(address: str) -> str:
    """An address as both ends see it, whichever version of the protocol their sockets are of."""
    return address.partition("%")[0].removeprefix("::ffff:")


def _listening() -> socket.socket:
    if socket.has_dualstack_ipv6():
        with suppress(OSError):
            return socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", 0))


def _addresses() -> Iterator[str]:
    """By what a node may reach this machine: its names, then the addresses of its interfaces."""
    names = [socket.gethostname(), socket.getfqdn()]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for _, interface in socket.if_nameindex():
            with suppress(OSError):  # it has none
                asked = struct.pack("256s", interface.encode()[: _NAME_BYTES - 1])
                answer = fcntl.ioctl(any_socket.fileno(), _SIOCGIFADDR, asked)
                names.append(socket.inet_ntoa(answer[20:24]))
    yield from dict.fromkeys(names)
