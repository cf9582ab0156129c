"""What goes wrong between two machines, each with its sentence for the user."""

from __future__ import annotations

from jouleline.core.ports import RunnerError


class UnreachableError(RunnerError):
    """The other machine cannot be worked with: not reached, not let in, or it lacks something."""


class ConnectionLostError(RunnerError):
    """The connection ended while something was going on."""
