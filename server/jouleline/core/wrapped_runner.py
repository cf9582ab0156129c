"""What a runner that does something around another one's jobs has of that one."""

from __future__ import annotations

from dataclasses import dataclass

from .ports import Runner


@dataclass
class WrappedRunner:
    """Goes by the name of ``runner`` and guarantees what that does: what is around it changes no result."""

    runner: Runner

    @property
    def name(self) -> str:
        """The runner's own name."""
        return self.runner.name

    @property
    def guarantees(self) -> tuple[str, ...]:
        """The runner's own guarantees."""
        return self.runner.guarantees
