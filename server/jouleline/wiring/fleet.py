"""Many workers to try candidates on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jouleline import __version__
from jouleline.core.target import Target

from .errors import UnavailableError
from .remote import UnreachableTargetError
from .running import sandbox_wanted

if TYPE_CHECKING:
    from jouleline.app.evaluation import Place, Question, Reply
    from jouleline.app.measure_settings import MeasureSettings
    from jouleline.app.program import Program
    from jouleline.core.candidate import Candidate
    from jouleline.core.workload import Workload
    from jouleline.fleet.workers import Fleet

Tell = Callable[[str], None]


@dataclass
class Workers:
    """The workers of a target, asked with the settings of one run; close it, and the fleet with it."""

    fleet: Fleet
    settings: MeasureSettings
    sandboxes: tuple[str, ...]
    readable: tuple[str, ...]
    uses_gpu: bool
    _roots: dict[str, Path] = field(default_factory=dict)

    def keep(self, key: str, copy: Callable[[Path], None]) -> None:
        """Have a program's folder copied to where workers see it, unless it is there.

        Raises:
            OSError: if that cannot be done.
        """
        root = self.fleet.folder / "programs" / key
        if not root.exists():
            copy(root)
        self._roots[key] = root

    async def ask(
        self,
        question: Question,
        program: Program,
        workload: Workload,
        key: str,
        *,
        candidate: Candidate | None = None,
        name: str = "",
    ) -> Reply:
        """What a worker answers.

        Raises:
            LostWorkerError, FleetError: as the fleet.
        """
        reply: Reply = await self.fleet.run(
            self._request(
                question,
                program=replace(program, root=self._roots[key]),
                workload=workload,
                root=str(program.root),
                candidate=candidate,
                name=name,
            )
        )
        return reply

    def first(self, tell: Tell) -> Place:
        """What the first worker that is there says of itself.

        Raises:
            RunnerError: if none can be had, or it cannot work.
        """
        from jouleline.app.evaluation import Question

        reply: Reply = self.fleet.wait(self._request(Question.FACTS), tell=tell)
        reply.raise_failure()
        assert reply.facts is not None
        return reply.facts

    def _request(self, question: Question, **more: Any) -> object:
        from jouleline.app.evaluation import Request

        return Request(
            question=question,
            settings=self.settings,
            sandboxes=self.sandboxes,
            readable=self.readable,
            uses_gpu=self.uses_gpu,
            **more,
        )

    def close(self) -> None:
        """Give all nodes back."""
        self.fleet.close()


def edges_of_fleet(
    target: Target, settings: MeasureSettings, tell: Tell, *, confined: bool, uses_gpu: bool
) -> dict[str, Any]:
    """What of the loop's tools is a fleet's.

    Raises:
        UnreachableTargetError: if there is no worker to be had.
        UnavailableError: if its Jouleline is another than ours.
    """
    from jouleline.core.ports import RunnerError
    from jouleline.fleet.elsewhere import Elsewhere, MeterElsewhere
    from jouleline.fleet.workers import Fleet

    from .evaluation import answer

    backends, readable = sandbox_wanted(confined=confined)
    with ExitStack() as stack:
        try:
            tell(f"{target.name}: asking {target.scheduler} for nodes")
            workers = Workers(Fleet(target, answer), settings, backends, readable, uses_gpu)
            stack.callback(workers.close)
            first = workers.first(tell)
        except RunnerError as error:
            raise UnreachableTargetError(str(error)) from error
        if first.version != __version__:
            raise UnavailableError(
                f"target {target.name}: Jouleline is {first.version} on {first.node} and {__version__} here; "
                "use one environment that both share"
            )
        stack.pop_all()
    note = f"up to {workers.fleet.places} workers tried candidates (target {target.name})"
    return {
        "runner": Elsewhere(first.runner.removesuffix(f" on {first.node}"), first.guarantees, target.name),
        "meter": MeterElsewhere(first.meter),
        "notes": (note, *first.notes),
        "gpu": first.gpu,
        "host": first.host.name,
        "device": first.host,
        "machine": workers,
        "fleet": workers,
    }
