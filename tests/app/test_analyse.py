"""From a program's files to its kernels' bounds."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from jouleline.app.analyse import Followed, analyse, parse_file, parse_files, split_run_line
from jouleline.app.program import read_program
from jouleline.app.workload import find_workload
from jouleline.core.counts import Operation
from jouleline.core.makefile import run_arguments, run_command
from jouleline.core.syntax import UnreadableSourceError
from jouleline.devices import load_catalogue
from jouleline.wiring import toolchains

SAMPLES = Path(__file__).parents[2] / "samples"
KNOWN: dict[str, Any] = tomllib.loads((SAMPLES / "known.toml").read_text(encoding="utf-8"))
DEVICE = load_catalogue().get(KNOWN["device"])


@pytest.mark.parametrize("known", KNOWN["kernel"], ids=lambda known: f"{known['sample']}-{known['line']}")
def test_every_kernel_of_the_samples_has_its_known_bound_and_driver(known: dict[str, Any]) -> None:
    program = read_program([SAMPLES / known["sample"]])
    parsed, problems = parse_files(program.files)
    arguments = find_workload(program, toolchains()).arguments
    found = analyse(parsed, DEVICE, arguments, tuple(problems))
    (report,) = [
        report
        for report in found.kernels
        if (report.kernel.name, report.kernel.line) == (known["name"], known["line"])
    ]
    assert (report.bound.kind, report.bound.driver) == (known["bound"], known.get("driver"))
    assert report.counts.shape.known
    if report.bound.driver is not None:
        # The known counts of what decides are a lower bound; expansions come on top.
        ratio = report.counts.operations[report.bound.driver] / known[report.bound.driver]
        assert 0.9 < ratio < 40  # a double-precision pow is 127 operations


def test_the_makefile_and_the_workload_of_a_sample_agree_on_the_arguments() -> None:
    program = read_program([SAMPLES / "jacobi-cuda"])
    command = run_command(program.makefile)
    assert command is not None
    assert run_arguments(command) == find_workload(program, toolchains()).arguments


KERNEL = b"""__global__ void k(float *x, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) x[i] = n;
}
"""


def test_a_kernel_and_its_launches_may_lie_in_different_files() -> None:
    files = {
        "k.cuh": KERNEL,
        "main.cu": b"int main() { k<<<8, 64>>>(x, 512); k<<<4, 64>>>(x, 256); k<<<8, 64>>>(x, 9); }",
    }
    found = analyse(parse_files(files)[0], DEVICE)
    # One record for each shape; the first launch comes first.
    assert [report.counts.shape.grid[0] for report in found.kernels] == [8, 4]
    assert {report.file for report in found.kernels} == {"k.cuh"}
    assert [launch.line for launch in found.launches["main.cu"]] == [1, 1, 1]
    assert found.of("k.cuh") == found.kernels
    assert found.of("main.cu") == ()


def test_a_template_is_counted_with_the_types_and_values_of_its_launch() -> None:
    kernel = (
        b"template <typename T, int N> __global__ void k(T *x) { for (int i = 0; i < N; i++) x[i] *= 2; }\n"
    )
    launches = b"void f() { k<float, 3><<<1, 1>>>(a); k<double, 5><<<1, 1>>>(b); }"
    single, double = analyse(parse_files({"k.cu": kernel + launches})[0], DEVICE).kernels
    assert [single.counts.operations[one] for one in (Operation.SP, Operation.DP)] == [3, 0]
    assert [double.counts.operations[one] for one in (Operation.SP, Operation.DP)] == [0, 5]


def test_a_kernel_without_a_launch_is_assumed_and_says_so() -> None:
    (report,) = analyse(parse_files({"k.cu": KERNEL})[0], DEVICE).kernels
    assert report.launch is None
    assert not report.counts.shape.known
    assert report.counts.assumptions[0] == "no launch found: 4096 blocks of 256 threads"


def test_host_code_is_followed_to_kernels_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Followed, "of", None)
    parsed, _ = parse_files({"a.cu": b"int main() { for (;;) { } }"})
    assert analyse(parsed, DEVICE).kernels == ()


def test_a_parameter_is_what_the_host_passes_though_a_line_is_half_typed() -> None:
    text = b"""#define UNUSED
        __global__ void k(float *a, int n) { for (int i = 0; i < n; i++) a[i] *= 2; }
        void run(float *a, int n) { k<<<64, 256>>>(a, n); }
        void start(float *a) { run(a, rows); }
        void typed() { int x = (4; }
        int main() { start(nullptr); }
    """
    parsed, _ = parse_files({"a.cu": text})
    (report,) = analyse(parsed, DEVICE).kernels
    assert any(note.startswith("rows = ") for note in report.counts.assumptions)


def test_run_line_and_macros_give_sizes() -> None:
    text = b"""#define BLOCK (4 * WARP)
#define WARP 32
void run(float *x, int n) { k<<<(n + BLOCK - 1) / BLOCK, BLOCK>>>(x, n); }
int main(int argc, char **argv) {
    int m = atoi(argv[1]);
    run(x, m * 10);
}
"""
    (report,) = analyse(parse_files({"k.cu": KERNEL + text})[0], DEVICE, ("100",)).kernels
    assert (report.counts.shape.grid, report.counts.shape.block) == ((8, 1, 1), (128, 1, 1))
    assert report.counts.shape.known
    assert "m = 100 from the run line" in report.counts.assumptions


def test_a_program_of_several_languages_has_all_its_kernels() -> None:
    openmp = (
        b"void f(int n, float *x) {\n#pragma omp parallel for\nfor (int i = 0; i < n; i++) x[i] = 0;\n}\n"
    )
    hip = b"#include <hip/hip_runtime.h>\n__global__ void h() {}\n"
    found = analyse(parse_files({"a.cu": KERNEL, "b.cpp": openmp, "c.hip": hip})[0], DEVICE)
    assert [str(report.kernel.language) for report in found.kernels] == ["cuda", "openmp", "hip"]


def test_what_is_no_source_becomes_a_problem_and_the_rest_is_read() -> None:
    parsed, problems = parse_files({"k.cu": KERNEL, "blob.cu": b"\0"})
    assert set(parsed) == {"k.cu"}
    assert [(problem.file, problem.line, problem.message) for problem in problems] == [
        ("blob.cu", 1, "is a binary file, not C++ source")
    ]
    with pytest.raises(UnreadableSourceError):
        parse_file(b"\0")


def test_an_unchanged_file_is_not_parsed_again() -> None:
    parsed = parse_file(KERNEL)
    assert parse_file(KERNEL, parsed) is parsed
    assert parse_file(KERNEL + b"// end\n", parsed).kernels[0][1].end == parsed.kernels[0][1].end


@pytest.mark.parametrize(
    "text",
    [
        "for (long i = 0; i < 1e300; i++) for (long j = 0; j < 1e300; j++) x[i] += 1.0f;",
        "for (int i = 0; i < n / 0; i++) x[i % 0] += 1 / 0;",
        "x[" * 500 + "0" + "]" * 500 + " = 1;",
        "if (" * 500,
        "int x = x; x[x] = x(x);",
        "\n#define n n * n + n\nfor (int i = 0; i < n; i++) x[n] = n;",
        "\n#define a b + b + b\n#define b a + a + a\nfor (int i = 0; i < b; i++) x[a] = b;",
        'goto a; a: x[0] = 1; asm volatile("bar"); try { x[0] = 1; } catch (...) {}',
        "auto f = [&](int q) { return q * 2; }; x[f(1)] = 1;",
        "x[i] = k(x, n);",
    ],
)
def test_odd_kernels_are_counted_without_an_error(text: str) -> None:
    source = (
        f"int q = q + q;\n__global__ void k(float *x, int n) {{ {text} }}\nvoid f() {{ k<<<n, n>>>(x, n); }}"
    )
    for report in analyse(parse_files({"k.cu": source.encode()})[0], DEVICE).kernels:
        assert all(0 <= amount <= 1e30 for amount in report.counts.operations.values())
        assert 0 <= report.counts.dram_bytes <= 1e30


def test_a_run_line_is_split_as_a_shell_does() -> None:
    assert split_run_line("512 'a b' -x") == ("512", "a b", "-x")
    assert split_run_line("it's 5") == ("it's", "5")
    assert split_run_line("") == ()
