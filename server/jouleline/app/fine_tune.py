"""A fine-tuning job that survives being asked about: what was sent lies in a state file beside the data."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import cattrs

from jouleline.core.ports import FineTuner, FineTuningJob, JobState

from .training_data import Split
from .training_export import read_split

STATE_FILE: Final = "fine-tune.json"
_SCHEMA: Final = "jouleline/fine-tune/1"
_SENT: Final = (Split.TRAIN, Split.VALIDATION)
"""The test split stays here: what is uploaded might be trained on."""


class FineTuneError(ValueError):
    """A state file that cannot be gone on with; the message says why and what to do."""


@dataclass(frozen=True)
class State:
    """What was sent to which endpoint: files by split, their hashes, and the job once it is submitted.

    ``submitting`` is set while the answer to the request that starts the job has not come.
    """

    endpoint: str
    base_model: str
    suffix: str
    hashes: dict[str, str]
    files: dict[str, str]
    submitting: bool = False
    job: str = ""
    status: str = ""
    model: str = ""
    problem: str = ""

    def document(self) -> dict[str, Any]:
        """As the state file and ``--format json`` have it; no secret is in it."""
        return {"schema": _SCHEMA, **asdict(self)}


@dataclass(frozen=True)
class Request:
    """What the user asks for. ``poll_s``: seconds between looks at the job while waiting for its end."""

    data: Path
    suffix: str = ""
    wait: bool = False
    poll_s: float = 20.0


async def fine_tune(
    tuner: FineTuner, request: Request, tell: Callable[[str], None]
) -> tuple[State, FineTuningJob]:
    """Upload what is not uploaded, submit what is not submitted, and say how the job is.

    Each step is written down as soon as it is done, so the next call goes on from there.

    Raises:
        FineTuneError: if the state is of other data, another model or another endpoint.
        TrainingDataError: if the data are not as they were written.
        ModelError: if the endpoint refuses.
    """
    data = {split: read_split(request.data, split) for split in _SENT}
    path = request.data / STATE_FILE
    state = _state(path, tuner, request, {str(split): _digest(text) for split, text in data.items()})
    for split, text in data.items():
        if str(split) not in state.files and not state.job:
            tell(f"uploading {split}.jsonl")
            identifier = await tuner.upload(f"{split}.jsonl", text)
            state = _keep(path, replace(state, files={**state.files, str(split): identifier}))
    if not state.job:
        state = await _submit(tuner, state, path, tell)
    told: set[str] = set()
    while True:
        job = await tuner.job(state.job)
        for event in job.events:
            if event not in told:
                told.add(event)
                tell(event)
        state = _keep(path, replace(state, status=job.status, model=job.model, problem=job.problem))
        if job.state is not JobState.RUNNING or not request.wait:
            return state, job
        await asyncio.sleep(request.poll_s)


async def _submit(tuner: FineTuner, state: State, path: Path, tell: Callable[[str], None]) -> State:
    """Start the job, unless an earlier call that ended before its answer came has started it."""
    files = state.files
    job = await tuner.find(files[Split.TRAIN]) if state.submitting else None
    if job is None:
        _keep(path, replace(state, submitting=True))
        job = await tuner.submit(files[Split.TRAIN], files[Split.VALIDATION], state.suffix or None)
        tell(f"submitted {job.id}")
    return _keep(path, replace(state, submitting=False, job=job.id, status=job.status))


def _state(path: Path, tuner: FineTuner, request: Request, hashes: dict[str, str]) -> State:
    fresh = State(tuner.endpoint, tuner.name, request.suffix, hashes, {})
    try:
        state = cattrs.structure(json.loads(path.read_text("utf-8")), State)
    except FileNotFoundError:
        return fresh
    except OSError as error:
        raise FineTuneError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, cattrs.BaseValidationError):
        raise FineTuneError(
            f"{path}: is no state of a fine-tuning job; delete it to start a new one"
        ) from None
    for what, was, now in (
        ("endpoint", state.endpoint, fresh.endpoint),
        ("model", state.base_model, fresh.base_model),
        ("data", state.hashes, fresh.hashes),
        ("suffix", state.suffix, fresh.suffix or state.suffix),
    ):
        if was != now:
            raise FineTuneError(
                f"{path}: is of another {what} than now; ask with the same, or delete it to start a new job"
            )
    return state


def _keep(path: Path, state: State) -> State:
    """Write the state whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(state.document(), indent=1) + "\n", "utf-8")
    part.replace(path)
    return state


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
