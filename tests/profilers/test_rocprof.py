"""CSV of rocprof's three generations to counts, by AMD's own formulas; and how it says no."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.counts import Operation
from jouleline.core.profile import KernelProfile, ProfileError, united
from jouleline.profilers.rocprof import PASSES, Rocprof
from tests.support.profiles import Dispatched, rocprof_csv, rocprofv3_csv

ROCPROF = Rocprof()
VALU = "SQ_INSTS_VALU_"
ASKED = [name for names in PASSES for name in names]
COUNTERS = dict.fromkeys(ASKED, 0)
WRITERS: list[Callable[[Sequence[Dispatched]], str]] = [
    rocprofv3_csv,
    rocprof_csv,
    partial(rocprof_csv, second=True),
]


def profiles(text: str) -> list[KernelProfile]:
    return [ROCPROF.profile(record) for record in ROCPROF.read(text)]


def dispatched(**counters: int) -> Dispatched:
    return Dispatched("scale(float*, int)", COUNTERS | counters)


@pytest.mark.parametrize("write", WRITERS)
@given(values=st.lists(st.integers(0, 2**40), min_size=len(ASKED), max_size=len(ASKED)))
def test_counters_of_every_layout_give_the_same_counts(
    write: Callable[[Sequence[Dispatched]], str], values: list[int]
) -> None:
    c = dict(zip(ASKED, values, strict=True))
    [profile] = profiles(write([Dispatched("scale", c)]))

    def flop(bits: int) -> int:
        return (
            c[f"{VALU}ADD_F{bits}"]
            + c[f"{VALU}MUL_F{bits}"]
            + 2 * c[f"{VALU}FMA_F{bits}"]
            + c[f"{VALU}TRANS_F{bits}"]
        )

    matrix = sum(c[f"{VALU}MFMA_MOPS_{kind}"] for kind in ("F16", "BF16", "F32"))
    assert profile.operations == {
        Operation.SP: 64 * flop(32),
        Operation.HALF: 64 * flop(16),
        Operation.DP: 64 * flop(64) + 512 * c[f"{VALU}MFMA_MOPS_F64"],
        Operation.INT: 64 * (c[f"{VALU}INT32"] + c[f"{VALU}INT64"]),
        Operation.SPECIAL: 64 * sum(c[f"{VALU}TRANS_F{bits}"] for bits in (16, 32, 64)),
        Operation.TENSOR: 512 * matrix,
    }
    assert profile.dram_bytes == 1024 * (c["FETCH_SIZE"] + c["WRITE_SIZE"])


@pytest.mark.parametrize("write", WRITERS)
def test_a_dispatch_tells_its_shape_as_totals_and_its_time(
    write: Callable[[Sequence[Dispatched]], str],
) -> None:
    [profile] = profiles(
        write([replace(dispatched(), kernel="scale(float*, int) [clone .kd]", time_ns=1760)])
    )
    assert (profile.kernel, profile.flat) == ("scale(float*, int)", True)
    assert (profile.blocks, profile.threads_per_block) == (16, 256)
    assert profile.seconds == pytest.approx(1.76e-6)
    assert profile.registers == 12


def test_passes_in_one_file_or_in_several_are_one_profile() -> None:
    counters = {name: number for number, name in enumerate(ASKED)}
    passes = [
        rocprofv3_csv([Dispatched("k", {name: counters[name] for name in names})] * 2) for names in PASSES
    ]
    whole = profiles(rocprofv3_csv([Dispatched("k", counters)] * 2))
    assert profiles("".join(passes)) == whole
    assert [ROCPROF.profile(one) for one in united(map(ROCPROF.read, passes))] == whole


def test_a_counter_with_a_row_for_each_instance_is_added_up() -> None:
    text = rocprofv3_csv([dispatched(**{f"{VALU}INT32": 3})])
    row = next(line for line in text.splitlines() if "INT32" in line)
    assert profiles(text + row + "\n")[0].operations[Operation.INT] == 64 * 6


@pytest.mark.parametrize("prefix", ["TCC_EA", "TCC_EA0"])
def test_requests_to_memory_stand_for_the_derived_sizes(prefix: str) -> None:
    requests = {"RDREQ": 10, "RDREQ_32B": 4, "WRREQ": 7, "WRREQ_64B": 5}
    counters = {name: 0 for name in ASKED if "SIZE" not in name}
    counters |= {f"{prefix}_{name}_sum": count for name, count in requests.items()} | {"TCC_BUBBLE_sum": 1}
    [profile] = profiles(rocprofv3_csv([Dispatched("k", counters)]))
    assert profile.dram_bytes == 128 * 1 + 64 * (10 - 1 - 4) + 32 * 4 + 64 * 5 + 32 * 2


def test_missing_counters_are_named_with_how_to_collect_them() -> None:
    counters = {name: 0 for name in ASKED if name not in (f"{VALU}INT64", "WRITE_SIZE")}
    [record] = ROCPROF.read(rocprofv3_csv([Dispatched("k", counters)]))
    with pytest.raises(
        ProfileError, match=r"lacks SQ_INSTS_VALU_INT64, FETCH_SIZE, WRITE_SIZE: .*rocprofv3 -i"
    ):
        ROCPROF.profile(record)


def test_damage_is_refused_with_its_line() -> None:
    text = rocprofv3_csv([dispatched()])
    with pytest.raises(ProfileError, match=r"line 2: .* is no count"):
        ROCPROF.read(text.replace(",0,5000,6000", ",many,5000,6000", 1))
    with pytest.raises(ProfileError, match="the file is cut off"):
        ROCPROF.read(text[: text.rindex(",")])


def test_other_files_of_rocprof_are_not_taken_for_counters() -> None:
    trace = '"Kind","Agent_Id","Kernel_Name","Dispatch_Id","Workgroup_Size_X","Grid_Size_X"\n'
    assert not ROCPROF.recognises(trace)
    assert ROCPROF.recognises("RPL: on '221130'\n" + rocprof_csv([dispatched()]))


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("Unable to open /dev/kfd read-write: Permission denied", "usermod -aG render,video"),
        ("hipErrorNoDevice", "rocminfo"),
        ("Invalid counter: SQ_INSTS_VALU_INT64", "rocprofv3 -L"),
    ],
)
def test_a_refusal_is_explained_with_its_remedy(log: str, said: str) -> None:
    assert said in (ROCPROF.refusal(log) or "")
