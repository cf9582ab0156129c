"""The figures of a study, and the page that shows them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from jouleline.app.labels import LabelledKernel, read_labels
from jouleline.app.study import SCENARIOS, Answer, Reply, given
from jouleline.app.study_page import study_page
from jouleline.app.study_report import Judged, ScenarioResult, study_json
from jouleline.core.roofline import BoundKind
from jouleline.wiring import catalogue
from tests.support.corpus import write_labels

PAPER = catalogue().get("rtx-3080-paper")
SCENARIO = {scenario.name: scenario for scenario in SCENARIOS}
LABELS = Path(__file__).parents[3] / "shared" / "roofline" / "labels_dev.csv"


@pytest.fixture
def labels(tmp_path: Path) -> tuple[LabelledKernel, ...]:
    return read_labels(write_labels(tmp_path / "labels.csv"), PAPER)


def answered(label: LabelledKernel, *, right: bool, evidence: str = "source") -> Judged:
    compute = (label.kind is BoundKind.COMPUTE) == right
    counts = {str(kind): 2 * amount for kind, amount in label.counts.operations.items()}
    answer = Answer(
        place="main.cu:9",
        compute=compute,
        driver="sp" if compute else None,
        probability_compute=0.8 if compute else 0.2,
        margin_log2=1.0 if compute else -1.0,
        evidence=evidence,
        operations=counts,
        dram_bytes=label.counts.dram_bytes / 4,
        grid=(1, 1, 1),
        block=(1, 1, 1),
        launch_known=False,
        indirect=False,
        assumptions=("the loop in line 3 runs 16 times: its end depends on data", "<n> = 1024"),
    )
    return Judged(label, Reply(answer))


def document(results: list[ScenarioResult], labels: tuple[LabelledKernel, ...]) -> dict[str, Any]:
    written = json.dumps(study_json(results, labels, PAPER, ["a note"]), allow_nan=False)
    read: dict[str, Any] = json.loads(written)
    return read


def scored(labels: tuple[LabelledKernel, ...], judged: list[Judged], name: str = "source") -> dict[str, Any]:
    result = ScenarioResult(SCENARIO[name], tuple(judged))
    scenario: dict[str, Any] = document([result], labels)["scenarios"][0]
    return scenario


def test_scores_are_told_by_language_and_by_evidence(labels: tuple[LabelledKernel, ...]) -> None:
    kinds = ("source", "compiled", "source", "compiled")
    scenario = scored(
        labels,
        [
            answered(label, right=index != 2, evidence=kind)
            for index, (label, kind) in enumerate(zip(labels, kinds, strict=True))
        ],
    )
    assert scenario["scores"]["cuda"]["balanced_accuracy"]["value"] == 1
    assert scenario["scores"]["openmp"]["balanced_accuracy"]["value"] == 0.5
    assert scenario["scores"]["all"]["confusion"]["bandwidth_compute"] == 1
    assert scenario["scores_by_evidence"]["compiled"]["accuracy"]["value"] == 1
    assert scenario["subsets"]["all"]["kernels"] == 4
    assert scenario["subsets"]["all"]["accuracy"] == 0.75


def test_no_answer_is_a_wrong_one_and_is_listed(labels: tuple[LabelledKernel, ...]) -> None:
    judged = [*(answered(label, right=True) for label in labels[:3]), Judged(labels[3], Reply(None, "lost"))]
    scenario = scored(labels, judged)
    assert (scenario["kernels"], scenario["answered"]) == (4, 3)
    assert scenario["scores"]["all"]["confusion"]["compute_bandwidth"] == 1
    assert scenario["calibration"]["kernels"] == 3
    [lost] = scenario["unanswered"]
    assert (lost["program"], lost["reason"]) == ("colormap-omp-offload", "lost")


def test_count_errors_are_of_counts_that_the_evidence_gives(labels: tuple[LabelledKernel, ...]) -> None:
    own = scored(labels, [answered(label, right=True) for label in labels])["count_errors"]["all"]
    assert (own["int"]["median"], own["int"]["bias"], own["dram_bytes"]["bias"]) == (1, 1, -2)
    assert own["dp"]["kernels"] == 0
    opinions = [answered(label, right=True, evidence="model") for label in labels]
    assert scored(labels, opinions, "zero-shot")["count_errors"] == {}


def test_groups_say_where_answers_fail(labels: tuple[LabelledKernel, ...]) -> None:
    scenario = scored(labels, [answered(label, right=label.kind is BoundKind.COMPUTE) for label in labels])
    groups = {(one["dimension"], one["value"]): one for one in scenario["groups"]}
    assert groups["measured driver", "int"]["errors"] == 0
    assert groups["measured driver", "none (bandwidth)"]["errors"] == 2
    assert groups["measured blocks", "below 68"]["kernels"] == 1
    assert groups["measured DRAM traffic", "below 1 MB"]["recall_compute"] == 1
    assert groups["trip counts", "assumed for a loop"]["kernels"] == 4
    assert groups["launch", "assumed"]["recall_bandwidth"] == 0
    for dimension in {name for name, _ in groups}:
        assert sum(one["kernels"] for (name, _), one in groups.items() if name == dimension) == 4


def test_the_worst_misses_come_first_with_both_counts(labels: tuple[LabelledKernel, ...]) -> None:
    scenario = scored(labels, [answered(label, right=False) for label in labels])
    distances = [
        abs(one["measured"]["margin_log2"] - one["answer"]["margin_log2"]) for one in scenario["worst"]
    ]
    assert len(distances) == 4
    assert distances == sorted(distances, reverse=True)
    assert scenario["worst"][0]["answer"]["dram_bytes"] == scenario["worst"][0]["measured"]["dram_bytes"] / 4


class Tags(HTMLParser):
    """Collects what a page would fetch, and checks that tags close in order."""

    VOID = frozenset(("meta", "use", "path", "br"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href") and value]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_the_page_stands_alone_and_follows_light_and_dark(labels: tuple[LabelledKernel, ...]) -> None:
    results = [
        ScenarioResult(SCENARIO["profile"], tuple(Judged(one, given(one, PAPER)) for one in labels)),
        ScenarioResult(
            SCENARIO["source"],
            (*(answered(one, right=False) for one in labels[:3]), Judged(labels[3], Reply(None, "x < y"))),
        ),
        ScenarioResult(
            SCENARIO["zero-shot"], tuple(answered(one, right=True, evidence="model") for one in labels)
        ),
        ScenarioResult(SCENARIO["compiled"], unavailable="no compiler & no luck"),
    ]
    text = study_page(document(results, labels), results)
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    assert all(link.startswith("#") for link in tags.links)
    assert "url(http" not in text
    assert text.count("<svg") == 1 + 4 + 2
    # No fixed colour but the palette's own definitions: the plots take theirs from the page.
    plots = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert re.findall(r"#[0-9a-f]{6}\b(?!\w)", re.sub(r'(?:id|href)="[^"]*"|url\(#\w+\)', "", plots)) == []
    assert "prefers-color-scheme: dark" in text
    assert "no compiler &amp; no luck" in text
    assert "x &lt; y" in text
    assert "&lt;n&gt; = 1024" in text
    assert text == study_page(document(results, labels), results)


def test_one_absurd_count_leaves_room_for_the_others(labels: tuple[LabelledKernel, ...]) -> None:
    judged = [answered(one, right=True) for one in labels]
    answer = judged[0].reply.answer
    assert answer is not None
    judged[0] = Judged(labels[0], Reply(replace(answer, dram_bytes=1e27)))
    results = [ScenarioResult(SCENARIO["source"], tuple(judged))]
    text = study_page(document(results, labels), results)
    assert text.count("1 beyond, drawn") == 1
    assert "10^{27}" not in text
    assert "10^{6}" in text


@pytest.mark.skipif(not LABELS.exists(), reason="the corpus of profiled labels is not beside us")
def test_with_a_profile_every_answer_is_right() -> None:
    profiled = read_labels(LABELS, PAPER)
    judged = tuple(Judged(label, given(label, PAPER)) for label in profiled)
    assert all(one.right for one in judged)
    scenario = scored(profiled, list(judged), "profile")
    assert scenario["scores"]["all"]["balanced_accuracy"] == {"value": 1.0, "interval": [1.0, 1.0]}
    assert scenario["unanswered"] == []
