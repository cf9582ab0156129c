"""Run a candidate under sanitizers: out-of-bounds, undefined and racy code that happens to pass."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from typing import Final

from jouleline.core.ports import Limits, Runner
from jouleline.core.verdict import GateResult

from .build import Built
from .instrumented import Options
from .observe import Observation, quoted
from .variants import Memo, variant

# No program needs to know where it was built, and one that does not can be kept.
_COMMON: Final = ("-g", "-O1", "-fno-omit-frame-pointer", '"-fdebug-prefix-map=$PWD=."')
MEMORY: Final = Options((*_COMMON, "-fsanitize=address,undefined", "-Wno-error"))
_ORDER: Final = "gomp_order.cpp"
# Linking it costs nothing where OpenMP is not used.
RACES: Final = Options(
    (*_COMMON, "-fsanitize=thread", "-Wno-error"),
    linked=("order.o", "-ldl"),
    files=((_ORDER, resources.files(__package__).joinpath(_ORDER).read_bytes()),),
    prelude=f"g++ -O1 -fPIC -fsanitize=thread -c {_ORDER} -o order.o",
)
_ENVIRONMENT: Final = {
    # Leaks harm nobody in a program that ends; their detector needs rights that a sandbox does not give.
    "ASAN_OPTIONS": "detect_leaks=0:exitcode=99:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=0",
    "TSAN_OPTIONS": "exitcode=99:report_thread_leaks=0:history_size=4:halt_on_error=0",
    "OMP_WAIT_POLICY": "passive",
    "OMP_NUM_THREADS": "4",
    "OMP_DYNAMIC": "false",
}
_FOUND: Final = re.compile(
    r"ERROR: AddressSanitizer:? (?P<memory>[\w-]+)|runtime error: (?P<undefined>[^\n]+)"
    r"|WARNING: ThreadSanitizer: (?P<race>data race|heap-use-after-free|[\w -]+?) \("
)
_NOT_HERE: Final = re.compile(
    r"(?:Address|Thread)Sanitizer: (?:CHECK failed|failed to|unexpected memory|ran out of)|ReserveShadow"
    r"|Shadow memory range|personality"
)
_PLACE: Final = re.compile(r"#\d+ .*? ((?!/usr)[^\s/]\S*|/\S+?)([^/\s]+\.\w+:\d+)")
_THREADS: Final = re.compile(rb"#\s*pragma\s+omp|std::j?thread|pthread_create|std::async|execution::par")
_TASKS: Final = re.compile(rb"#\s*pragma\s+omp\s+(?:task|taskloop)\b|-fopenmp=libomp")
_LIMITS: Final = Limits(wall_s=60.0)


@dataclass(frozen=True, slots=True)
class Findings:
    """What sanitizers said: sorts of findings, each with its first line. ``problem`` if they cannot run."""

    found: dict[str, str]
    problem: str = ""


async def check_sanitizers(
    baseline: Built,
    candidate: Built,
    smallest: Observation,
    *,
    sources: Mapping[str, bytes],
    runner: Runner,
    memo: Memo,
) -> GateResult:
    """Whether sanitizers find in a candidate what they do not find in the baseline.

    ``sources`` are the candidate's. Both are run with the arguments that take the least time.

    Raises:
        RunnerError: if a process could not be started.
    """
    if any(name.endswith((".cu", ".hip")) for name in sources):
        return GateResult(
            "sanitizers", passed=True, warning=True, reason="not applicable: kernels of a GPU are not checked"
        )
    wanted = {"memory": MEMORY}
    if any(_THREADS.search(text) for text in sources.values()):
        wanted["races"] = RACES
    notes = []
    if "races" in wanted and any(_TASKS.search(text) for text in sources.values()):
        del wanted["races"]
        notes.append("races between tasks are not looked for")
    for name, options in wanted.items():
        async with memo.lock(name):
            if name not in memo.found:
                memo.found[name] = await _run(baseline, smallest, options, runner)
        known: Findings = memo.found[name]
        if known.problem:
            notes.append(f"{name}: {known.problem} (the baseline)")
            continue
        if name == "races" and known.found:
            notes.append("the baseline itself has races, so more of them are not looked for")
            continue
        seen = await _run(candidate, smallest, options, runner)
        if seen.problem:
            notes.append(f"{name}: {seen.problem}")
            continue
        fresh = [said for sort, said in seen.found.items() if sort not in known.found]
        if fresh:
            return GateResult(
                "sanitizers",
                passed=False,
                reason=f"with {quoted(smallest.args)} a sanitizer finds what the baseline does not have: "
                f"{fresh[0]}",
                detail="\n".join(f"  {said}" for said in fresh),
            )
    if notes:
        reason = f"nothing new was found, but not all was looked for: {'; '.join(notes)}"
        return GateResult("sanitizers", passed=True, warning=True, reason=reason)
    looked = (
        "memory, undefined behaviour and races" if "races" in wanted else "memory and undefined behaviour"
    )
    return GateResult("sanitizers", passed=True, reason=f"nothing new in {looked}")


async def _run(built: Built, smallest: Observation, options: Options, runner: Runner) -> Findings:
    async with variant(built, options, runner) as checked:
        if isinstance(checked, str):
            return Findings({}, checked)
        done = await runner.run(replace(checked.job(smallest.args, _LIMITS), environment=_ENVIRONMENT))
    said = done.stderr.decode("utf-8", "replace")
    if done.stopped is not None:
        return Findings({}, f"with sanitizers it takes more than {_LIMITS.wall_s:g} s")
    found = _findings(said)
    if not found and not done.succeeded:
        if _NOT_HERE.search(said):
            return Findings({}, "sanitizers cannot run here")
        found = {"failure": f"with sanitizers it fails: {(said.strip() or 'no message').splitlines()[-1]}"}
    return Findings(found)


def _findings(said: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _FOUND.finditer(said):
        if _NOT_HERE.match(said, match.start()):
            continue
        if match["undefined"]:
            line = said[said.rfind("\n", 0, match.start()) + 1 : match.end()]
            # The same mistake with other values, or of another variable, is the same sort.
            found.setdefault(
                re.sub(r"[-+]?[\d.]+(?:e[-+]?\d+)?|0x\w+|'[^']*'", "#", match["undefined"]), line
            )
            continue
        sort = match["memory"] or match["race"]
        place = _PLACE.search(said, match.end())
        found.setdefault(sort, f"{sort} at {place[2]}" if place else sort)
    return found
