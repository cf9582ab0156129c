"""Settings: at the start, pushed by the editor, and asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from jouleline import wiring
from jouleline.config import SECTION, read_settings
from jouleline.core.device import UnknownDevice

from . import devices, status, targets

if TYPE_CHECKING:
    from .server import Server


def register(server: Server) -> None:
    """Add the feature to a server."""

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    def did_change_configuration(params: types.DidChangeConfigurationParams) -> None:
        pushed = params.settings
        if isinstance(pushed, Mapping) and pushed.get(SECTION) is not None:
            take(server, pushed[SECTION])
        elif server.session.client.configuration:
            server.start(pull(server))


async def pull(server: Server) -> None:
    """Ask the editor for our section."""
    item = types.ConfigurationItem(section=SECTION)
    try:
        answer = await server.workspace_configuration_async(types.ConfigurationParams(items=[item]))
    except JsonRpcException:
        return  # a client that cannot say has told us all at the start
    if answer:
        take(server, answer[0])


def take(server: Server, raw: object) -> None:
    """Use settings that arrived; what is wrong in them is told once and keeps its old value."""
    session = server.session
    before = session.settings
    session.settings, problems = read_settings(raw, before)
    for problem in problems:
        server.tell(types.MessageType.Warning, problem)
    if session.catalogue is not None and session.settings.gpu != before.gpu:
        use_device(server)
    if session.settings.target != before.target:
        targets.choose(server, session.settings.target)
    if session.settings != before:
        compiled = before.compiled_evidence.enable and session.ready.is_set()
        if compiled and not session.settings.compiled_evidence.enable:
            session.forget()
        server.look_again_when_quiet()
        server.refresh()


def use_device(server: Server) -> None:
    """Take the device of the settings; an unknown one is told, and the device stays as it was."""
    try:
        devices.choose(server, server.session.settings.gpu)
    except UnknownDevice as error:
        if server.session.device is None:
            devices.choose(server, "")
        kept = server.session.device
        name = kept.name if kept else "none"
        server.tell(types.MessageType.Warning, f"jouleline.gpu: {error}. The GPU stays {name}.")


async def load_devices(server: Server) -> None:
    """Read the device catalogue, off the loop, and take the device of the settings."""
    session = server.session
    try:
        session.catalogue = await asyncio.to_thread(wiring.catalogue)
        use_device(server)
    except (ValueError, OSError) as error:
        status.send(server, "error", str(error))
        server.tell(types.MessageType.Error, f"No bounds can be shown: {error}")
    finally:
        session.ready.set()
