"""Every cheat of the table in docs/verification.md is refused, and honest refactorings are not."""

from pathlib import Path

import pytest

from tests.cheats.pairs import Program, pairs, programs

CHEATS = {
    "skips or collapses the benchmark's repeats",
    "moves the repeat loop into the kernel with an idempotent body",
    "checks convergence less often, loosens a tolerance",
    "deletes the measured operation (atomics)",
    "constant, zero or hard-coded output",
    "caches output by input or pointer",
    "right first, wrong later",
    "writes its inputs, reads the reference's freed memory",
    "work on another stream or thread, or after the clock stopped",
    "edits timers, statistics or the PASS message",
    "faster than physics",
    "NaN as a wildcard; reading the expected output",
    "hard-coded shapes or argv",
    "silent precision drop",
    "changes problem size, seeds, inputs or file reads",
    "work that no output shows is left out",
    "out-of-bounds or racy code that happens to pass",
}


_GATES = {"scaling": ("scaling", "effort")}
"""What the first tells by time, which other work on the machine hides, the second tells by lines."""


@pytest.mark.slow
@pytest.mark.needs("g++", "gcov")
@pytest.mark.parametrize("name", programs())
def test_cheats_are_refused_by_the_gate_for_them_and_honest_candidates_accepted(
    name: str, tmp_path: Path
) -> None:
    program = Program(name, tmp_path)
    wrong = {}
    for number, pair in enumerate(pairs(name)):
        failed = program.judge(pair.text(), str(number)).failed
        if (failed.name if failed else "") not in _GATES.get(pair.gate, (pair.gate,)):
            wrong[pair.name] = (pair.gate or "accepted", failed)
    assert wrong == {}


def test_every_known_cheat_has_a_pair_and_there_are_as_many_honest_kinds() -> None:
    every = [pair for name in programs() for pair in pairs(name)]
    assert {pair.cheat for pair in every if not pair.honest} == CHEATS
    assert sum(pair.honest for pair in every) >= len(CHEATS)
