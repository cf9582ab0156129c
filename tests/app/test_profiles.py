"""From a profiler's file to the kernels of a program: whose launch is it, and what is said of the rest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from jouleline.app.analyse import Analysis, KernelReport, analyse, parse_files
from jouleline.app.bound_report import bound_json
from jouleline.app.evidence import refined
from jouleline.app.profiles import ProfileEvidence, decode_profile, read_profile
from jouleline.app.program import Program
from jouleline.core.counts import Evidence, Operation
from jouleline.core.profile import ProfileError
from jouleline.wiring import catalogue, profilers
from tests.support.profiles import Dispatched, Launched, ncu_csv, rocprofv3_csv

CUDA = b"""\
template <typename T> __global__ void scale(T *x, int n) { x[threadIdx.x] *= 2; }
__global__ void add(float *x, const float *y) { x[threadIdx.x] += y[threadIdx.x]; }
__global__ void unused(float *x) { x[0] = 0; }
int main(int argc, char **argv) {
    int n = atoi(argv[1]);
    scale<float><<<n / 256, 256>>>(x, n);
    scale<double><<<n / 256, 256>>>(y, n);
    add<<<64, 128>>>(x, y);
}
"""
OPENMP = b"""\
void step(float *x, int n) {
#pragma omp target teams distribute parallel for
    for (int i = 0; i < n; i++) x[i] *= 2;
}
int main() {
#pragma omp target teams distribute parallel for
    for (int i = 0; i < 10; i++) a[i] = 1;
#pragma omp parallel for
    for (int i = 0; i < 10; i++) b[i] = 1;
}
"""


def refine(source: bytes, text: str, name: str = "main.cu", gpu: str = "rtx-3080-paper") -> Analysis:
    parsed, _ = parse_files({name: source})
    analysis = analyse(parsed, catalogue().get(gpu), ("1024",))
    evidence = ProfileEvidence(read_profile({"p.csv": text}, profilers()), "p.csv")
    return refined(analysis, evidence.refine(analysis, Program(Path(), {name: source})))


def measured(analysis: Analysis, name: str) -> list[KernelReport]:
    return [one for one in analysis.kernels if one.kernel.name == name and one.profile]


def said(analysis: Analysis) -> list[str]:
    return [f"{problem.file}:{problem.line}: {problem.message}" for problem in analysis.problems]


def test_measured_counts_replace_the_sources_and_decide_the_bound() -> None:
    launch = Launched("add(float *, const float *)", sp=10**9, integer=7, dram_bytes=3328, grid=(64, 1, 1),
                      block=(128, 1, 1))  # fmt: skip
    [report] = measured(refine(CUDA, ncu_csv([launch])), "add")
    assert report.evidence is Evidence.PROFILE
    assert (report.counts.operations[Operation.SP], report.counts.dram_bytes) == (1e9, 3328)
    assert (str(report.bound.kind), report.bound.driver) == ("compute", Operation.SP)
    assert report.counts.assumptions == ()
    assert report.counts.shape.known


def test_each_instantiation_takes_its_own_launch() -> None:
    launches = [
        Launched("void scale<double>(T1 *, int)", dp=5, grid=(4, 1, 1)),
        Launched("void scale<float>(T1 *, int)", sp=7, grid=(4, 1, 1)),
    ]
    second, first = measured(refine(CUDA, ncu_csv(launches)), "scale")
    assert (first.kernel.display, first.counts.operations[Operation.SP]) == ("scale<float>(T*, int)", 7)
    assert (second.kernel.display, second.counts.operations[Operation.DP]) == ("scale<double>(T*, int)", 5)


def test_shapes_that_the_source_does_not_tell_give_a_report_each() -> None:
    launches = [
        Launched("add(float *, const float *)", sp=sp, grid=(grid, 1, 1), block=(128, 1, 1))
        for sp, grid in ((1, 32), (2, 64), (3, 16), (4, 32))
    ]
    reports = measured(refine(CUDA, ncu_csv(launches)), "add")
    # The order is that of the first launch of each shape, whichever of them the source tells.
    assert [(one.counts.shape.grid[0], one.counts.operations[Operation.SP]) for one in reports] == [
        (32, 1),
        (64, 2),
        (16, 3),
    ]


def test_kernels_of_others_and_kernels_never_launched_are_named() -> None:
    strangers = [Launched(f"cub::kernel_{number}(int)") for number in range(7)]
    messages = said(refine(CUDA, ncu_csv([Launched("add(float *, const float *)"), *strangers])))
    assert (
        "p.csv:1: profiled, but not a kernel of this program: cub::kernel_0(int), cub::kernel_1(int), "
        "cub::kernel_2(int), cub::kernel_3(int), cub::kernel_4(int) and 2 more"
    ) in messages
    assert "main.cu:3: unused was not launched in the profiled run (p.csv)" in messages
    assert not any("add was not" in message for message in messages)


def test_regions_are_found_by_line_and_function_and_host_regions_are_not_missed() -> None:
    launches = [
        Launched("__omp_offloading_fd02_2c4b1_main_l6", sp=6),
        Launched("__omp_offloading_fd02_2c4b1__Z4stepPfi_l2", sp=2),
    ]
    analysis = refine(OPENMP, ncu_csv(launches), "main.cpp")
    assert [
        (one.kernel.line, one.counts.operations[Operation.SP]) for one in analysis.kernels if one.profile
    ] == [
        (2, 2),
        (6, 6),
    ]
    assert said(analysis) == []


def test_a_mangled_name_and_one_of_an_anonymous_namespace_are_found() -> None:
    for name in ("_Z3addPfPKf", "(anonymous namespace)::add(float *, const float *)", "add"):
        assert measured(refine(CUDA, ncu_csv([Launched(name, sp=1)])), "add")


def test_overloads_are_told_apart_by_their_parameters() -> None:
    source = b"__global__ void f(float *x) { x[0] = 1; }\n__global__ void f(double *x, int n) { x[0] = 1; }\n"
    launches = [Launched("f(double *, int)", dp=1), Launched("f(float *)", sp=1)]
    analysis = refine(source, ncu_csv(launches))
    assert [(one.kernel.line, one.counts.operations[Operation.SP]) for one in analysis.kernels] == [
        (1, 1),
        (2, 0),
    ]


def test_two_definitions_that_nothing_tells_apart_are_named() -> None:
    one, other = (b"__global__ void f(float *x) { x[0] = %d; }\n" % value for value in (1, 2))
    source = b"#ifdef A\n" + one + b"#else\n" + other + b"#endif\n"
    analysis = refine(source, ncu_csv([Launched("f(float *)", sp=1)]))
    assert said(analysis) == [
        "main.cu:2: f(float *) may be any of 2 definitions of that name; taken for this one"
    ]


def test_a_profile_of_another_gpu_says_so() -> None:
    text = ncu_csv([Launched("add(float *, const float *)")])
    [report] = measured(refine(CUDA, text, gpu="a100-sxm4-40gb"), "add")
    assert report.counts.assumptions == (
        "DRAM traffic as on the GPU that was profiled (sm_86); a100-sxm4-40gb (sm_80) has other caches",
    )


def test_totals_of_rocprof_keep_the_shape_that_the_source_tells() -> None:
    source = b"#include <hip/hip_runtime.h>\n__global__ void k(float *x) { x[0] = 1; }\n"
    source += b"int main() { k<<<dim3(4, 4), dim3(16, 16)>>>(0); }\n"
    counters = {
        name: 0 for one in profilers() if one.name == "rocprof" for name in _asked(one.command("x", "y"))
    }
    text = rocprofv3_csv([Dispatched("k(float*)", counters, threads=4096, group=256)])
    [report] = measured(refine(source, text, "main.hip", "mi250x-gcd"), "k")
    assert (report.counts.shape.grid, report.counts.shape.block) == ((4, 4, 1), (16, 16, 1))


def _asked(command: str) -> list[str]:
    return [word.strip("'") for word in command.split() if word.startswith(("SQ_", "FETCH", "WRITE"))]


def test_a_launch_that_lacks_a_metric_is_named_and_the_others_are_kept() -> None:
    name = "smsp__sass_thread_inst_executed_op_integer_pred_on.sum"
    launches = [
        Launched("add(float *, const float *)", sp=1),
        Launched("unused(float *)", without=(name,)),
    ]
    analysis = refine(CUDA, ncu_csv(launches))
    assert measured(analysis, "add")
    assert any(
        f"unused(float *) lacks {name}: collect with `ncu --csv" in message for message in said(analysis)
    )


def test_the_json_says_who_measured() -> None:
    launch = Launched("add(float *, const float *)", time_ns=1760, more={
        "launch__registers_per_thread": ("register/thread", "24"),
        "sm__warps_active.avg.pct_of_peak_sustained_active": ("%", "62.5"),
    })  # fmt: skip
    document = bound_json(refine(CUDA, ncu_csv([launch])), "1024")
    [kernel] = [one for one in document["kernels"] if one["name"] == "add"]
    assert kernel["evidence"] == "profile"
    assert kernel["profile"] == {
        "profiler": "ncu",
        "kernel": "add(float *, const float *)",
        "target": "sm_86",
        "seconds": 1.76e-06,
        "registers": 24,
        "occupancy": 0.625,
    }
    assert all("profile" not in one for one in document["kernels"] if one["name"] != "add")


def test_files_of_several_runs_are_one_profile() -> None:
    whole = Launched("add(float *, const float *)", sp=30, dram_bytes=99)
    names = ("dram__bytes_read.sum", "dram__bytes_write.sum")
    without_bytes = replace(whole, without=names)
    others = tuple(name for name in whole.metrics() if name not in names)
    files = {"a.csv": ncu_csv([without_bytes]), "b.csv": ncu_csv([replace(whole, without=others)])}
    [profile] = read_profile(files, profilers()).launches
    assert (profile.operations[Operation.SP], profile.dram_bytes) == (30, 99)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", r"p\.csv: is no CSV of ncu or rocprof"),
        ("a,b\n1,2\n", r"p\.csv: is no CSV of ncu or rocprof"),
        (
            "==ERROR== ERR_NVGPUCTRPERM - no",
            r"p\.csv: holds no profile: NVIDIA's driver lets only administrators",
        ),
        (
            ncu_csv([Launched("k", without=("gpu__time_duration.sum",))])[:-9],
            r"p\.csv: line 3 is not a whole row",
        ),
        (
            ncu_csv([Launched("k")]).splitlines()[0],
            r"p\.csv: nothing in it can be used: no kernel was launched",
        ),
        (
            ncu_csv([Launched("k", without=("dram__bytes_read.sum",))]),
            r"p\.csv: nothing in it can be used: k lacks dram__bytes_read\.sum, dram__bytes_write\.sum",
        ),
    ],
)
def test_a_file_that_is_no_profile_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ProfileError, match=sentence):
        read_profile({"p.csv": text}, profilers())


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("a.ncu-rep", b"NVR\0\1", "ncu --import a.ncu-rep --csv"),
        ("a.db", b"SQLite format 3\0", "--output-format csv"),
        ("a.csv", b"\0\1\2", "is no text"),
        ("a.csv", b"\xff\xff", "is no text"),
    ],
)
def test_reports_that_are_no_text_say_how_to_write_them_as_text(
    name: str, data: bytes, sentence: str
) -> None:
    with pytest.raises(ProfileError, match=f"{name}: .*{sentence}"):
        decode_profile(name, data)


def test_texts_as_windows_writes_them_are_decoded() -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert decode_profile("a.csv", "ID,é".encode(encoding)) == "ID,é"
