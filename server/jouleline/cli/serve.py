"""``jouleline serve``: the language server."""

from __future__ import annotations

import argparse

from .exit_codes import Exit, UserError


def configure(parser: argparse.ArgumentParser) -> None:
    """Say where to listen."""
    parser.add_argument(
        "--tcp",
        metavar="[HOST:]PORT",
        help="serve one client over TCP instead of standard input and output (host: 127.0.0.1)",
    )
    parser.add_argument("--stdio", action="store_true", help="serve over standard input and output (default)")


def run(options: argparse.Namespace) -> int:
    """Serve until the client ends the session."""
    from jouleline import wiring

    try:
        return wiring.serve(_address(options.tcp) if options.tcp else None)
    except wiring.UnavailableError as error:
        raise UserError(f"--tcp {options.tcp}: {error}", Exit.FAILED) from None


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise UserError(f"--tcp {text}: give a port, or host:port")
    return host.strip("[]") or "127.0.0.1", int(port)
