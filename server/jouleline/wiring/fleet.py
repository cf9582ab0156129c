"""Many workers to try candidates on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jouleline import __version__
from jouleline.core.target import Target

from .errors import UnavailableError
from .remote import UnreachableTargetError
from .remote import target as target_named
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
    """The workers of a fleet, asked with the settings of one run; closes the fleet unless it is shared."""

    fleet: Fleet
    settings: MeasureSettings
    sandboxes: tuple[str, ...]
    readable: tuple[str, ...]
    uses_gpu: bool
    shared: bool = False
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
        """What the first worker that is there says of itself; asked once for the same settings.

        Raises:
            RunnerError: if none can be had, or it cannot work.
        """
        from jouleline.app.evaluation import Question

        request = self._request(Question.FACTS)
        if request not in self.fleet.known:
            reply: Reply = self.fleet.wait(request, tell=tell)
            reply.raise_failure()
            self.fleet.known[request] = reply.facts
        found: Place = self.fleet.known[request]
        return found

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
        """Give all nodes back, unless others need them."""
        if not self.shared:
            self.fleet.close()


@contextmanager
def fleet_of(name: str | None) -> Iterator[Fleet | None]:
    """The started fleet that a target names, closed afterwards; None where it names a single machine.

    Raises:
        UnreachableTargetError: if it cannot be started.
        UnavailableError: if there is no such target, or the settings are wrong.
    """
    from jouleline.app.target_settings import FLEET

    described = target_named(name) if name is not None else None
    if described is None or described.runner != FLEET:
        yield None
        return
    with closing(_started(described)) as fleet:
        yield fleet


def _started(target: Target) -> Fleet:
    from jouleline.core.ports import RunnerError
    from jouleline.fleet.workers import Fleet

    from .evaluation import answer

    try:
        return Fleet(target, answer)
    except RunnerError as error:
        raise UnreachableTargetError(str(error)) from error


def edges_of_fleet(
    target: Target,
    settings: MeasureSettings,
    tell: Tell,
    *,
    confined: bool,
    uses_gpu: bool,
    fleet: Fleet | None = None,
) -> dict[str, Any]:
    """What of the loop's tools is a fleet's: a new one, or one that is ``fleet`` already.

    Raises:
        UnreachableTargetError: if there is no worker to be had.
        UnavailableError: if its Jouleline is another than ours.
    """
    from jouleline.core.ports import RunnerError
    from jouleline.fleet.elsewhere import Elsewhere, MeterElsewhere

    backends, readable = sandbox_wanted(confined=confined)
    with ExitStack() as stack:
        if fleet is None:
            tell(f"{target.name}: asking {target.scheduler} for nodes")
        workers = Workers(
            fleet or _started(target), settings, backends, readable, uses_gpu, shared=fleet is not None
        )
        stack.callback(workers.close)
        try:
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
