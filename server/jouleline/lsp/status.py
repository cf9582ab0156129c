"""The notification ``jouleline/status``, from which an editor fills its status bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from .server import Server

METHOD: Final = "jouleline/status"
State = Literal["ready", "working", "error"]


def send(server: Server, state: State = "ready", message: str = "") -> None:
    """Tell the editor the chosen device and target, and what the server is doing."""
    device = server.session.device
    server.protocol.notify(
        METHOD,
        {
            "device": device.id if device else "",
            "deviceName": device.name if device else "",
            "target": server.jobs.target,
            "state": state,
            "message": message,
        },
    )
