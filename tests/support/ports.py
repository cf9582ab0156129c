"""Ports for servers that have to be told where to listen."""

import random
import socket
from pathlib import Path

_OF_CONNECTIONS = Path("/proc/sys/net/ipv4/ip_local_port_range")
_PRIVILEGED = 1024


def free_port() -> int:
    """A port that nobody listens at.

    It is none of those that Linux gives to connections and to whoever does not mind: one of them may be taken
    by another test before the server listens.
    """
    first = int(_OF_CONNECTIONS.read_text().split()[0])
    while True:
        port = random.SystemRandom().randrange(_PRIVILEGED, first)
        with socket.socket() as free:
            try:
                free.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
