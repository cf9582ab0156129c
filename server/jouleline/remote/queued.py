"""In a scheduler's allocation: one for all that is asked of a machine, from the login node or from here."""

from __future__ import annotations

from collections.abc import Sequence

from jouleline.agent.scheduler import Wanted
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
            "relay", target.runner, _wanted(target).json(), str(lease_s), _JOB.format(session),
            _JOB.format(predecessor) if predecessor else "",
        ]  # fmt: skip
        # An agent that served before was another job's, which the relay takes back.
        words = shell(target, script(target, [session, str(lease_s)], relay))
        return remote_command(target, words) if target.host else ["sh", "-c", words]

    def explain(self, code: int, said: str) -> str:
        """Why there is no agent, or none any more."""
        return explained(self._target, code, said)


def _wanted(target: Target) -> Wanted:
    return Wanted(target.queue, target.account, target.minutes, target.options, target.wait_minutes)
