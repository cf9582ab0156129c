"""The server: what it keeps, and the features it has."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from threading import Event
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.protocol import default_converter

from jouleline import __version__
from jouleline.config import SECTION

from . import (
    code_action,
    code_lens,
    configuration,
    convert,
    devices,
    diagnostics,
    found,
    hover,
    inlay_hints,
    pages,
    profile_import,
    quick_fix,
    refactor,
    symbols,
    sync,
    targets,
)
from .client import Client
from .compilation import Compilation
from .diagnostics import Diagnostics
from .foresight import Foresight
from .jobs import Jobs
from .protocol import Protocol
from .session import Session
from .settling import Settling
from .texts import to_folders

_log = logging.getLogger(__name__)
_FEATURES = (
    sync,
    configuration,
    inlay_hints,
    hover,
    code_lens,
    code_action,
    quick_fix,
    diagnostics,
    symbols,
    devices,
    pages,
    profile_import,
    targets,
    refactor,
)


class Server(LanguageServer):
    """One server for one editor."""

    protocol: Protocol

    def __init__(self, earlier: Session | None = None) -> None:
        super().__init__(
            "jouleline",
            __version__,
            protocol_cls=Protocol,
            converter_factory=default_converter,
        )
        self.session = Session(earlier)
        self.jobs = Jobs()
        self.compilation = Compilation(self)
        self.diagnostics = Diagnostics(self)
        self.settling = Settling(self)
        self.foresight = Foresight(self)
        self.ended = Event()
        self._tasks: set[asyncio.Task[None]] = set()
        _register(self)
        for module in _FEATURES:
            module.register(self)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something in the background."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("work in the background failed", exc_info=error)

    async def stop(self) -> None:
        """End all runs with their processes, and what goes on in the background."""
        for background in (self.compilation, self.diagnostics, self.settling, self.foresight):
            background.stop()
        await self.jobs.stop()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def tell(self, kind: types.MessageType, message: str) -> None:
        """Show one message to the user."""
        self.window_show_message(types.ShowMessageParams(type=kind, message=message))

    def look_again_when_quiet(self) -> None:
        """Something changed: what goes on in the background is outdated, and begins anew in a while."""
        self.compilation.restart()
        self.diagnostics.restart()
        self.settling.restart()
        self.foresight.follow()

    def refresh(self) -> None:
        """Have the editor ask for hints and lenses anew, if it can.

        Until there is a device, what it asked is still waiting; what was kept and told is looked into.
        """
        if not self.session.ready.is_set():
            return
        if self.session.client.refresh_hints:
            self.workspace_inlay_hint_refresh(None)
        if self.session.client.refresh_lenses:
            self.workspace_code_lens_refresh(None)


def _register(server: Server) -> None:
    session = server.session

    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        session.client = Client.of(params.capabilities, params.client_info.name if params.client_info else "")
        session.encoding = convert.encoding_of(server.workspace.position_encoding)
        _use_folders(server)
        configuration.take(server, params.initialization_options)
        server.start(configuration.load_devices(server))

    @server.feature(types.INITIALIZED)
    def initialized(_: types.InitializedParams) -> None:
        server.start(_introduce(server))

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def did_change_workspace_folders(_: types.DidChangeWorkspaceFoldersParams) -> None:
        _use_folders(server)
        sync.look_again(server)


def _use_folders(server: Server) -> None:
    workspace = server.workspace
    uris = [folder.uri for folder in workspace.folders.values()] or [workspace.root_uri or ""]
    server.session.folders = to_folders(uris)


async def _introduce(server: Server) -> None:
    """Register for what can only be registered later, and ask for the settings."""
    client = server.session.client
    registrations = []
    if client.configuration_registration:
        registrations.append(
            types.Registration(
                id="jouleline/configuration",
                method=types.WORKSPACE_DID_CHANGE_CONFIGURATION,
                register_options=types.DidChangeConfigurationRegistrationOptions(section=SECTION),
            )
        )
    if client.watch_registration:
        registrations.append(
            types.Registration(
                id="jouleline/files",
                method=types.WORKSPACE_DID_CHANGE_WATCHED_FILES,
                register_options=types.DidChangeWatchedFilesRegistrationOptions(watchers=sync.watchers()),
            )
        )
    if registrations:
        with suppress(JsonRpcException):
            await server.client_register_capability_async(types.RegistrationParams(registrations))
    if client.configuration:
        await configuration.pull(server)
    await found.take_up(server, server.session.folders)
