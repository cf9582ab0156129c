"""Choose the machine that refactorings run on: a target of the user's own file, or this one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from jouleline import wiring
from jouleline.app.workload import WORKLOAD_FILE

from . import arguments, status

if TYPE_CHECKING:
    from .server import Server

LIST: Final = "jouleline.targets"
SELECT: Final = "jouleline.selectTarget"


def register(server: Server) -> None:
    """Add the commands to a server."""

    @server.command(LIST)
    async def targets(_: types.ExecuteCommandParams) -> dict[str, Any]:
        described = await asyncio.to_thread(_described)
        file = str(wiring.config_folder() / WORKLOAD_FILE)
        return {"current": server.jobs.target, "file": file, "targets": described}

    @server.command(SELECT)
    async def select_target(params: types.ExecuteCommandParams) -> dict[str, str]:
        name = arguments.text(
            params, "target", f'{SELECT} takes one argument: {{"target": "a target\'s name"}}'
        )
        if name:
            try:
                await asyncio.to_thread(wiring.target, name)
            except wiring.UnavailableError as error:
                raise JsonRpcInvalidParams(str(error)) from None
        choose(server, name)
        return {"target": name}


def choose(server: Server, name: str) -> None:
    """Refactor there from now on; the empty name is this machine. Whether it is there is seen then."""
    if server.jobs.target != name:
        server.jobs.target = name
        status.send(server)


def _described() -> list[dict[str, str]]:
    """The user's targets as a picker shows them; one that is wrong says why."""
    try:
        names = wiring.target_names()
    except wiring.UnavailableError as error:
        raise JsonRpcInvalidParams(str(error)) from None
    return [_one(name) for name in names]


def _one(name: str) -> dict[str, str]:
    try:
        found = wiring.target(name)
    except wiring.UnavailableError as error:
        return {"name": name, "runner": "", "host": "", "problem": str(error)}
    return {"name": name, "runner": found.runner, "host": found.host, "problem": ""}
