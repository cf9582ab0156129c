"""OpenMP regions: which directives open a kernel, and what it spans."""

from pathlib import Path

import pytest

from jouleline.app.analyse import analyse, parse_files
from jouleline.core.counts import Operation
from jouleline.core.kernel import Kernel, Language
from jouleline.core.syntax import parse
from jouleline.languages.openmp import OPENMP
from jouleline.wiring import catalogue

SAMPLES = Path(__file__).parents[2] / "samples"


def kernels(text: str) -> list[Kernel]:
    return OPENMP.kernels(parse(text.encode()))


def in_function(body: str) -> list[Kernel]:
    return kernels(f"void f(int n, float *x) {{\n{body}\n}}\n")


LOOP = "for (int i = 0; i < n; i++) x[i] = 0;"


@pytest.mark.parametrize(
    "directive",
    [
        "#pragma omp parallel for",
        "#pragma omp parallel",
        "#pragma omp target",
        "#pragma omp target teams distribute parallel for",
        "#pragma omp target teams loop",
        "#pragma omp target \\\n  teams distribute \\\n  parallel for map(from: x[0:n])",
    ],
)
def test_a_parallel_or_target_directive_opens_a_kernel(directive: str) -> None:
    (kernel,) = in_function(f"{directive}\n  {LOOP}")
    lines = directive.count("\n")
    assert (kernel.name, kernel.language, kernel.line, kernel.end_line) == (
        "f",
        Language.OPENMP,
        2,
        3 + lines,
    )
    assert kernel.display == "f @line 2"
    assert kernel.node is not None
    assert kernel.node.type == "for_statement"
    text = kernel.source.text.data
    assert text[kernel.start : kernel.end].decode() == f"{directive}\n  {LOOP}"
    assert text[: kernel.anchor].decode().endswith(directive)


@pytest.mark.parametrize(
    "directive",
    [
        "#pragma omp target data map(to: x[0:n])",
        "#pragma omp target enter data map(to: x[0:n])",
        "#pragma omp target exit data map(from: x[0:n])",
        "#pragma omp target update from(x[0:n])",
        "#pragma omp declare target",
        "#pragma omp end declare target",
        "#pragma omp simd",
        "#pragma omp for",
        "#pragma omp barrier",
        "#pragma omp critical(target)",
    ],
)
def test_other_directives_open_none(directive: str) -> None:
    assert in_function(f"{directive}\n{LOOP}") == []


def test_a_region_inside_a_data_region_is_a_kernel_and_one_inside_a_kernel_is_not() -> None:
    found = in_function(
        f"""#pragma omp target data map(tofrom: x[0:n])
        {{
        #pragma omp target teams distribute
        for (int i = 0; i < n; i++) {{
            #pragma omp parallel for
            for (int j = 0; j < n; j++) x[i] += j;
        }}
        #pragma omp target teams distribute parallel for
        {LOOP}
        }}"""
    )
    assert [kernel.line for kernel in found] == [4, 9]


def test_comments_and_further_pragmas_may_stand_between() -> None:
    (kernel,) = in_function(f"#pragma omp parallel\n// all of it\n#pragma omp for\n{LOOP}")
    assert kernel.node is not None
    assert kernel.node.type == "for_statement"


@pytest.mark.parametrize(
    "text",
    [
        f"#ifdef GPU\n#pragma omp target teams distribute parallel for\n#endif\n{LOOP}",
        f"#ifdef GPU\n#pragma omp target\n#else\n#pragma omp parallel for\n#endif\n{LOOP}",
        f"#if A\n#elif B\n#pragma omp parallel for\n#endif\n{LOOP}",
    ],
)
def test_a_directive_under_an_ifdef_applies_to_what_follows(text: str) -> None:
    (kernel,) = in_function(text)
    assert kernel.node is not None
    assert kernel.node.type == "for_statement"


def test_the_name_is_that_of_the_function_around() -> None:
    text = "template <class T> void S::run(T *x) {\n#pragma omp parallel for\nfor (;;) {} }"
    assert [kernel.name for kernel in kernels(text)] == ["run"]
    assert [kernel.name for kernel in kernels("#pragma omp parallel for\nfor (;;) {}")] == ["?"]


@pytest.mark.parametrize(
    "body",
    [
        "#pragma omp parallel for",
        "#pragma omp parallel for\nfor (int i",
        "#pragma omp target map(",
        '_Pragma("omp parallel for") for (;;) {}',
    ],
)
def test_a_half_typed_region_is_read(body: str) -> None:
    for kernel in in_function(body) + kernels(f"void f() {{ {body}"):
        assert kernel.start <= kernel.anchor <= kernel.end


@pytest.mark.parametrize("file", sorted(SAMPLES.glob("*-omp*/*.cpp")), ids=lambda file: file.parent.name)
def test_a_cut_file_keeps_the_kernels_before_the_cut(file: Path) -> None:
    data = file.read_bytes()
    whole = OPENMP.kernels(parse(data))
    assert whole
    for cut in range(0, len(data), 50):
        # A cut inside the function may leave the parser without the function's name.
        complete = [(kernel.line, kernel.end) for kernel in whole if kernel.end <= cut]
        seen = [(kernel.line, kernel.end) for kernel in OPENMP.kernels(parse(data[:cut]))]
        assert seen[: len(complete)] == complete


def shapes(text: str) -> list[tuple[str, tuple[int, int, int], tuple[int, int, int], bool]]:
    """The displays and launch shapes of a program's regions."""
    reports = analyse(parse_files({"main.cpp": text.encode()})[0], catalogue().get("rtx-3080-paper")).kernels
    return [
        (one.kernel.display, one.counts.shape.grid, one.counts.shape.block, one.counts.shape.known)
        for one in reports
    ]


def test_teams_that_are_asked_for_but_not_known_are_assumed_to_be_many() -> None:
    text = """int main() { int n; read(&n);
#pragma omp target teams num_teams(n / 16) thread_limit(64)
    { work(); } }"""
    ((_, grid, block, known),) = shapes(text)
    assert grid[0] >= 1024
    assert block == (64, 1, 1)
    assert not known


def test_each_instantiation_around_a_region_is_a_record_with_its_types() -> None:
    text = """template <typename T> void scale(T *a, int n) {
#pragma omp target teams distribute parallel for num_threads(128)
  for (int i = 0; i < n; i++) a[i] = a[i] * (T)2;
}
int main() {
  scale<float>((float *)malloc(4096), 1024);
  scale<double>((double *)malloc(8192), 1024);
}"""
    parsed, _ = parse_files({"main.cpp": text.encode()})
    one, two = analyse(parsed, catalogue().get("rtx-3080-paper")).kernels
    assert (one.kernel.display, two.kernel.display) == ("scale<float> @line 2", "scale<double> @line 2")
    assert (one.counts.operations[Operation.SP], one.counts.operations[Operation.DP]) == (1024, 0)
    assert (two.counts.operations[Operation.SP], two.counts.operations[Operation.DP]) == (0, 1024)


def test_an_unknown_template_argument_is_taken_for_float_and_said() -> None:
    text = """template <typename T> void scale(T *a, int n) {
#pragma omp target teams distribute parallel for
  for (int i = 0; i < n; i++) a[i] = a[i] * a[i];
}"""
    (report,) = analyse(
        parse_files({"main.cpp": text.encode()})[0], catalogue().get("rtx-3080-paper")
    ).kernels
    assert report.counts.operations[Operation.SP] > 0
    assert any(note.startswith("T = float") for note in report.counts.assumptions)


def test_a_name_of_a_block_that_has_ended_means_what_it_meant_before() -> None:
    text = """int main() {
  float *u = (float *)malloc(4096), *x = (float *)malloc(4096);
  { double u = 2; x[0] = u; }
  for (int u = 0; u < 9; u++) { x[u] = 0; }
#pragma omp target teams distribute parallel for
  for (int i = 0; i < 1024; i++) x[i] = u[i] * u[i];
}"""
    parsed, _ = parse_files({"main.cpp": text.encode()})
    (report,) = analyse(parsed, catalogue().get("rtx-3080-paper")).kernels
    assert {array.name for array in report.counts.arrays} == {"x", "u"}
    assert (report.counts.operations[Operation.SP], report.counts.operations[Operation.DP]) == (1024, 0)


def test_a_loop_that_starts_at_a_remainder_of_the_threads_number_runs_as_often_as_on_average() -> None:
    text = """int main() {
  float *x = (float *)malloc(4096);
#pragma omp target teams num_teams(4) thread_limit(128)
#pragma omp parallel
  { int t = omp_get_team_num() * 128 + omp_get_thread_num();
    for (int i = t % 64; i < 1024; i += 64) x[i] = x[i] * 2.0f; }
}"""
    parsed, _ = parse_files({"main.cpp": text.encode()})
    (report,) = analyse(parsed, catalogue().get("rtx-3080-paper")).kernels
    assert report.counts.operations[Operation.SP] == pytest.approx(512 * 16)


@pytest.mark.parametrize(
    ("outer", "head", "inner", "sp"),
    [
        ("target teams distribute", "for (int i = 0; i < 64; i++)", "parallel for", 64 * 32),
        ("target teams distribute parallel for", "for (int i = 0; i < 64; i++)", "simd", 64 * 32),
        ("target teams distribute parallel for", "for (int i = 0; i < 64; i++) if (i < 16)", "simd", 16 * 32),
        ("", "for (int t = 0; t < 3; t++)", "target teams distribute parallel for", 32),
        ("", "if (argc == 1)", "target teams \\\r\n  distribute parallel for", 32),
        ("", "if (argc > 9) exit(1); else /* go on */", "target teams distribute parallel for", 32),
    ],
)
def test_a_directive_applies_to_a_body_without_braces_as_it_does_to_one_in_them(
    outer: str, head: str, inner: str, sp: float
) -> None:
    def found(opening: str, closing: str) -> list[object]:
        directive = f"#pragma omp {outer}\n" if outer else ""
        loop = "for (int j = 0; j < 32; j++)"
        text = f"""int main(int argc, char **argv) {{ float *a = (float *)malloc(1 << 20);
{directive}{head}{opening}
    #pragma omp {inner}
    {loop}{opening}
        #pragma omp atomic
        a[j] *= 2.0f; {closing} {closing} }}"""
        parsed, _ = parse_files({"main.cpp": text.encode()})
        assert not parsed["main.cpp"].source.root.has_error
        reports = analyse(parsed, catalogue().get("rtx-3080-paper")).kernels
        assert [one.counts.operations[Operation.SP] for one in reports] == [sp]
        return [
            (one.kernel.line, one.kernel.end_line, one.counts.shape, one.counts.operations) for one in reports
        ]

    assert found("", "") == found(" {", "}")


@pytest.mark.parametrize("inner", ["", "#pragma omp parallel for simd reduction(+:s)"])
def test_a_parallel_loop_within_a_parallel_loop_is_done_by_one_thread(inner: str) -> None:
    text = f"""int main() {{
  int n = 1 << 17, m = 1 << 22;
  float *x = (float *)malloc(4 * n), *y = (float *)malloc(4 * m);
#pragma omp target teams distribute parallel for map(to : y[0:m]) map(from : x[0:n])
  for (int i = 0; i < n; i++) {{ float s = 0;
{inner}
    for (int j = 0; j < m; j++) s += y[j];
    x[i] = s; }}
}}"""
    parsed, _ = parse_files({"main.cpp": text.encode()})
    (report,) = analyse(parsed, catalogue().get("rtx-3080-paper")).kernels
    assert report.counts.operations[Operation.SP] == 2**39
    assert report.counts.dram_bytes < 10 * 4 * 2**22  # all threads of a wave read the same element


@pytest.mark.parametrize(
    ("declared", "element"),
    [("T *{0} = new T[N * N];", "{0}[i * N + j]"), ("T(*{0})[N] = new T[N][N];", "{0}[i][j]")],
)
def test_a_pointer_to_rows_is_an_array_of_them(declared: str, element: str) -> None:
    text = f"""#define N 4096
typedef float T;
int main() {{
  {declared.format("a")} {declared.format("b")}
#pragma omp target teams distribute parallel for collapse(2)
  for (int i = 0; i < N; i++) for (int j = 0; j < N; j++) {element.format("a")} = {element.format("b")};
}}"""
    parsed, _ = parse_files({"main.cpp": text.encode()})
    (report,) = analyse(parsed, catalogue().get("rtx-3080-paper")).kernels
    arrays = {array.name: array.dram_bytes for array in report.counts.arrays}
    assert arrays == pytest.approx(dict.fromkeys("ab", 4 * 4096**2), rel=0.03)


def test_what_a_thread_draws_is_its_own_as_in_cuda() -> None:
    draw = "int draw(unsigned *seed) { *seed = *seed * 1103515245 + 12345; return *seed % 16777216; }"
    body = "unsigned seed = i; b[i] = a[draw(&seed)];"
    region = f"""{draw}
int main() {{ int n = 1 << 24; float *a = (float *)malloc(4 * n), *b = (float *)malloc(4 * n);
#pragma omp target teams distribute parallel for map(to : a[0:n]) map(from : b[0:n])
  for (int i = 0; i < n; i++) {{ {body} }} }}"""
    kernel = f"""__device__ {draw}
__global__ void k(float *a, float *b) {{ int i = blockIdx.x * blockDim.x + threadIdx.x; {body} }}
int main() {{ float *a, *b; cudaMalloc(&a, 4 << 24); cudaMalloc(&b, 4 << 24); k<<<1 << 16, 256>>>(a, b); }}"""
    parsed, _ = parse_files({"main.cpp": region.encode()})
    (of_region,) = analyse(parsed, catalogue().get("rtx-3080-paper")).kernels
    parsed, _ = parse_files({"main.cu": kernel.encode()})
    (of_kernel,) = analyse(parsed, catalogue().get("rtx-3080-paper")).kernels
    assert of_region.counts.dram_bytes == pytest.approx(of_kernel.counts.dram_bytes, rel=0.05)


@pytest.mark.parametrize(
    "table", ["float table[256];", "float *table = new float[256];", "float table[] = {1, 2};"]
)
@pytest.mark.parametrize("is_global", [False, True])
def test_the_size_of_an_array_bounds_what_is_read_of_it(table: str, is_global: bool) -> None:  # noqa: FBT001
    text = f"""{table if is_global else ""}
int main() {{ int n = 1 << 24; float *x = (float *)malloc(4 * n); {"" if is_global else table}
#pragma omp target teams distribute parallel for map(tofrom : x[0:n])
  for (int i = 0; i < n; i++) x[i] = table[(int)x[i]]; }}"""
    parsed, _ = parse_files({"main.cpp": text.encode()})
    (report,) = analyse(parsed, catalogue().get("rtx-3080-paper")).kernels
    arrays = {array.name: array.dram_bytes for array in report.counts.arrays}
    assert arrays["table"] <= 1024


@pytest.mark.parametrize("declared", ["const float half = 1.0f / 2;", "constexpr float half = 0.5f;"])
def test_what_the_compiler_knows_of_a_global_it_knows_in_a_region(declared: str) -> None:
    text = f"""{declared}
int main() {{ float *x = (float *)malloc(4096);
#pragma omp target teams distribute parallel for
  for (int i = 0; i < 1024; i++) x[i] = x[i] / half; }}"""
    parsed, _ = parse_files({"main.cpp": text.encode()})
    (report,) = analyse(parsed, catalogue().get("rtx-3080-paper")).kernels
    assert report.counts.operations[Operation.SP] == 1024  # a product with 2


@pytest.mark.parametrize(
    ("header", "directive", "call", "counted"),
    [
        ("<cmath>", "parallel for", "sqrt", Operation.DP),
        ("<cmath>", "parallel for", "std::sqrt", Operation.SP),
        ("<math.h>", "parallel for", "rsqrt", Operation.SP),
        ("<cmath>", "target teams distribute parallel for", "rsqrt", Operation.SP),
    ],
)
def test_functions_of_mathematics_are_those_that_a_compiler_finds(
    header: str, directive: str, call: str, counted: Operation
) -> None:
    text = f"""#include {header}
int main() {{ float *x = (float *)malloc(4096);
#pragma omp {directive}
  for (int i = 0; i < 1024; i++) x[i] = 1.0f + {call}(x[i]); }}"""
    parsed, _ = parse_files({"main.cpp": text.encode()})
    (report,) = analyse(parsed, catalogue().get("rtx-3080-paper")).kernels
    other = Operation.SP if counted is Operation.DP else Operation.DP
    assert report.counts.operations[counted] > 0
    assert report.counts.operations[other] == 0


@pytest.mark.parametrize(
    ("head", "included", "counted"),
    [
        ("#include <cmath>", "#include <math.h>", Operation.SP),
        ("#include <cmath>", "using namespace std;", Operation.SP),
        ("#include <cmath>", "", Operation.DP),
        ("", "#include <cmath>", Operation.DP),
        ("#include <cmath> // not using namespace std", "/* <math.h> */", Operation.DP),
        ("// #include <cmath>", "", Operation.SP),
    ],
)
def test_headers_of_the_program_say_which_functions_of_mathematics_there_are(
    head: str, included: str, counted: Operation
) -> None:
    text = f"""{head}
#include "parts/u.h"
int main() {{ float *x = (float *)malloc(4096);
#pragma omp parallel for
  for (int i = 0; i < 1024; i++) x[i] = 1.0f + sqrt(x[i]); }}"""
    elsewhere = b"#include <math.h>\nusing namespace std;"
    files = {"main.cpp": text.encode(), "parts/u.h": included.encode(), "other.cpp": elsewhere}
    (report,) = analyse(parse_files(files)[0], catalogue().get("rtx-3080-paper")).kernels
    other = Operation.SP if counted is Operation.DP else Operation.DP
    assert report.counts.operations[counted] > 0
    assert report.counts.operations[other] == 0


@pytest.mark.parametrize("made", ["(n)", "(n * 4)", "(n, fill)", "(1 << 20)", "{}", ""])
def test_a_vector_of_the_function_around_is_an_array_however_it_is_made(made: str) -> None:
    text = f"""void f(int n, double fill) {{
        std::vector<double> a{made}, b{made};
        #pragma omp parallel for
        for (int i = 0; i < 1 << 20; i++) a[i] = b[i]; }}"""
    parsed, _ = parse_files({"main.cpp": text.encode()})
    (found,) = analyse(parsed, catalogue().get("h200")).kernels
    arrays = {array.name: array.coalescing for array in found.counts.arrays}
    assert arrays == {"a": 1.0, "b": 1.0}


def test_a_function_that_is_declared_in_another_one_is_no_variable() -> None:
    text = """#include "other.h"
    void f(double *a, int n) {
        void fill(int n), scale(double *), wait();
        #pragma omp parallel for
        for (int i = 0; i < n; i++) fill(i); }"""
    parsed, _ = parse_files({"main.cpp": text.encode()})
    (found,) = analyse(parsed, catalogue().get("h200")).kernels
    assert "fill() is not counted: its source is not in the program" in found.counts.assumptions
