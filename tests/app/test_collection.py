"""Collecting a profile with doubles of rocprofv3: several passes, several files, one profile."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from jouleline.app.collection import choose_profiler, collect
from jouleline.app.profiles import read_profile
from jouleline.app.program import read_program
from jouleline.core.counts import Operation
from jouleline.core.ports import Availability, Finding
from jouleline.core.profile import ProfileError
from jouleline.core.workload import Workload
from jouleline.profilers.rocprof import PASSES, Rocprof
from jouleline.runners.local import LocalRunner
from tests.support.profiles import Dispatched, rocprofv3_csv

DOUBLE = """\
#!/bin/sh
# A double of rocprofv3: runs the program once a pass, and copies what it was given to say.
test "$1 $3 $5 $6 $7" = "-i -d --output-format csv --" || exit 9
test "$(grep -c '^pmc: ' "$2")" = 5 || exit 8
out=$4
shift 7
"$@" || exit
cp -r {said}/. "$out"
"""


@dataclass(frozen=True)
class Here(Rocprof):
    """Rocprof that says of itself what a test wants."""

    availability: Availability
    label: str = "rocprof"

    def find(self) -> Finding:
        return Finding("profiler", self.label, self.availability, "in such a state", "do something")


def profiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: str = "./main {args}") -> dict[str, str]:
    folder, said, tools = (tmp_path / name for name in ("program", "said", "tools"))
    for one in (folder, said, tools):
        one.mkdir(exist_ok=True)
    (folder / "main.hip").write_text("int main() {}\n")
    (tools / "rocprofv3").write_text(DOUBLE.format(said=said))
    (tools / "rocprofv3").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    # The workload's program is a script: what is tried here is the way there and back.
    workload = Workload("printf '#!/bin/sh\\nexit $1\\n' > main && chmod +x main", run, "0")
    scratch = tmp_path / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    return asyncio.run(collect(read_program([folder]), workload, LocalRunner(), Rocprof(), scratch))


def test_files_of_several_passes_come_back_as_one_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, names in enumerate(PASSES, start=1):
        place = tmp_path / "said" / f"pass_{number}"
        place.mkdir(parents=True)
        counters = dict.fromkeys(names, number)
        (place / "77_counter_collection.csv").write_text(rocprofv3_csv([Dispatched("k", counters)]))
        (place / "77_agent_info.csv").write_text('"Node_Id","Name"\n0,"gfx90a"\n')
    texts = profiled(tmp_path, monkeypatch)
    assert len(texts) == len(PASSES)
    [launch] = read_profile(texts, [Rocprof()]).launches
    # Pass 1 holds fp32 and fp64, pass 2 fp16 and integers, pass 3 units of 512 FLOP on matrices of doubles,
    # passes 4 and 5 the KiB read and written.
    assert launch.operations[Operation.DP] == 64 * 5 + 512 * 3
    assert launch.operations[Operation.INT] == 64 * 2 * 2
    assert launch.dram_bytes == 1024 * 9


def test_a_program_that_fails_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProfileError, match=r"`\./main 3` under rocprof failed with exit code 3"):
        profiled(tmp_path, monkeypatch, "./main 3")


def test_a_program_without_kernels_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProfileError, match=r"`\./main 0` launched no kernel that rocprof could measure"):
        profiled(tmp_path, monkeypatch)


def test_a_profiler_that_may_read_goes_before_one_that_may_not() -> None:
    missing, limited, ready = (
        Here(one) for one in (Availability.MISSING, Availability.LIMITED, Availability.READY)
    )
    assert choose_profiler([missing, limited, ready]) is ready
    assert choose_profiler([missing, limited]) is limited


def test_without_any_profiler_each_is_named_with_how_to_get_it() -> None:
    missing = [Here(Availability.MISSING, name) for name in ("ncu", "rocprof")]
    with pytest.raises(ProfileError) as refusal:
        choose_profiler(missing)
    assert str(refusal.value) == (
        "no profiler is here: ncu: in such a state (do something); rocprof: in such a state "
        "(do something); or profile on another machine and name the file with --profile"
    )
