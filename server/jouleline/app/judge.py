"""A model's opinion of a candidate that passed every gate: it may reject or comment, nothing more."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from jouleline.core.candidate import Candidate, patch
from jouleline.core.ports import LanguageModel, Message, ModelError, Role
from jouleline.core.verdict import GateResult
from jouleline.core.workload import Workload

from . import refactor_prompts as prompts

GATE: Final = "judge"
_VERDICT: Final = re.compile(r"^[\s>*_#-]*VERDICT\W*?(accept|reject)", re.IGNORECASE | re.MULTILINE)
_REASON: Final = re.compile(r"^[\s>*_#-]*REASON\s*[*_]*\s*:\s*(.+)$", re.IGNORECASE | re.MULTILINE)
_MOST: Final = 400
_ASKED: Final = 2
_AGAIN: Final = "Answer with two lines: REASON: and a sentence, then VERDICT: accept or VERDICT: reject."
NO_OPINION: Final = "no opinion"
"""How the reason begins where the judge could not be asked."""


@dataclass(frozen=True)
class Judge:
    """Asks a model to review a change."""

    model: LanguageModel
    workload: Workload

    async def review(self, candidate: Candidate, baseline: Mapping[str, bytes]) -> GateResult:
        """The opinion as a last gate; where there is none, the candidate passes with a warning."""
        request = prompts.ask(
            "judge",
            title=candidate.title,
            why=" ".join(dict.fromkeys(one.rationale for one in candidate.rewrites)),
            diff=prompts.fenced(patch(baseline, candidate.files), "diff"),
            files=prompts.file_texts({name: baseline[name] for name in candidate.files if name in baseline}),
            tolerance=prompts.tolerance_words(self.workload.tolerance),
        )
        turns = [prompts.system(), request]
        said = ""
        try:
            for _ in range(_ASKED):
                said = (await self.model.complete(turns)).text
                if _VERDICT.search(said):
                    break
                turns += [Message(Role.ASSISTANT, said or "..."), Message(Role.USER, _AGAIN)]
        except ModelError as error:
            return GateResult(GATE, passed=True, reason=f"{NO_OPINION}: {error}", warning=True)
        verdicts = _VERDICT.findall(said)
        reason = _REASON.search(said)
        words = (reason[1].strip() if reason else "no reason given")[:_MOST]
        if not verdicts:
            return GateResult(
                GATE,
                passed=True,
                reason=f"{self.model.name} gave no verdict",
                warning=True,
                detail=said[:_MOST],
            )
        passed = verdicts[-1].lower() == "accept"
        return GateResult(GATE, passed=passed, reason=f"{self.model.name}: {words}")
