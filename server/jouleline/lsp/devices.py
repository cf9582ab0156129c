"""Choose the GPU that bounds are computed for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from jouleline.config import DEFAULT_DEVICE
from jouleline.core.device import Device, UnknownDevice

from . import arguments, status

if TYPE_CHECKING:
    from .server import Server


def register(server: Server) -> None:
    """Add the commands to a server."""

    @server.command("jouleline.devices")
    async def devices(_: types.ExecuteCommandParams) -> dict[str, Any]:
        await server.session.ready.wait()
        current = server.session.device
        return {
            "current": current.id if current else "",
            "devices": [described(device) for device in server.session.catalogue or ()],
        }

    @server.command("jouleline.selectDevice")
    async def select_device(params: types.ExecuteCommandParams) -> dict[str, Any]:
        gpu = arguments.text(
            params, "gpu", 'jouleline.selectDevice takes one argument: {"gpu": "a device id"}'
        )
        await server.session.ready.wait()
        try:
            return described(choose(server, gpu))
        except UnknownDevice as error:
            raise JsonRpcInvalidParams(str(error)) from None


def described(device: Device) -> dict[str, str]:
    """A device as the editor's picker shows it."""
    return {
        "id": device.id,
        "name": device.name,
        "vendor": device.vendor,
        "architecture": device.architecture,
    }


def choose(server: Server, gpu: str) -> Device:
    """Take a device by id or alias, the default for an empty one, and have all hints asked for anew.

    Raises:
        UnknownDevice: if there is none of that name; the device stays.
    """
    session = server.session
    if session.catalogue is None:
        raise UnknownDevice(gpu, ())
    device = session.catalogue.get(gpu or DEFAULT_DEVICE)
    if device is not session.device:
        session.device = device
        server.look_again_when_quiet()
        server.refresh()
        status.send(server)
    return device
