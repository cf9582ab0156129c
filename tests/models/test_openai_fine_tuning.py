"""A fine-tuning job over real HTTP: uploaded once, submitted once, asked about until it ends."""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from jouleline.app.fine_tune import STATE_FILE, FineTuneError, Request, State, fine_tune
from jouleline.app.training_export import MANIFEST
from jouleline.core.model_settings import ModelSettings
from jouleline.core.ports import FineTuningJob, JobState, ModelError
from jouleline.models.openai_fine_tuning import OpenAIFineTuner
from tests.support.openai_server import KEY, Double, Reply, refused

TRAIN, VALIDATION = b'{"messages": [1]}\n', b'{"messages": [2]}\n'


@pytest.fixture
def data(tmp_path: Path) -> Path:
    entry: dict[str, Any] = {"folder": "."}
    for split, text in (("train", TRAIN), ("validation", VALIDATION), ("test", b"")):
        (tmp_path / f"{split}.jsonl").write_bytes(text)
        entry[split] = {"sha256": hashlib.sha256(text).hexdigest()}
    (tmp_path / MANIFEST).write_text(json.dumps({"splits": [entry]}))
    return tmp_path


def run(
    double: Double, data: Path, model: str = "base", **changes: Any
) -> tuple[State, FineTuningJob, list[str]]:
    told: list[str] = []

    async def asked() -> tuple[State, FineTuningJob]:
        tuner = OpenAIFineTuner(ModelSettings(model, base_url=double.url, max_retries=0))
        async with aclosing(tuner):
            return await fine_tune(tuner, Request(data, poll_s=0.01, **changes), told.append)

    return *asyncio.run(asked()), told


def submits(method: str, path: str) -> bool:
    return method == "POST" and path.endswith("/jobs")


def test_a_job_is_submitted_on_both_files_and_the_test_split_stays_here(double: Double, data: Path) -> None:
    state, job, told = run(double, data, suffix="bounds")
    assert double.files == {"file-1": TRAIN, "file-2": VALIDATION}
    assert double.jobs == [
        {"model": "base", "training_file": "file-1", "validation_file": "file-2", "suffix": "bounds"}
    ]
    assert (state.job, job.state, job.model) == ("ftjob-1", JobState.RUNNING, "")
    assert told == [
        "uploading train.jsonl",
        "uploading validation.jsonl",
        "submitted ftjob-1",
        "step 1",
        "step 2",
    ]


def test_asking_again_submits_nothing_and_ends_with_the_models_name(double: Double, data: Path) -> None:
    run(double, data, suffix="bounds")
    state, job, _ = run(double, data, wait=True)
    assert len(double.jobs) == 1
    assert len(double.files) == 2
    assert job.state is JobState.SUCCEEDED
    assert state.model == "ft:base:bounds"
    assert json.loads((data / STATE_FILE).read_text())["schema"] == "jouleline/fine-tune/1"
    assert KEY not in (data / STATE_FILE).read_text()


def test_a_failed_job_says_why(double: Double, data: Path) -> None:
    double.statuses = ["failed"]
    state, job, _ = run(double, data)
    assert (job.state, state.problem) == (JobState.FAILED, "the data is bad")


def test_an_interrupted_upload_goes_on_with_the_next_file(double: Double, data: Path) -> None:
    calls = iter(range(9))
    double.instead = lambda _method, _path: refused(500, "broken") if next(calls) == 1 else None
    with pytest.raises(ModelError, match="answered 500: "):
        run(double, data)
    run(double, data)
    assert double.files == {"file-1": TRAIN, "file-2": VALIDATION}


def test_a_job_whose_submission_was_not_answered_is_found_and_not_submitted_twice(
    double: Double, data: Path
) -> None:
    lost = iter([True])
    double.afterwards = lambda method, path, reply: (
        refused(502, "gateway") if submits(method, path) and next(lost, False) else reply
    )
    with pytest.raises(ModelError, match="answered 502: "):
        run(double, data)
    state, _, _ = run(double, data)
    assert len(double.jobs) == 1
    assert state.job == "ftjob-1"


def test_a_refused_submission_is_submitted_again(double: Double, data: Path) -> None:
    refusals = iter([refused(400, "this model cannot be fine-tuned")])
    double.instead = lambda method, path: next(refusals, None) if submits(method, path) else None
    with pytest.raises(ModelError, match="this model cannot be fine-tuned"):
        run(double, data)
    assert run(double, data)[0].job == "ftjob-1"


@pytest.mark.parametrize(
    ("changes", "what"), [({"model": "other"}, "model"), ({"suffix": "other"}, "suffix")]
)
def test_a_state_of_something_else_is_not_gone_on_with(
    double: Double, data: Path, changes: dict[str, Any], what: str
) -> None:
    run(double, data, suffix="bounds")
    with pytest.raises(FineTuneError, match=f"is of another {what} than now"):
        run(double, data, **changes)


def test_a_damaged_state_is_said_so(double: Double, data: Path) -> None:
    for text in ("{", "[]", '{"endpoint": 5}'):
        (data / STATE_FILE).write_text(text)
        with pytest.raises(FineTuneError, match="is no state of a fine-tuning job; delete it"):
            run(double, data)


def test_an_endpoint_without_fine_tuning_is_said_so(double: Double, data: Path) -> None:
    double.instead = lambda _method, _path: Reply(body={"hello": 1})
    with pytest.raises(ModelError, match="does not offer OpenAI's fine-tuning"):
        run(double, data)
