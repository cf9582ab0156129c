"""What every profiler promises."""

from __future__ import annotations

import pytest

from jouleline.core.ports import Availability, Profiler
from jouleline.wiring import profilers
from tests.support.profiles import Dispatched, Launched, ncu_csv, rocprof_csv, rocprofv3_csv

EVERY = pytest.mark.parametrize("profiler", profilers(), ids=lambda one: one.name)
TEXTS = {
    "ncu": [ncu_csv([Launched("k")]), ncu_csv([Launched("k")], long=True)],
    "rocprof": [
        rocprof_csv([Dispatched("k", {"SQ_WAVES": 1})]),
        rocprofv3_csv([Dispatched("k", {"SQ_WAVES": 1})]),
    ],
}


@EVERY
def test_it_says_whether_it_is_here_and_what_to_do_if_not(profiler: Profiler) -> None:
    finding = profiler.find()
    assert (finding.kind, finding.name) == ("profiler", profiler.name)
    assert finding.availability is Availability.READY or finding.remedy


@EVERY
def test_it_knows_its_own_output_and_no_other(profiler: Profiler) -> None:
    for name, texts in TEXTS.items():
        for text in texts:
            assert profiler.recognises(text) == (name == profiler.name)
            assert profiler.recognises("noise\n" + text) == (name == profiler.name)
    for text in ("", "ID\n", "a,b\n1,2\n", "Kernel Name and ID\n", '"unclosed'):
        assert not profiler.recognises(text)


@EVERY
def test_its_command_keeps_the_run_line_whole_and_makes_the_folder(profiler: Profiler) -> None:
    command = profiler.command("./main 'a b' > out; exit 3", "with blank")
    assert "mkdir -p 'with blank'" in command
    assert command.endswith("""sh -c './main '"'"'a b'"'"' > out; exit 3'""")
