"""The roofline study as a user runs it: report, resume, and one sentence for what is wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.command import Said, jouleline
from tests.support.corpus import ROWS, write_corpus, write_labels


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "corpus")


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return write_labels(tmp_path / "labels.csv")


def study(labels: Path, corpus: Path, out: Path, *more: object) -> Said:
    words = ("study", "roofline", "--labels", labels, "--corpus", corpus, "--out", out, *more)
    return jouleline(*words, home=out.parent)


def test_a_study_prints_scores_and_writes_a_report(tmp_path: Path, labels: Path, corpus: Path) -> None:
    said = study(labels, corpus, tmp_path / "out")
    assert said.code == 0, said.err
    assert "4 kernels of 4 programs (4 base programs), 2 of them compute-bound on rtx-3080-paper" in said.out
    assert "source: matmul-cuda (1 of" in said.err
    document = json.loads((tmp_path / "out" / "report.json").read_text())
    assert document["schema"] == "jouleline/study-roofline/1"
    scenarios = {scenario["name"]: scenario for scenario in document["scenarios"]}
    assert scenarios["profile"]["scores"]["all"]["accuracy"]["value"] == 1
    assert scenarios["source"]["answered"] == 3
    assert (tmp_path / "out" / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_the_same_study_again_asks_nothing_and_says_the_same(
    tmp_path: Path, labels: Path, corpus: Path
) -> None:
    first = study(labels, corpus, tmp_path / "out", "--scenario", "source", "--format", "json")
    again = study(labels, corpus, tmp_path / "out", "--scenario", "source", "--format", "json")
    assert again.err == ""
    assert first.document == again.document
    said = study(labels, corpus, tmp_path / "out", "--scenario", "source")
    assert "4 of 4 tasks were answered before" in said.err
    assert "matmul-cuda" not in said.err


def test_a_study_that_is_stopped_goes_on(tmp_path: Path, labels: Path, corpus: Path) -> None:
    """Ctrl-C while processes work: one sentence, no process left, and what was done is kept."""
    out = tmp_path / "out"
    # Big enough that the signal arrives while there is work left.
    kernel = "__global__ void k{0}(float *x) {{ x[threadIdx.x] *= {0}; }}\n"
    (corpus / "matmul-cuda" / "more.cu").write_text("".join(kernel.format(i) for i in range(20_000)))
    command = [sys.executable, "-m", "jouleline", "study", "roofline", "--jobs", "2", "--scenario", "source"]
    command += ["--labels", str(labels), "--corpus", str(corpus), "--out", str(out)]
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "HOME": str(tmp_path)},
    ) as running:
        answers = out / "answers.jsonl"
        deadline = time.monotonic() + 120
        while not (answers.exists() and answers.read_text().count("\n") >= 1):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(running.pid, signal.SIGINT)
        _, error = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "jouleline study: stopped" in error
    assert "Traceback" not in error
    while _alive(running.pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    done = answers.read_text().count("\n")
    assert 1 <= done < 4
    (corpus / "matmul-cuda" / "more.cu").unlink()
    said = study(labels, corpus, out, "--scenario", "source")
    assert said.code == 0
    assert f"{done} of 4 tasks were answered before" in said.err
    fresh = study(labels, corpus, tmp_path / "fresh", "--scenario", "source")
    assert fresh.out.splitlines()[:-1] == said.out.splitlines()[:-1]


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_program_that_is_missing_counts_as_wrong_and_is_told(
    tmp_path: Path, labels: Path, corpus: Path
) -> None:
    (corpus / "matmul-cuda").rename(corpus / "elsewhere")
    document = study(labels, corpus, tmp_path / "out", "--format", "json").document
    assert document["notes"] == ["1 programs of the labels could not be read: matmul-cuda"]
    source = document["scenarios"][1]
    assert source["scores"]["all"]["confusion"]["compute_bandwidth"] == 2
    assert source["unanswered"][0]["reason"].endswith("matmul-cuda: no such file or folder")


def test_another_gpu_labels_the_counts_anew(tmp_path: Path, labels: Path, corpus: Path) -> None:
    words = ("--gpu", "h200", "--scenario", "profile", "--format", "json")
    document = study(labels, corpus, tmp_path / "out", *words).document
    assert document["device"] == "h200"
    assert "classified anew" in document["notes"][0]
    assert document["scenarios"][0]["scores"]["all"]["accuracy"]["value"] == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--corpus", "gone"), "--corpus gone: no such folder"),
        (("--labels", "gone.csv"), "gone.csv: cannot be read: No such file or directory"),
        (("--programs", "x*"), "--programs x*: no program of"),
        (("--scenario", "few-shot"), "scenario few-shot: no language model is configured"),
        (("--scenario", "guess"), "invalid choice: 'guess'"),
        (("--gpu", "voodoo-2"), 'unknown GPU "voodoo-2"'),
        (("--jobs", "0"), "0 is no number of processes"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    tmp_path: Path, labels: Path, corpus: Path, words: tuple[str, ...], sentence: str
) -> None:
    said = study(labels, corpus, tmp_path / "out", *words)
    assert said.code == 2
    assert sentence in said.err
    assert "Traceback" not in said.err
    assert not said.out


def test_a_corpus_without_the_programs_is_refused(tmp_path: Path, labels: Path) -> None:
    (tmp_path / "empty").mkdir()
    said = study(labels, tmp_path / "empty", tmp_path / "out")
    assert said.code == 2
    assert f"holds none of the {len(ROWS)} programs that are labelled" in said.err
