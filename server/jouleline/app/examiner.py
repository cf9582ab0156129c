"""Candidates on their way through gates and judge, each idea once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from jouleline.core.candidate import Candidate
from jouleline.core.layout import real_changes
from jouleline.core.verdict import GateResult, Verdict
from jouleline.core.workload import Workload

from .bench import Bench
from .journal import Journal, files_key
from .judge import Judge
from .outcome import Attempt
from .program import Program
from .proposals import is_by_a_model
from .recorded_model import RecordedModel
from .trial import CHANGE


@dataclass
class Examiner:
    """Takes the candidates of one run through the gates of ``bench`` and to ``judge``.

    What is the same as before is noted in ``journal``, and ``tell`` hears what is examined. ``judge`` is
    asked anew where it had no opinion.
    """

    program: Program
    workload: Workload
    bench: Bench
    journal: Journal
    judge: RecordedModel | None
    tell: Callable[[str], None]
    _seen: dict[str, str] = field(default_factory=dict)

    async def examined(self, candidate: Candidate) -> Attempt | None:
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
        verdict = await self.bench.verdict(candidate)
        if verdict.accepted and self.judge is not None and is_by_a_model(candidate):
            verdict += await Judge(self.judge, self.workload).review(candidate, self.program.files)
        return Attempt(candidate, verdict)
