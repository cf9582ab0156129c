"""Answers of models are read leniently in form, and never guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.answer import Answer, read_answer, vote
from jouleline.core.roofline import BoundKind

COMPUTE, BANDWIDTH = BoundKind.COMPUTE, BoundKind.BANDWIDTH


@pytest.mark.parametrize(
    ("text", "kind", "probability"),
    [
        ("Compute", COMPUTE, None),
        ("bandwidth 0.8", BANDWIDTH, 0.8),
        ("**Bandwidth-bound**", BANDWIDTH, None),
        ("Answer: **Compute** (90%)", COMPUTE, 0.9),
        ("```\nBandwidth 0.75\n```", BANDWIDTH, 0.75),
        ("Many operations a byte.\n\nFinal answer: Compute-bound, probability 0.9.", COMPUTE, 0.9),
        ("Compute could be.\nBandwidth 0.7\n\nI hope this helps!", BANDWIDTH, 0.7),
        ("<think>Compute\nCompute</think>\nBandwidth", BANDWIDTH, None),
        ("Verdict: memory-bound\nProbability: 85%", BANDWIDTH, 0.85),
        ('{"bound": "compute", "probability": 0.9}', COMPUTE, 0.9),
        ('{\n  "bound": "compute",\n  "probability": 0.9\n}', COMPUTE, 0.9),
        (r"$\boxed{\text{Bandwidth}}$", BANDWIDTH, None),
        ("The kernel is memory-bound, since it streams two arrays.", BANDWIDTH, None),
        ("Bandwidth\r\n", BANDWIDTH, None),
        ("Compute 0.2", COMPUTE, 0.5),
        ("Compute 900", COMPUTE, None),
    ],
)
def test_a_verdict_is_read_in_many_forms(text: str, kind: BoundKind, probability: float | None) -> None:
    assert read_answer(text) == Answer(kind, probability)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I cannot tell.",
        "Compute or Bandwidth",
        "Compute/Bandwidth",
        "It is not compute-bound.",
        "It isn\u2019t compute-bound.",
        "Compute-bound: no",
        "It might be bandwidth-bound.",
        "Between compute-bound and bandwidth-bound.",
        "<think>\nCompute",
        "We compare the intensity with the compute",
        "sp 33 dp 0.5 int 16",
    ],
)
def test_what_is_no_verdict_is_not_guessed(text: str) -> None:
    assert read_answer(text) is None


@given(
    reasoning=st.text(max_size=300).filter(lambda text: "<" not in text),
    word=st.sampled_from(["Compute", "Bandwidth"]),
    percent=st.integers(50, 100),
)
def test_a_last_line_as_asked_for_is_read_whatever_stands_before(
    reasoning: str, word: str, percent: int
) -> None:
    read = read_answer(f"{reasoning}\n{word} {percent / 100}")
    assert read == Answer(BoundKind(word.lower()), percent / 100)


@given(st.text())
def test_any_text_is_read_or_not_without_an_error(text: str) -> None:
    read = read_answer(text)
    assert read is None or read.probability is None or 0.5 <= read.probability <= 1


@given(st.text(alphabet=st.characters(exclude_characters="cCbBmM")))
def test_a_text_that_names_no_class_has_no_verdict(text: str) -> None:
    assert read_answer(text) is None


@pytest.mark.parametrize(
    ("answers", "kind", "probability"),
    [
        ([Answer(COMPUTE)], COMPUTE, 2 / 3),
        ([Answer(BANDWIDTH)] * 3 + [Answer(COMPUTE)], BANDWIDTH, 4 / 6),
        ([Answer(COMPUTE, 0.9), Answer(COMPUTE)], COMPUTE, 3 / 4),
        ([Answer(COMPUTE, 0.9)], COMPUTE, 0.9),
        ([Answer(COMPUTE, 0.9), Answer(COMPUTE, 0.8), Answer(BANDWIDTH, 0.6)], COMPUTE, 2.1 / 3),
    ],
)
def test_probabilities_are_stated_ones_averaged_else_the_share_of_votes(
    answers: list[Answer], kind: BoundKind, probability: float
) -> None:
    agreed = vote(answers)
    assert agreed is not None
    assert agreed.kind is kind
    assert agreed.probability == pytest.approx(probability)


def test_an_even_split_is_no_verdict() -> None:
    assert vote([Answer(COMPUTE, 0.9), Answer(BANDWIDTH, 0.6)]) is None
    assert vote([]) is None


@given(
    st.lists(
        st.builds(Answer, st.sampled_from(BoundKind), st.none() | st.floats(0.5, 1)), min_size=1, max_size=9
    )
)
def test_a_vote_is_with_the_majority_and_its_probability_is_one(answers: list[Answer]) -> None:
    agreed = vote(answers)
    if agreed is None:
        assert sum(answer.kind is COMPUTE for answer in answers) * 2 == len(answers)
    else:
        assert sum(answer.kind is agreed.kind for answer in answers) * 2 > len(answers)
        assert agreed.probability is not None
        assert 0.5 <= agreed.probability <= 1
