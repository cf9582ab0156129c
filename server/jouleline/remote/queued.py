"""In a scheduler's allocation: one for all that is asked of a machine, from the login node or from here."""

from __future__ import annotations

import json
from collections.abc import Sequence

from jouleline.core.target import Target

from .launcher import script, shell
from .ssh import explained, remote_command

_JOB = "jouleline-{}"


class Queued:
    """Starts an agent by the scheduler ``target.runner``, whose commands are on ``target.host``."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def command(self, session: str, lease_s: float, predecessor: str) -> Sequence[str]:
        """A relay where jobs are submitted, which has the agent run where they run."""
        target = self._target
        relay = [
            "relay", target.runner, json.dumps(_options(target)), str(lease_s), _JOB.format(session),
            _JOB.format(predecessor) if predecessor else "",
        ]  # fmt: skip
        # An agent that served before was another job's, which the relay takes back.
        words = shell(target, script(target, [session, str(lease_s)], relay))
        return remote_command(target, words) if target.host else ["sh", "-c", words]

    def explain(self, code: int, said: str) -> str:
        """Why there is no agent, or none any more."""
        return explained(self._target, code, said)


def _options(target: Target) -> list[str]:
    """The table's words as options; those of the user's own come last and win."""
    said = {"partition": target.queue, "account": target.account, "time": target.minutes}
    return [*(f"--{name}={value}" for name, value in said.items() if value), *target.options]
