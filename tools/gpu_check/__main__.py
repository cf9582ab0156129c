"""Check Jouleline on a real NVIDIA GPU, stage by stage; `tools/gpu-check` starts this."""

from __future__ import annotations

import argparse
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Final

from jouleline import __version__
from jouleline.app.measurement import MeasurementError
from jouleline.core.meter import MeterError
from jouleline.core.ports import RunnerError

from .bench import ROOT, Bench, CheckError
from .results import Origin, Results, ResultsError, open_results, stage_done, stage_failed
from .stages import MOST_S, STAGES
from .summary import summary

_RESULTS: Final = ROOT / "docs" / "results"
_DONE, _FAILED = 0, 1
_AGAIN_S: Final = 20.0


class StageTimeout(RuntimeError):  # noqa: N818 - named by what happened
    """A stage took longer than it may."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the stages that are asked for and have no result yet."""
    options = _options(arguments)
    if options.list:
        for name, stage in STAGES.items():
            print(f"{name:<10} {stage.expected_s:>4.0f} s  {stage.question}")
        return _DONE
    with tempfile.TemporaryDirectory(prefix="gpu-check-", ignore_cleanup_errors=True) as scratch:
        bench = Bench(options.gpu, options.seconds_scale, options.load, Path(scratch), _say)
        try:
            bench.find()
            results = open_results(_folder(options, bench), bench.device, _machine(options))
        except (MeterError, ResultsError) as error:
            print(f"gpu-check: {error}", file=sys.stderr)
            return _FAILED
        return _run(bench, results, options)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("gpu-check", description=__doc__)
    parser.add_argument("--list", action="store_true", help="list the stages and how long each takes")
    parser.add_argument(
        "--stage", action="append", choices=list(STAGES), default=[], help="only this one (repeatable)"
    )
    parser.add_argument("--again", action="store_true", help="also stages that have a result")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where results go (docs/results)")
    parser.add_argument(
        "--seconds",
        type=_positive,
        default=1200.0,
        metavar="S",
        help="begin no stage that would take longer than this in all (default: %(default)g)",
    )
    parser.add_argument("--gpu", default="0", help="the GPU's number in nvidia-smi, or its UUID (default: 0)")
    testing = parser.add_argument_group("for tests of the check itself, on doubles")
    testing.add_argument("--seconds-scale", type=_positive, default=1.0, metavar="X", help="shorten all")
    testing.add_argument("--load", default="", metavar="COMMAND", help="takes the place of load.cu")
    return parser.parse_args(arguments)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no positive number")
    return value


def _folder(options: argparse.Namespace, bench: Bench) -> Path:
    folder: Path = options.out or _RESULTS
    staged = "double" in f"{bench.device} {bench.driver}" or options.load or options.seconds_scale < 1
    if staged and folder.resolve().is_relative_to(ROOT / "docs"):
        raise ResultsError(
            f"{bench.device} with these options is no real check, and docs/results is for real ones: "
            "name another folder with --out"
        )
    return folder


def _machine(options: argparse.Namespace) -> dict[str, str]:
    staged = {
        "seconds scale": "" if options.seconds_scale == 1 else f"{options.seconds_scale:g}: no real check",
        "load": f"{options.load}: takes the place of load.cu" if options.load else "",
    }
    said = {
        "jouleline": f"{__version__} {_first_line('git', '-C', str(ROOT), 'rev-parse', '--short', 'HEAD')}",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "nvcc": _last_line("nvcc", "--version"),
        "ncu": _last_line("ncu", "--version"),
        **staged,
    }
    return {name: value.strip() for name, value in said.items() if value.strip()}


def _lines(*command: str) -> list[str]:
    if shutil.which(command[0]) is None:
        return []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.split("\n") if done.returncode == 0 else []


def _first_line(*command: str) -> str:
    return next((line for line in _lines(*command) if line.strip()), "")


def _last_line(*command: str) -> str:
    return next((line for line in reversed(_lines(*command)) if line.strip()), "not here")


def _run(bench: Bench, results: Results, options: argparse.Namespace) -> int:
    print(f"{bench.device}, {bench.driver}")
    begun = time.monotonic()
    left = []
    for name in options.stage or STAGES:
        if name in results.stages and not options.again:
            print(f"{name}: has a result ({results.stages[name]['status']}); --again repeats it")
            continue
        expected_s = STAGES[name].expected_s * min(1.0, options.seconds_scale)
        remaining_s = options.seconds - (time.monotonic() - begun)
        if expected_s > remaining_s:
            left.append(name)
            continue
        _stage(bench, results, name, min(MOST_S, remaining_s))
    results.path.with_suffix(".md").write_text(summary(results.document), encoding="utf-8")
    print(f"written: {results.path} and {results.path.with_suffix('.md').name}")
    if left:
        print(f"left for want of time: {', '.join(left)}; the same command goes on with them")
    asked = [results.stages[name] for name in options.stage or STAGES if name in results.stages]
    return _FAILED if any(entry["status"] == "failed" for entry in asked) else _DONE


def _stage(bench: Bench, results: Results, name: str, most_s: float) -> None:
    print(f"{name}: {STAGES[name].question}", flush=True)
    begun = time.monotonic()
    bench.deadline_s = begun + most_s
    origin = Origin(bench.device, bench.driver, datetime.now(UTC).isoformat(timespec="seconds"))
    try:
        with _limited(most_s):
            found = STAGES[name].run(bench)
    except (MeterError, MeasurementError, RunnerError, CheckError, StageTimeout) as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001 - whatever a stage meets on a strange machine, the next one runs
        reason = f"unexpected {type(error).__name__}: {error}"
    else:
        results.record(name, stage_done(origin, time.monotonic() - begun, found))
        wrong = [claim.text for claim in found.claims if not claim.holds]
        print(f"  done in {time.monotonic() - begun:.0f} s")
        for text in wrong:
            print(f"  DOES NOT HOLD: {text}")
        return
    finally:
        bench.close()
    results.record(name, stage_failed(origin, time.monotonic() - begun, reason))
    print(f"  failed: {reason}")


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """End what takes longer by an exception within it."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise StageTimeout(f"it took longer than the {seconds:.0f} s that were left for it")

    before = signal.signal(signal.SIGALRM, end)
    # Again and again, for an event loop may swallow what is raised while a callback runs.
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _say(text: str) -> None:
    print(f"  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
