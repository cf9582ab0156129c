"""A model's opinions of a program's kernels, asked over real HTTP on loopback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jouleline.app.analyse import Analysis, analyse, parse_files, split_run_line
from jouleline.app.cached_model import CachedModel
from jouleline.app.evidence import Refinement, refined
from jouleline.app.model_bound import ModelBounds, ModelScenario
from jouleline.app.program import Program
from jouleline.cache import DiskCache
from jouleline.core.counts import Evidence
from jouleline.core.model_settings import ModelSettings
from jouleline.core.ports import Cache, LanguageModel
from jouleline.core.roofline import BoundKind
from jouleline.models.openai_compatible import OpenAICompatibleModel
from jouleline.wiring import catalogue
from tests.support.openai_server import KEY, Double, refused, said

SOURCE = b"""
#define SCALE 3.0f
struct Point { float x; float y; };
template <typename T>
__device__ T weighted(T a) { return a * SCALE; }
__global__ void copy(float* a, const float* b) { a[blockIdx.x] = weighted(b[blockIdx.x]); }
__global__ void spin(Point* p, int n) { for (int i = 0; i < n; i++) p->x = sqrtf(p->x); }
int unrelated() { return 5; }
int main(int argc, char** argv) {
  int n = atoi(argv[1]);
  copy<<<n, 1>>>(0, 0);
  spin<<<2, 32>>>(0, n);
}
"""


def analysed(source: bytes = SOURCE) -> tuple[Analysis, Program]:
    files = {"main.cu": source}
    parsed, _ = parse_files(files)
    analysis = analyse(parsed, catalogue().get("rtx-3080-paper"), split_run_line("1000"))
    return analysis, Program(Path("/somewhere/zebra-cuda"), files)


def model(double: Double, **changes: Any) -> OpenAICompatibleModel:
    return OpenAICompatibleModel(
        ModelSettings(**{"model": "m", "base_url": double.url, "max_retries": 0, **changes})
    )


def refine(asked: LanguageModel, **scenario: Any) -> tuple[Analysis, Refinement, ModelBounds]:
    analysis, program = analysed()
    bounds = ModelBounds(asked, ModelScenario(**scenario))
    refinement = bounds.refine(analysis, program)
    return refined(analysis, refinement), refinement, bounds


def asked_of(double: Double, kernel: str) -> list[dict[str, Any]]:
    """The bodies of the questions about a kernel."""
    return [body for body in double.asked if f"# Kernel: {kernel}" in body["messages"][-1]["content"]]


def by_kernel(answers: dict[str, str]) -> Any:
    """A double's answers, by what the kernel in the last message is called."""

    def answer(body: dict[str, Any]) -> Any:
        question = body["messages"][-1]["content"]
        return said(next(text for name, text in answers.items() if f"# Kernel: {name}" in question))

    return answer


def test_each_kernel_gets_the_opinion_that_the_model_gives_of_it(double: Double) -> None:
    double.answer = by_kernel({"copy": "It streams.\nBandwidth 0.9", "spin": "**Compute**"})
    analysis, refinement, bounds = refine(model(double))
    copy, spin = analysis.kernels
    assert (copy.bound.kind, spin.bound.kind) == (BoundKind.BANDWIDTH, BoundKind.COMPUTE)
    assert copy.bound.probability_compute == pytest.approx(0.1)
    assert spin.bound.probability_compute == pytest.approx(2 / 3)
    assert {report.evidence for report in analysis.kernels} == {Evidence.MODEL}
    assert refinement.problems == ()
    assert (bounds.usage.answers, bounds.usage.cached, bounds.usage.tokens_in) == (2, 0, 200)


def test_a_question_shows_the_kernel_what_it_uses_and_how_it_is_launched(double: Double) -> None:
    refine(model(double))
    (body,) = asked_of(double, "copy")
    question = body["messages"][-1]["content"]
    for text in (
        "GeForce RTX 3080",
        "Arguments of the program: 1000",
        "grid of 1000x1x1 blocks, blocks of 1x1x1 threads",
        "__global__ void copy(float* a, const float* b)",
        "template <typename T>\n__device__ T weighted(T a)",
        "#define SCALE 3.0f",
        "copy<<<n, 1>>>(0, 0);",
        "int n = atoi(argv[1]);",
    ):
        assert text in question
    assert "unrelated" not in question
    assert "Point" not in question
    assert "zebra" not in question, "a program's name may give its label away"
    assert "struct Point { float x; float y; };" in asked_of(double, "spin")[0]["messages"][-1]["content"]


def test_few_shot_questions_come_after_solved_examples(double: Double) -> None:
    refine(model(double), shots=2)
    roles = [message["role"] for message in double.asked[0]["messages"]]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]


def test_a_fine_tuned_model_is_asked_as_it_was_taught(double: Double) -> None:
    double.answer = lambda _: said("Compute")
    refine(model(double), tuned=True)
    assert double.asked[0]["messages"][-1]["content"].endswith("Answer with one word: Compute or Bandwidth.")


def test_several_answers_vote(double: Double) -> None:
    texts = iter(["Compute", "Bandwidth", "Compute"] * 2)
    double.answer = lambda _: said(next(texts))
    analysis, refinement, _ = refine(model(double, parallel=1), samples=3)
    assert {one.bound.kind for one in analysis.kernels} == {BoundKind.COMPUTE}
    assert [one.bound.probability_compute for one in analysis.kernels] == [pytest.approx(3 / 5)] * 2
    assert refinement.problems == ()


def test_an_unreadable_answer_is_a_problem_and_the_others_stand(double: Double) -> None:
    double.answer = by_kernel({"copy": "Bandwidth", "spin": "Who knows?"})
    analysis, refinement, _ = refine(model(double))
    assert [one.evidence for one in analysis.kernels] == [Evidence.MODEL, Evidence.SOURCE]
    (problem,) = refinement.problems
    assert (problem.file, problem.line) == ("main.cu", 7)
    assert (
        "no opinion of spin: the answer cannot be read as Compute or Bandwidth: 'Who knows?'"
        in problem.message
    )


def test_a_cut_answer_is_not_read(double: Double) -> None:
    double.answer = lambda _: said("Compute", finish="length")
    _, refinement, _ = refine(model(double))
    assert refinement.opinions == {}
    assert "was cut at its token limit" in refinement.problems[0].message


def test_where_no_request_can_succeed_it_is_said_once_and_the_counts_stay(double: Double) -> None:
    double.answer = lambda _: refused(401, f"bad key {KEY}")
    analysis, refinement, _ = refine(model(double))
    assert {one.evidence for one in analysis.kernels} == {Evidence.SOURCE}
    (problem,) = refinement.problems
    assert "refuses the key (401)" in problem.message
    assert KEY not in problem.message


def test_the_same_question_is_asked_once(double: Double) -> None:
    analysis, program = analysed(SOURCE.replace(b"spin<<<2, 32>>>(0, n);", b""))
    twice = Analysis(
        analysis.device,
        analysis.arguments,
        analysis.kernels[:1] * 3,
        texts=analysis.texts,
        launches=analysis.launches,
    )
    refinement = ModelBounds(model(double), ModelScenario()).refine(twice, program)
    assert len(double.asked) == 1
    assert set(refinement.opinions) == {0, 1, 2}


def test_a_program_without_kernels_costs_nothing(double: Double) -> None:
    analysis, program = analysed(b"int main() {}")
    assert ModelBounds(model(double), ModelScenario()).refine(analysis, program) == Refinement()
    assert double.asked == []


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return DiskCache(tmp_path / "cache")


def test_what_was_answered_once_is_not_asked_again(double: Double, cache: Cache) -> None:
    first, _, paid = refine(CachedModel(model(double), cache))
    second, _, free = refine(CachedModel(model(double), cache))
    assert [one.bound for one in first.kernels] == [one.bound for one in second.kernels]
    assert len(double.asked) == 2
    assert (paid.usage.cached, free.usage.cached, free.usage.tokens_in) == (0, 2, 0)


@pytest.mark.parametrize("change", [{"model": "n"}, {"temperature": 0.3}, {"extra": {"seed": 1}}])
def test_another_model_or_parameter_is_another_question(
    double: Double, cache: Cache, change: dict[str, Any]
) -> None:
    refine(CachedModel(model(double), cache))
    refine(CachedModel(model(double, **change), cache))
    assert len(double.asked) == 4


def test_samples_are_told_apart_by_the_cache(double: Double, cache: Cache) -> None:
    refine(CachedModel(model(double), cache), samples=3)
    assert len(double.asked) == 6
    refine(CachedModel(model(double), cache), samples=3)
    assert len(double.asked) == 6


def test_errors_are_not_kept(double: Double, cache: Cache) -> None:
    double.answer = lambda _: refused(500, "broken")
    refine(CachedModel(model(double), cache))
    double.answer = lambda _: said("Compute")
    _, refinement, _ = refine(CachedModel(model(double), cache))
    assert len(refinement.opinions) == 2


def test_the_cache_holds_neither_the_key_nor_the_source(double: Double, tmp_path: Path, cache: Cache) -> None:
    kept: dict[str, object] = {}

    class Watched:
        """A double that looks at what goes into the real cache."""

        def get(self, key: str) -> object | None:
            return cache.get(key)

        def put(self, key: str, value: object) -> bool:
            kept[key] = value
            return cache.put(key, value)

    refine(CachedModel(model(double), Watched()))
    assert len(kept) == 2
    assert KEY not in repr(kept)
    assert "weighted" not in repr(kept)
    assert all(KEY.encode() not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
