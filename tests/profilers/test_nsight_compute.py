"""CSV of Nsight Compute, in every layout and unit, to exact counts; and how ncu says no.

The texts are written by tests/support/profiles.py in the layouts of real files.
"""

from __future__ import annotations

import ast
import csv
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.counts import Operation
from jouleline.core.ports import Availability
from jouleline.core.profile import KernelProfile, ProfileError
from jouleline.core.roofline import classify
from jouleline.devices import load_catalogue
from jouleline.profilers.nsight_compute import METRICS, NsightCompute
from tests.support.profiles import Launched, Style, ncu_csv

NCU = NsightCompute()
LABELS = Path(__file__).parents[3] / "shared" / "roofline" / "labels_dev.csv"
COUNTS = st.integers(0, 2**50)
STYLES = st.builds(
    Style,
    grouped=st.booleans(),
    byte=st.sampled_from(["byte", "Kbyte", "Mbyte", "Gbyte"]),
    inst=st.sampled_from(["inst", "Kinst", "Minst", "Ginst"]),
    time=st.sampled_from(["nsecond", "usecond", "msecond", "second", "ns", "us", "ms", "s"]),
)
SCALE = Launched("void scale<float>(T1 *, int)", 300, 0, 1000, 4096, 1760, (8, 4, 1), (32, 8, 1))


def profiles(text: str) -> list[KernelProfile]:
    return [NCU.profile(record) for record in NCU.read(text)]


def amounts(profile: KernelProfile) -> tuple[float, ...]:
    operations = profile.operations
    return (operations[Operation.SP], operations[Operation.DP], operations[Operation.INT], profile.dram_bytes)


@given(
    st.lists(
        st.builds(Launched, st.just("k"), COUNTS, COUNTS, COUNTS, COUNTS, st.integers(1, 10**12)), min_size=1
    ),
    STYLES,
    st.booleans(),
)
def test_any_counts_in_any_unit_and_layout_are_read_back_exactly(
    launches: list[Launched],
    style: Style,
    long: bool,  # noqa: FBT001 - drawn by hypothesis
) -> None:
    read = profiles(ncu_csv(launches, style, long=long))
    assert [amounts(one) for one in read] == [
        (one.sp, one.dp, one.integer, one.dram_bytes) for one in launches
    ]
    assert [one.seconds for one in read] == pytest.approx([one.time_ns * 1e-9 for one in launches], rel=1e-15)


@pytest.mark.skipif(not LABELS.exists(), reason="the corpus of profiled labels is not beside us")
def test_measured_counts_written_as_a_profile_give_every_label() -> None:
    programs = defaultdict(list)
    with LABELS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            programs[row["program"]].append(row)
    paper = load_catalogue().get("rtx-3080-paper")
    right = 0
    for rows in programs.values():
        launches = [
            Launched(
                row["kernel_display"],
                sp=int(float(row["sp_flop"])),
                dp=int(float(row["dp_flop"])),
                integer=int(float(row["intop"])),
                dram_bytes=int(float(row["dram_bytes"])),
                time_ns=int(float(row["time_ns"])),
                grid=ast.literal_eval(row["grid"]),
                block=ast.literal_eval(row["block"]),
            )
            for row in rows
        ]
        for row, profile in zip(rows, profiles(ncu_csv(launches)), strict=True):
            assert profile.kernel == row["kernel_display"]
            assert (profile.grid, profile.block) == (
                ast.literal_eval(row["grid"]),
                ast.literal_eval(row["block"]),
            )
            bound = classify(profile.counts(paper), paper)
            right += (str(bound.kind), str(bound.driver or "")) == (row["label"].lower(), row["driver"])
    assert right == sum(map(len, programs.values())) > 0


def test_a_launch_tells_its_shape_its_gpu_and_its_time() -> None:
    [profile] = profiles(ncu_csv([SCALE]))
    assert (profile.grid, profile.block) == ((8, 4, 1), (32, 8, 1))
    assert (profile.target, profile.profiler, profile.notes) == ("sm_86", "ncu", ())
    assert profile.seconds == pytest.approx(1.76e-6)


@pytest.mark.parametrize("long", [False, True])
def test_output_of_profiler_and_program_around_the_table_is_passed_over(long: bool) -> None:  # noqa: FBT001
    table = ncu_csv([SCALE, replace(SCALE, sp=600)], long=long).splitlines()
    text = "\n".join(
        [
            "==PROF== Connected to process 21524 (/tmp/main)",
            '==PROF== Profiling "scale": 0%....50%....100% - 9 passes',
            "n = 1000, residual 1,5",
            *table[:3],
            "3,14 is what the program prints",
            '"quoted"',
            "==PROF== Disconnected from process 21524",
            *table[3:],
        ]
    )
    assert [one.operations[Operation.SP] for one in profiles(text)] == [300, 600]


def test_tables_of_several_processes_follow_one_another() -> None:
    first, second = (replace(SCALE, process=process, sp=sp) for process, sp in ((1, 3), (2, 6)))
    together = profiles(ncu_csv([first, second], long=True))
    apart = profiles(ncu_csv([first]) + ncu_csv([second], long=True))
    assert [one.operations[Operation.SP] for one in together] == [3, 6]
    assert [one.operations[Operation.SP] for one in apart] == [3, 6]


def test_launches_are_told_apart_by_process_where_numbers_repeat() -> None:
    text = ncu_csv([SCALE, replace(SCALE, process=2, sp=600)], long=True).replace('"1","2"', '"0","2"')
    assert [one.operations[Operation.SP] for one in profiles(text)] == [300, 600]


def test_a_file_saved_again_without_quotes_is_read() -> None:
    launch = replace(SCALE, kernel="scale", grid=(8, 1, 1))
    quoted = ncu_csv([launch], Style(grouped=False))
    bare = "\n".join(
        ",".join(f'"{c}"' if "," in c else c for c in next(csv.reader([line])))
        for line in quoted.splitlines()
    )
    assert profiles(bare) == profiles(quoted)


def test_rounded_units_are_named_as_what_they_are() -> None:
    [profile] = profiles(ncu_csv([SCALE], Style(byte="Mbyte", time="usecond")))
    assert profile.notes == ("rounded by the profiler to Mbyte: --print-units base is exact",)


def test_total_bytes_stand_for_read_and_written_ones() -> None:
    launch = replace(
        SCALE,
        without=("dram__bytes_read.sum", "dram__bytes_write.sum"),
        more={"dram__bytes.sum": ("byte", "8,192")},
    )
    assert profiles(ncu_csv([launch]))[0].dram_bytes == 8192


def test_rates_of_the_roofline_sections_are_turned_into_counts() -> None:
    names = ("fadd", "fmul", "ffma", "dadd", "dmul", "dfma")
    sass = "smsp__sass_thread_inst_executed_op_{}_pred_on"
    rates = {
        f"{sass.format(n)}.sum.per_cycle_elapsed": ("inst/cycle", "0.5") for n in names if "fma" not in n
    }
    rates |= {f"derived__{sass.format(n)}_x2": ("inst/cycle", "4") for n in names if "fma" in n}
    launch = replace(
        SCALE,
        time_ns=1_000_000,
        without=(*(f"{sass.format(n)}.sum" for n in names), "dram__bytes_read.sum", "dram__bytes_write.sum"),
        more={
            **rates,
            "smsp__cycles_elapsed.avg.per_second": ("cycle/nsecond", "1.5"),
            "dram__bytes.sum.per_second": ("Gbyte/second", "2.0"),
        },
    )
    [profile] = profiles(ncu_csv([launch]))
    # 1.5 GHz for 1 ms are 1.5 million cycles; 0.5 + 0.5 + 4 operations in each.
    assert amounts(profile) == (7.5e6, 7.5e6, 1000, 2e6)


def test_half_precision_counts_two_numbers_an_instruction() -> None:
    sass = "smsp__sass_thread_inst_executed_op_{}_pred_on.sum"
    more = {sass.format(name): ("inst", "10") for name in ("hadd", "hmul", "hfma")}
    assert profiles(ncu_csv([replace(SCALE, sp=0, more=more)]))[0].operations[Operation.HALF] == 20 + 20 + 40


def test_tensor_operations_are_added_without_counting_a_path_twice() -> None:
    more = {
        "sm__ops_path_tensor_src_fp16_dst_fp32.sum": ("", "1,000"),
        "sm__ops_path_tensor_src_fp16_dst_fp32_sparsity_off.sum": ("", "900"),
        "sm__ops_path_tensor_src_fp16_dst_fp32_sparsity_on.sum": ("", "100"),
        "sm__ops_path_tensor_src_fp64.sum": ("", "24"),
    }
    [plain], [found] = (profiles(ncu_csv([one])) for one in (SCALE, replace(SCALE, more=more)))
    assert found.operations[Operation.TENSOR] == 1000
    assert found.operations[Operation.DP] == plain.operations[Operation.DP] + 24


def test_volta_counts_tensor_instructions() -> None:
    more = {"sm__inst_executed_pipe_tensor.sum": ("inst", "3")}
    volta, ampere = (profiles(ncu_csv([replace(SCALE, more=more)], cc=cc))[0] for cc in ("7.0", "8.6"))
    assert volta.operations[Operation.TENSOR] == 3 * 512
    assert ampere.operations[Operation.TENSOR] == 0


@pytest.mark.parametrize("value", ["n/a", "nan", "", "(!) n/a"])
def test_a_metric_without_a_value_is_missing_and_named_with_the_command(value: str) -> None:
    name = "smsp__sass_thread_inst_executed_op_integer_pred_on.sum"
    [record] = NCU.read(
        ncu_csv([replace(SCALE, without=(name,), more={name: ("inst", value)})]).replace("(!) ", "")
    )
    with pytest.raises(
        ProfileError, match=rf"lacks {name}: collect with `ncu --csv .*--metrics {METRICS[0]},"
    ):
        NCU.profile(record)


def test_without_durations_the_reader_says_which_launch_it_is() -> None:
    [profile] = profiles(ncu_csv([replace(SCALE, without=("gpu__time_duration.sum",))]))
    assert profile.seconds is None
    assert "no durations" in profile.notes[0]


@pytest.mark.parametrize(
    "value", ["65,77", "27.595.520", "1.234,5", "1'234'567", "1\u202f234\u202f567", "117.344"]
)
def test_numbers_of_another_locale_are_refused_and_not_misread(value: str) -> None:
    name = "dram__bytes_read.sum"
    text = ncu_csv([replace(SCALE, without=(name,), more={name: ("byte", value)})])
    with pytest.raises(ProfileError, match=r"line 3: dram__bytes_read\.sum is .*LC_ALL=C"):
        NCU.read(text)


@pytest.mark.parametrize(
    ("unit", "value", "said"),
    [
        ("byte", "-4", "never negative"),
        ("byte", "many", "no number"),
        ("furlong", "4", "unit that is not known"),
    ],
)
def test_what_is_no_count_is_refused_with_its_line(unit: str, value: str, said: str) -> None:
    name = "dram__bytes_read.sum"
    with pytest.raises(ProfileError, match=rf"line 3: .*{said}"):
        NCU.read(ncu_csv([replace(SCALE, without=(name,), more={name: (unit, value)})]))


# Before the last column, and within its number: "1,760".
@pytest.mark.parametrize("cut", [',"', ",7"])
def test_a_file_that_was_cut_off_is_refused_with_its_line(cut: str) -> None:
    text = ncu_csv([SCALE, SCALE])
    with pytest.raises(ProfileError, match=r"line 4 is not a whole row of \d+ columns: the file is cut off"):
        NCU.read(text[: text.rindex(cut)])


@given(st.text(max_size=200))
def test_any_text_behind_a_head_is_read_or_refused_with_a_sentence(text: str) -> None:
    try:
        NCU.read(ncu_csv([SCALE]) + text)
    except ProfileError as error:
        assert str(error).startswith("line ")  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (
            (
                "==PROF== Connected to process 7\n==ERROR== ERR_NVGPUCTRPERM - The user does not have "
                "permission to access NVIDIA GPU Performance Counters on the target device 0."
            ),
            "NVreg_RestrictProfilingToAdminUsers=0",
        ),
        (
            (
                "==ERROR== Profiling failed because a driver resource was unavailable. Ensure that no other "
                "tool (like DCGM) is concurrently collecting profiling data."
            ),
            "dcgmi profile --pause",
        ),
        ("==ERROR== Profiling is not supported on this device.", "--list-chips"),
        ("error: no CUDA-capable device is detected", "nvidia-smi"),
        ("==ERROR== unrecognised option '--kernel-id'. Use --help for further details.", "current Nsight"),
        ("==ERROR== Something new", "ncu says: Something new"),
    ],
)
def test_a_refusal_is_explained_with_its_remedy(log: str, said: str) -> None:
    assert said in (NCU.refusal(log) or "")


def test_no_refusal_is_found_where_there_is_none() -> None:
    assert NCU.refusal("==PROF== Connected\n==WARNING== No kernels were profiled.\n") is None
    assert NCU.refusal("==ERROR== The application returned an error code (1).") is None


def test_doctor_sees_that_only_administrators_may_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ncu"
    program.write_text("#!/bin/sh\n# A double of ncu.\necho 'Version 2026.1.0.0 (build 1)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    system = tmp_path / "system"
    profiler = NsightCompute(system)
    assert "no NVIDIA GPU" in profiler.find().detail
    for folder in ("dev", "proc/driver/nvidia", "proc/self"):
        (system / folder).mkdir(parents=True)
    (system / "dev/nvidiactl").touch()
    (system / "proc/driver/nvidia/params").write_text("ResmanDebugLevel: 0\nRmProfilingAdminOnly: 1\n")
    status = system / "proc/self/status"
    status.write_text("Name:\tx\nCapEff:\t0000000000000000\n")
    refused = profiler.find()
    assert refused.availability is Availability.LIMITED
    assert "NVreg_RestrictProfilingToAdminUsers=0" in refused.remedy
    status.write_text("Name:\tx\nCapEff:\t000001ffffffffff\n")
    assert profiler.find().availability is Availability.READY


def test_the_command_asks_for_every_metric_and_takes_the_run_line_as_it_is() -> None:
    command = NCU.command("OMP_X='a b' ./main 3 | tail", "out")
    assert ",".join(METRICS) in command
    assert command.endswith("""sh -c 'OMP_X='"'"'a b'"'"' ./main 3 | tail'""")
    assert "Tensor" not in command
    assert "Tensor" in NCU.command("./main", "out", tensor=True)
