"""What can go wrong with a fleet, in words for its user."""

from __future__ import annotations

from jouleline.core.ports import RunnerError


class FleetError(RunnerError):
    """No worker can be had; the message says why and what to do."""
