"""Read a model's answer to "compute or bandwidth?": leniently in form, never by guessing.

Asked for a last line such as ``Bandwidth 0.8``, models add markup, reasons, other words for the same
thing, or JSON. What can be read in two ways is not read at all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .roofline import BoundKind


@dataclass(frozen=True, slots=True)
class Answer:
    """A verdict, and the probability of being right that the model states (None if it states none)."""

    kind: BoundKind
    probability: float | None = None

    @property
    def probability_compute(self) -> float | None:
        """The stated probability, as that of being compute-bound."""
        if self.probability is None:
            return None
        return self.probability if self.kind is BoundKind.COMPUTE else 1 - self.probability


_REASONING: Final = re.compile(r"<(think|thinking|reasoning)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_UNFINISHED: Final = re.compile(r"<(?:think|thinking|reasoning)>.*", re.DOTALL | re.IGNORECASE)
_CLASS: Final = r"(?P<{}>compute|bandwidth|memory(?:[ -]bandwidth)?)(?:[ -]?(?:bound|limited))?\b"
_PROBABILITY: Final = (
    r"(?:(?:probability|confidence|certainty|p)\W{0,3}(?:of\s+\w+\W{0,3})?(?:is\W{0,2}|=\W{0,2})?)?"
    r"(?P<number>\d{1,3}(?:\.\d+)?|\.\d+)\s?(?P<percent>%)?"
)
_LEAD: Final = (
    r"(?:(?:the |my )?(?:final |overall )?"
    r"(?:answer|verdict|classification|prediction|conclusion|bound|label|class|result|kernel)"
    r"(?:\W{0,3}is)?\W{0,3})*"
)
# A line that says nothing but the verdict.
_VERDICT: Final = re.compile(
    rf"{_LEAD}{_CLASS.format('verdict')}(?:\W{{1,4}}(?:with (?:a )?)?{_PROBABILITY})?\W*", re.IGNORECASE
)
_ONLY_PROBABILITY: Final = re.compile(rf"{_PROBABILITY}\W*", re.IGNORECASE)
_MENTION: Final = re.compile(
    r"\b(?:(?P<compute>comput(?:e|ation(?:al(?:ly)?)?))|(?P<bandwidth>bandwidth|memory))"
    r"(?:[ -]bandwidth)?[ -](?:bound|limited)\b",
    re.IGNORECASE,
)
_DOUBT: Final = re.compile(
    r"\b(?:no|not|neither|nor|never|unlikely|cannot|unless|if|whether|or|either|both|could|might|may|would|"
    r"unclear|unknown|unsure|between|depends)\b|n't\b|n\u2019t\b",
    re.IGNORECASE,
)
_LATEX: Final = re.compile(r"\\(?:boxed|text|textbf|mathbf|mathrm)\b")
_MARKUP: Final = re.compile(r"[*_`#>~\"'{}\[\]()$\\|]+")


def read_answer(text: str) -> Answer | None:
    """The verdict of an answer, or None if it has none that can be read.

    The last line that is nothing but a verdict counts. Where there is none, the last line does if it
    names one class alone and without doubt or negation.
    """
    text = _UNFINISHED.sub(" ", _REASONING.sub(" ", text))
    lines = [line for line in (_plain(line) for line in text.splitlines()) if line]
    for index in range(len(lines) - 1, -1, -1):
        if match := _VERDICT.fullmatch(lines[index]):
            stated = _probability(match)
            if stated is None and index + 1 < len(lines):
                following = _ONLY_PROBABILITY.fullmatch(lines[index + 1])
                stated = _probability(following) if following else None
            return Answer(_kind(match["verdict"]), stated)
    return _mentioned(lines[-1]) if lines else None


def _plain(line: str) -> str:
    """A line without markup: bold, quotes, JSON's braces, list marks, LaTeX's commands."""
    return " ".join(_MARKUP.sub(" ", _LATEX.sub(" ", line)).split()).strip(" \t-,;:.!")


def _mentioned(line: str) -> Answer | None:
    sentence = re.split(r"[.!?]\s+", line)[-1]
    found = {
        BoundKind.COMPUTE if match["compute"] else BoundKind.BANDWIDTH
        for match in _MENTION.finditer(sentence)
    }
    if len(found) != 1 or _DOUBT.search(sentence):
        return None
    return Answer(found.pop())


def _kind(word: str) -> BoundKind:
    return BoundKind.COMPUTE if word.lower() == "compute" else BoundKind.BANDWIDTH


def _probability(match: re.Match[str]) -> float | None:
    """A stated probability from 0.5 to 1: of two classes, the one that is named is the likelier."""
    if not match["number"]:
        return None
    value = float(match["number"])
    if match["percent"] or value > 1:
        value /= 100
    return max(0.5, value) if value <= 1 else None


def vote(answers: Sequence[Answer]) -> Answer | None:
    """Several answers as one, with a probability; None if they split evenly or there are none.

    The probability is the mean of the stated ones. Where one states none, it is the share of votes by
    the rule of succession, (k + 1) / (n + 2): one bare word is worth 2/3, not certainty.
    """
    compute = sum(answer.kind is BoundKind.COMPUTE for answer in answers)
    if 2 * compute == len(answers):
        return None
    kind = BoundKind.COMPUTE if 2 * compute > len(answers) else BoundKind.BANDWIDTH
    votes = compute if kind is BoundKind.COMPUTE else len(answers) - compute
    stated = [answer.probability_compute for answer in answers if answer.probability_compute is not None]
    if len(stated) < len(answers):
        return Answer(kind, (votes + 1) / (len(answers) + 2))
    mean = sum(stated) / len(stated)
    return Answer(kind, max(0.5, mean if kind is BoundKind.COMPUTE else 1 - mean))
