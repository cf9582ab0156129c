"""Few-shot examples: what they say is what our samples say, and none gives its own question away."""

from __future__ import annotations

import importlib.util
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.app.examples import choose, own_examples
from jouleline.app.question import Example, reasoned
from jouleline.core.folds import base_program
from jouleline.core.ports import Role
from jouleline.core.roofline import BoundKind
from jouleline.wiring import catalogue

ROOT = Path(__file__).resolve().parents[2]
KNOWN = tomllib.loads((ROOT / "samples" / "known.toml").read_text("utf-8"))["kernel"]
PAPER = catalogue().get("rtx-3080-paper")


def test_the_examples_are_those_of_the_samples_as_they_are_now() -> None:
    path = ROOT / "tools" / "few_shot_examples.py"
    spec = importlib.util.spec_from_file_location("few_shot_examples", path)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert _but_launches(tool.EXAMPLES.read_text("utf-8")) == _but_launches(tool.text()), (
        "run tools/few_shot_examples.py"
    )


def _but_launches(text: str) -> list[str]:
    """How well launches are found changes more often than the samples do, and is tested elsewhere."""
    return [line for line in text.splitlines() if not line.startswith("launch = ")]


def test_the_examples_have_the_known_bounds() -> None:
    assert [str(example.answer(PAPER)) for example in own_examples()] == [one["bound"] for one in KNOWN]


@given(
    example=st.sampled_from(own_examples()),
    shots=st.integers(0, 20),
    program=st.sampled_from(["jacobi-cuda", "jacobi-omp", "matmul-hip", "new-cuda"]),
)
def test_no_example_is_of_the_questions_base_program_nor_has_its_source(
    example: Example, shots: int, program: str
) -> None:
    asked = replace(example.question, program=program)
    chosen = choose(own_examples(), asked, shots, PAPER)
    assert len(chosen) <= shots
    assert len(set(map(id, chosen))) == len(chosen)
    assert base_program(program) not in {base_program(one.question.program) for one in chosen}
    assert asked.source not in {one.question.source for one in chosen}


def test_the_classes_take_turns_and_the_questions_language_comes_first() -> None:
    (cuda,) = (one for one in own_examples() if one.question.program == "jacobi-cuda")
    chosen = choose(own_examples(), cuda.question, 4, PAPER)
    assert [one.answer(PAPER) for one in chosen] == [BoundKind.COMPUTE, BoundKind.BANDWIDTH] * 2
    assert [one.question.language for one in chosen[:2]] == ["CUDA", "CUDA"]


def test_an_answer_follows_from_the_counts_on_the_device_that_is_asked_about() -> None:
    first = own_examples()[0]  # 2.2 dp operations a byte
    assert first.answer(PAPER) is BoundKind.COMPUTE
    assert first.answer(catalogue().get("a100-sxm4-40gb")) is BoundKind.BANDWIDTH


def test_an_example_is_an_earlier_turn_that_ends_as_asked_for() -> None:
    question, example = own_examples()[3].question, own_examples()[0]
    system, asked, solved, last = reasoned(question, PAPER, (example,))
    assert [one.role for one in (system, asked, solved, last)] == [
        Role.SYSTEM,
        Role.USER,
        Role.ASSISTANT,
        Role.USER,
    ]
    assert solved.content.splitlines()[-1] == "Compute 0.9"
    assert "dp 4.4" in solved.content
    assert asked.content.splitlines()[-1] == last.content.splitlines()[-1]


@pytest.mark.parametrize("text", ["32.97 FLOP/byte", "0.5152 FLOP/byte", "16.49 op/byte", "760.3 GB/s"])
def test_a_question_holds_the_hardware(text: str) -> None:
    assert text in reasoned(own_examples()[0].question, PAPER)[-1].content
