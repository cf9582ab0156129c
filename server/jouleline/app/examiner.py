"""Candidates on their way through gates and judge, each idea once; their programs are kept for measuring."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jouleline.core.candidate import Candidate
from jouleline.core.layout import real_changes
from jouleline.core.ports import content_key
from jouleline.core.verdict import GateResult, Verdict, gates_json, verdict_of
from jouleline.core.workload import Workload

from .build import Built, build
from .journal import Journal, files_key
from .judge import Judge
from .outcome import Attempt
from .program import Program
from .proposals import is_by_a_model
from .recheck import recheck
from .recorded_model import RecordedModel
from .trial import CHANGE
from .turns import Turns
from .verify import Reference, check_candidate


class Scratch:
    """A folder of copies that each have a name of their own."""

    def __init__(self, folder: Path) -> None:
        """Copies are made below ``folder``."""
        self._folder = folder
        self._copies = 0

    def copy(self, name: str) -> Path:
        """A folder that does not exist yet."""
        self._copies += 1
        return self._folder / f"{self._copies:02d}-{name}"


@dataclass
class Examiner:
    """Takes the candidates of one run through the gates and to ``judge``.

    ``circumstances`` is a key for all that a verdict follows from beside the candidate; verdicts are taken
    from ``journal`` where it holds them. ``tell`` hears what is examined. ``judge`` is asked anew where it
    had no opinion.
    """

    program: Program
    workload: Workload
    turns: Turns
    scratch: Scratch
    journal: Journal
    circumstances: str
    judge: RecordedModel | None
    tell: Callable[[str], None]
    _seen: dict[str, str] = field(default_factory=dict)
    _built: dict[str, Built] = field(default_factory=dict)

    async def examined(self, candidate: Candidate, reference: Reference) -> Attempt | None:
        """An attempt with its verdict; None if the same has been tried, comments and white space aside."""
        changes = real_changes(candidate.files, self.program.files)
        if not changes:
            reason = "nothing but comments and white space is changed"
            return Attempt(candidate, Verdict((GateResult(CHANGE, passed=False, reason=reason),)))
        idea = files_key(changes)
        if idea in self._seen:
            self.tell(f"{candidate.name}: the same as what {self._seen[idea]} proposed, so it is tried once")
            self.journal.note("same", proposer=candidate.name, first=self._seen[idea])
            return None
        self._seen[idea] = candidate.name
        self.tell(f"{candidate.name}: {candidate.title}")
        key = files_key(candidate.files)

        async def checked() -> list[Mapping[str, Any]]:
            verdict, built = await check_candidate(
                reference,
                self.program.root,
                candidate.files,
                original=self.program.files,
                runner=self.turns,
                scratch=self.scratch.copy(candidate.name),
                must_differ=True,
            )
            if verdict.accepted and built is not None:
                self._built[key] = built
            return gates_json(verdict)

        gates = await self.journal.once("verdict", content_key(self.circumstances, key), checked)
        verdict = verdict_of(gates)
        if verdict.accepted and self.judge is not None and is_by_a_model(candidate):
            verdict += await Judge(self.judge, self.workload).review(candidate, self.program.files)
        return Attempt(candidate, verdict)

    async def program_of(self, candidate: Candidate) -> Built:
        """The candidate's program; built again where a resumed run found only its verdict.

        Raises:
            BuildError: if it does not build.
        """
        key = files_key(candidate.files)
        if key not in self._built:
            self._built[key] = await build(
                self.program.root,
                candidate.files,
                self.workload,
                self.turns,
                self.scratch.copy(candidate.name),
            )
        return self._built[key]

    async def again(self, candidate: Candidate, reference: Reference) -> GateResult:
        """Run a candidate once more, after it was measured."""
        built = await self.program_of(candidate)
        return await recheck(reference, built, self.turns, self.scratch.copy("recheck"))
