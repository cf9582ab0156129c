"""What ``jouleline bound`` does about profiles: read those that are named, or collect one now."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from jouleline import wiring
from jouleline.app.program import Program
from jouleline.core.counts import Evidence
from jouleline.core.ports import RunnerError
from jouleline.core.profile import ProfileError

from . import options as shared
from .console import progress
from .exit_codes import Exit, UserError

# Without a profile none of it is needed, and the start shall not wait for it.
if TYPE_CHECKING:
    from jouleline.app.profiles import ProfileEvidence


def configure(parser: argparse.ArgumentParser) -> None:
    """Say which profiles to read, or how to collect one and where to keep it."""
    parser.add_argument(
        "--profile",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="take counts from a CSV of ncu or rocprof (repeatable: several passes of one program)",
    )
    parser.add_argument(
        "--save-profile",
        type=Path,
        metavar="FILE",
        help="keep the CSV that `--evidence profile` collects",
    )
    shared.add_workload(parser)
    shared.add_sandbox(parser)


def sources(options: argparse.Namespace, program: Program, arguments: str) -> Sequence[ProfileEvidence]:
    """The evidence of the profile that was asked for, if any."""
    collecting = Evidence(options.evidence) is Evidence.PROFILE and not options.profile
    if options.save_profile is not None and not collecting:
        raise UserError("--save-profile keeps what `--evidence profile` collects; ask for that, too")
    try:
        if collecting:
            return [_collected(options, program, arguments)]
        if options.profile:
            from jouleline.app.profiles import decode_profile

            files = {str(path): decode_profile(str(path), _data(path)) for path in options.profile}
            return [wiring.profile_evidence(files, ", ".join(files))]
    except ProfileError as error:
        raise UserError(str(error), Exit.FAILED if collecting else Exit.USAGE) from error
    return []


def _data(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


def _collected(options: argparse.Namespace, program: Program, arguments: str) -> ProfileEvidence:
    import asyncio

    from jouleline.app.build import BuildError
    from jouleline.app.collection import choose_profiler, collect

    profiler = choose_profiler(wiring.profilers())
    workload = replace(shared.workload(program, options.workload), args=arguments)
    runner, _ = shared.runner(options)
    with (
        progress(quiet=options.format != "text") as tell,
        tempfile.TemporaryDirectory(prefix="jouleline-", ignore_cleanup_errors=True) as scratch,
    ):
        tell(f"building {program.root} and running it under {profiler.name}", None)
        try:
            texts = asyncio.run(collect(program, workload, runner, profiler, Path(scratch)))
        except (BuildError, RunnerError) as error:
            raise UserError(str(error), Exit.FAILED) from error
    if options.save_profile is not None:
        try:
            options.save_profile.write_text("\n".join(texts.values()), encoding="utf-8")
        except OSError as error:
            raise UserError(f"{options.save_profile}: cannot be written: {error.strerror}") from error
    return wiring.profile_evidence(texts, str(options.save_profile or profiler.name))
