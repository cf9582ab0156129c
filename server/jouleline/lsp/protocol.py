"""pygls' protocol with its corners mended."""

from __future__ import annotations

import json
import logging
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from lsprotocol import types
from pygls.exceptions import FeatureNotificationError, JsonRpcInvalidParams
from pygls.protocol import LanguageServerProtocol, lsp_method
from pygls.protocol.json_rpc import JsonRPCNotification, JsonRPCRequestMessage, JsonRPCResponseMessage

if TYPE_CHECKING:
    from .server import Server


_log = logging.getLogger(__name__)

_PARSE_ERROR: Final = -32700
_INVALID_REQUEST: Final = -32600
_INVALID_PARAMS: Final = -32602
_NOT_INITIALIZED: Final = -32002


@dataclass(frozen=True)
class Plain:
    """A result that is JSON already: converting hundreds of hints takes longer than finding them."""

    value: Any


class Protocol(LanguageServerProtocol):
    """What pygls does otherwise, or not at all.

    Documents live in our session alone; commands can be cancelled by ``$/cancelRequest``;
    ``shutdown`` waits until every run has ended; ``exit`` ends the loop instead of the interpreter.
    """

    _server: Server

    _answered: str | int | None = None

    def take(self, body: bytes, *, answered: bool = False) -> None:
        """Handle one message. One that is none, or has not the shape of its kind, is answered with an error.

        ``answered``: it is the ``initialize`` that the greeting has answered.
        """
        try:
            raw = json.loads(body)
        except (ValueError, RecursionError):
            self._send_error(None, _PARSE_ERROR, "this is no JSON")
            return
        if not isinstance(raw, dict) or raw.get("jsonrpc") != self.VERSION:
            self._send_error(None, _INVALID_REQUEST, "this is no message of JSON-RPC 2.0")
            return
        method, number = raw.get("method"), raw.get("id")
        if not all(isinstance(one, str | int | None) for one in (number, _cancelled(raw))):
            self._send_error(None, _INVALID_REQUEST, "the id of a message is a number or a string")
            return
        if self._workspace is None and method not in (None, types.INITIALIZE, types.EXIT):
            if number is not None:
                self._send_error(number, _NOT_INITIALIZED, f"{method} came before initialize")
            return
        if self._shutdown and number is not None and method is not None:
            self._send_error(number, _INVALID_REQUEST, f"{method} came after shutdown")
            return
        if answered:
            self._answered = number
        try:
            message = self.understood(raw)
        except Exception as error:  # noqa: BLE001 - there is no end to what can be wrong with a message
            if answered:
                message = self._converter.structure(_bare(raw), types.InitializeRequest)
            elif method is not None and number is not None:
                self._send_error(number, _INVALID_PARAMS, f"{method} has parameters of another shape")
                return
            else:
                _log.warning("%s was passed over: %s", method or "an answer", type(error).__name__)
                return
        self.handle_message(message)

    def handle_message(self, message: Any) -> None:
        """Have a message handled by what its kind is for, in a context of its own.

        To ask whether it satisfies one ``typing.Protocol`` after the other takes longer than all else here.
        """
        method = getattr(message, "method", None)
        if self._shutdown and method != types.EXIT:
            _log.warning("%s came after shutdown", method or "an answer")
            return
        run = copy_context().run
        if method is None:
            result, error = getattr(message, "result", None), getattr(message, "error", None)
            run(self._handle_response, message.id, result, error)
        elif hasattr(message, "id"):
            run(self._handle_request, message.id, method, message.params)
        else:
            run(self._handle_notification, method, message.params)

    def understood(self, raw: dict[str, Any]) -> Any:
        """A message as an object of its kind; it raises one error or another if it has not that shape."""
        return self._converter.structure(raw, self._kind(raw))

    def _kind(self, raw: dict[str, Any]) -> type[Any]:
        """The class of a message."""
        if "method" in raw:
            unknown = JsonRPCRequestMessage if "id" in raw else JsonRPCNotification
            return self.get_message_type(raw["method"]) or unknown
        if "error" in raw:
            return types.ResponseErrorMessage
        return self._result_types.pop(raw["id"], None) or JsonRPCResponseMessage

    def _send_error(self, number: object, code: int, message: str) -> None:
        self._send_data({"jsonrpc": self.VERSION, "id": number, "error": {"code": code, "message": message}})

    @property
    def told_to_shut_down(self) -> bool:
        """Whether ``shutdown`` came before the end."""
        return bool(self._shutdown)

    def _handle_notification(self, method_name: str, params: Any) -> None:
        """What documents are told goes to our session, which alone keeps them, and at once.

        pygls would keep them as well, and make a future of each call.
        """
        handler = self.fm.features.get(method_name)
        if handler is None or not method_name.startswith("textDocument/"):
            super()._handle_notification(method_name, params)
            return
        try:
            handler(params)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told, and the next one handled
            _log.exception("%s failed", method_name)
            self._server.report_server_error(error, FeatureNotificationError)

    # pygls runs generators, coroutines and plain functions alike; its annotations know generators.
    @lsp_method(types.WORKSPACE_EXECUTE_COMMAND)
    async def lsp_workspace__execute_command(  # type: ignore[override]
        self, params: types.ExecuteCommandParams
    ) -> Any:
        """Run a command in the task that belongs to the request, so that a cancel reaches it."""
        command = self.fm.commands.get(params.command)
        if command is None:
            raise JsonRpcInvalidParams(f"unknown command {params.command}")
        return await command(params)

    @lsp_method(types.SHUTDOWN)
    async def lsp_shutdown(self, *_: Any) -> None:  # type: ignore[override]
        await self._server.stop()
        self._shutdown = True

    @lsp_method(types.EXIT)
    def lsp_exit(self, *_: Any) -> None:  # type: ignore[override]
        self._server.ended.set()

    def _send_response(
        self, msg_id: str | int, result: Any | None = None, error: types.ResponseError | None = None
    ) -> None:
        if msg_id == self._answered:
            self._answered = None
        elif error is None and isinstance(result, Plain):
            self._send_data({"jsonrpc": self.VERSION, "id": msg_id, "result": result.value})
        else:
            super()._send_response(msg_id, result, error)

    def _handle_response(
        self, msg_id: str | int, result: Any | None = None, error: types.ResponseError | None = None
    ) -> None:
        # An answer to a question that was cancelled is late, not wrong.
        future = self._request_futures.get(msg_id)
        if future is not None and future.cancelled():
            self._request_futures.pop(msg_id, None)
            return
        super()._handle_response(msg_id, result, error)


def _cancelled(raw: dict[str, Any]) -> object:
    """The id of the request that a message ends, if it is one that does."""
    params = raw.get("params")
    if raw.get("method") != types.CANCEL_REQUEST or not isinstance(params, dict):
        return None
    return params.get("id")


def _bare(request: dict[str, Any]) -> dict[str, Any]:
    """A request to initialize with what has been understood of it."""
    general = request["params"]["capabilities"].get("general") or {}
    offered = [one for one in general.get("positionEncodings") or () if isinstance(one, str)]
    capabilities = {"general": {"positionEncodings": offered}} if offered else {}
    params = {"processId": None, "rootUri": None, "capabilities": capabilities}
    return {**request, "params": params}
