"""``jouleline study fine-tune``: a job at the model's endpoint, submitted once and asked about often."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import aclosing
from pathlib import Path

from rich.markup import escape

from jouleline import wiring
from jouleline.app.fine_tune import FineTuneError, Request, State, fine_tune
from jouleline.app.training_export import TrainingDataError
from jouleline.core.ports import FineTuner, FineTuningJob, JobState, ModelError

from . import options as shared
from .console import Tell, output, progress
from .exit_codes import Exit, UserError


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what to train on."""
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="what `study export` wrote, or one fold of it"
    )
    parser.add_argument("--model", metavar="NAME", help="the model to start from (default: as configured)")
    parser.add_argument("--suffix", default="", metavar="S", help="part of the new model's name")
    parser.add_argument("--wait", action="store_true", help="stay until the job has ended")
    shared.add_format(parser)


def run(options: argparse.Namespace) -> int:
    """Submit the job, or say how it is; exit code 1 when it failed."""
    try:
        tuner = wiring.fine_tuner(options.model)
        with progress(quiet=options.format == "json") as tell:
            request = Request(options.data, options.suffix, options.wait)
            state, job = asyncio.run(_asked(tuner, request, tell))
    except (wiring.UnavailableError, FineTuneError, TrainingDataError) as error:
        raise UserError(str(error)) from error
    except ModelError as error:
        raise UserError(str(error), Exit.FAILED) from error
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}", Exit.FAILED) from error
    if options.format == "json":
        shared.print_json({**state.document(), "state": str(job.state), "events": list(job.events)})
    else:
        _print(state, job)
    return Exit.FAILED if job.state in (JobState.FAILED, JobState.CANCELLED) else Exit.DONE


async def _asked(tuner: FineTuner, request: Request, tell: Tell) -> tuple[State, FineTuningJob]:
    async with aclosing(tuner):
        return await fine_tune(tuner, request, lambda message: tell(message, None))


def _print(state: State, job: FineTuningJob) -> None:
    console = output()
    console.print(f"[bold]{escape(state.job)}[/]: {escape(job.status)}", soft_wrap=True)
    if job.problem:
        console.print(f"[yellow]{escape(job.problem)}[/]", soft_wrap=True)
    if job.model:
        console.print(f"model: {escape(job.model)}", soft_wrap=True)
    elif job.state is JobState.RUNNING:
        console.print("ask again with the same command", soft_wrap=True)
