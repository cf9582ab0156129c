"""What host code is worth where it reaches a kernel, followed without running it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jouleline.core.facts import gather
from jouleline.core.hostrun import HostRun, follow
from jouleline.core.kernel import Launch
from jouleline.core.launchsites import LaunchSites
from jouleline.core.preprocessing import compiled
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.syntax import ParsedSource, parse
from jouleline.core.visit import Memory, Visit
from jouleline.languages import LANGUAGES
from tests.support.tools import require_tool


def launches_in(source: ParsedSource) -> list[Launch]:
    return [launch for language in LANGUAGES for launch in language.launches(source)]


def reached(*texts: str, args: tuple[str, ...] = ()) -> LaunchSites:
    """What a program of several files reaches on a device of 68 multiprocessors."""
    files = {f"{index}.cu": gather(parse(text.encode())) for index, text in enumerate(texts)}
    return follow(ProgramFacts(files), args, 68, launches_in)


def first(text: str, *args: str) -> Visit:
    """The first launch that is reached."""
    visit = reached(text, args=args).visits[0].visit
    assert visit is not None
    return visit


def argument(body: str, *args: str, before: str = "") -> object:
    """What the argument of the launch ``k<<<1, 1>>>(n)`` in ``main`` is worth."""
    text = f"{before}\nint main(int argc, char **argv) {{ {body} k<<<1, 1>>>(n); }}"
    return first(text, *args).arguments[0]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("int n = 7 / 2;", 3),
        ("int n = -7 / 2;", -3),
        ("int n = -7 % 3;", -1),
        ("double n = 7 / 2.0;", 3.5),
        ("int n = 3.99;", 3),
        ("unsigned n = -1;", 2**32 - 1),
        ("unsigned char n = 300;", 44),
        ("int n = 1 << 20 | 5;", (1 << 20) | 5),
        ("int n = ceil(1000 / 256.0f);", 4),
        ("int n = std::max(3, std::min(9, 5));", 5),
        ("int n = (int)log2(1024.0) + sqrt(16);", 14),
        ("int n = sizeof(double) * 4;", 32),
        ("int a[] = {3, 4, 5}; int n = a[1] + sizeof(a) / sizeof(int);", 7),
        ("int n = 2; int *p = &n; *p += 5;", 7),
        ("std::vector<float> v(100); int n = v.size();", 100),
        ("auto f = [&](int x) { return x * x; }; int n = f(6);", 36),
        ("enum { A, B = 5, C }; int n = C;", 6),
        ("int m = 4, n = m++ + ++m;", 10),
        ("int n; switch (3) { case 1: n = 1; break; case 3: n = 33; break; default: n = 0; }", 33),
    ],
)
def test_expressions_have_the_values_of_cpp(body: str, expected: float) -> None:
    assert argument(body) == expected


@pytest.mark.parametrize(("words", "expected"), [((), 320), (("--help", "7"), 320), (("-size=64",), 64)])
def test_an_option_that_the_run_line_has_not_is_not_found(words: tuple[str, ...], expected: int) -> None:
    body = 'int n = 320; if (find_option(argc, (const char **)argv, "size")) n = option(argc, argv, "size");'
    assert argument(body, *words) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("int n = 1; while (n < 1000) n *= 2;", 1024),
        ("int n = 0; for (int i = 0; i < 10; i++) n += i;", 45),
        ("int i, n; for (i = 0; i < 1000000; i++) { } n = i;", 1000000),
        ("int n = 0; for (int i = 10; i <= 1000000; i += 3) n++;", 333331),
        ("int n = 5; for (int i = 0; i < 1000000; i++) n = n * 3 + i;", None),
        ("int n = 5; while (rand() % 7) n += 2;", None),
        ("int n = 9; for (int i = 0; i < 1000000; i++) { if (rand() == 3) break; }", 9),
        ("int i = 0; for (; i < 1000000; i++) { if (rand() == 3) break; } int n = i;", None),
        ("std::vector<int> v; for (int i = 0; i < 5000; i++) v.push_back(i); int n = v.size();", 5000),
    ],
)
def test_loops_are_followed_as_far_as_is_cheap(body: str, expected: float | None) -> None:
    assert argument(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("int n = 1; if (rand() > 5) n = 2;", None),
        ("int n = 1; if (rand() > 5) n = 2; else n = 2;", 2),
        ("FILE *f = fopen(argv[1], 0); int n = 3; if (!f) { n = 4; exit(1); }", 3),
        ("int n = 3; if (rand()) { n = 4; return 1; }", 3),
        ("int n = rand() ? 4 : 4;", 4),
        ("int n = 8; scanf(text, &n);", None),
        ("int n = 8; std::cin >> n;", None),
    ],
)
def test_what_is_not_known_is_left_open(body: str, expected: float | None) -> None:
    assert argument(body) == expected


@pytest.mark.parametrize(
    ("text", "args", "expected"),
    [
        ("int n = atoi(argv[1]);", ("42",), 42),
        ("int n = argc > 1 ? std::stoi(argv[1]) : 1024;", (), 1024),
        ("int n; sscanf(argv[1], FORMAT, &n);", ("17",), 17),
        ("int n = strtol(argv[1], NULL, 0);", ("0x20",), 32),
        ("int n = 0; for (int i = 1; i < argc; i++) if (!strcmp(argv[i], NAME)) n = atoi(argv[++i]);",
         ("-v", "-n", "9"), 9),
        ("int n = 1, c; while ((c = getopt(argc, argv, OPTIONS)) != -1) if (c == 'n') n = atoi(optarg);",
         ("-v", "-n", "12"), 12),
    ],
)  # fmt: skip
def test_the_run_line_is_read(text: str, args: tuple[str, ...], expected: int) -> None:
    macros = '#define FORMAT "%d"\n#define NAME "-n"\n#define OPTIONS "vn:"'
    assert argument(text, *args, before=macros) == expected


def test_what_was_read_from_the_run_line_is_said() -> None:
    visit = first("int main(int c, char **v) { int n = atoi(v[1]); k<<<n / 64, 64>>>(n); }", "640")
    assert visit.used == ("n = 640 from the run line",)


def test_values_go_through_calls_references_and_objects() -> None:
    text = """
    struct Sizes { int n = 4, m; Sizes(int k) : m(k) { n *= 2; } int both() const { return n + m; } };
    void parse(char **argv, int *n, int &m) { *n = atoi(argv[1]); m = *n + 1; }
    template <int BLOCK, typename T> void run(T *data, Sizes s) { k<BLOCK, T><<<s.both(), BLOCK>>>(data, s); }
    int main(int argc, char **argv) {
        int n, m;
        parse(argv, &n, m);
        float *data;
        cudaMalloc(&data, m * sizeof(float));
        run<128>(data, Sizes(m));
    }"""
    sites = reached(text, args=("31",))
    launch = sites.visits[0]
    assert launch.visit is not None
    assert launch.template_arguments == ("128", "float")
    assert (launch.visit.grid, launch.visit.block) == ((40, 1, 1), (128, 1, 1))
    assert launch.visit.arguments == (Memory(0, 128, "device", "float"), {".n": 8, ".m": 32})


def test_grids_are_followed_by_member() -> None:
    visit = first(
        "#define DIV_UP(a, b) (((a) + (b) - 1) / (b))\n"
        "int main() { dim3 block(32, 4), grid; grid.x = DIV_UP(1000, block.x); grid.y = block.y * 2;"
        " k<<<grid, block>>>(); }"
    )
    assert (visit.grid, visit.block) == ((32, 8, 1), (32, 4, 1))


def test_the_device_answers_for_itself() -> None:
    properties = "cudaDeviceProp p; cudaGetDeviceProperties(&p, 0);"
    visit = first(f"int main() {{ {properties} k<<<2 * p.multiProcessorCount, 64>>>(); }}")
    assert visit.grid == (136, 1, 1)


@pytest.mark.parametrize(
    ("allocation", "memory"),
    [
        ("float *p; cudaMalloc((void **)&p, 400);", Memory(0, 400, "device", "float")),
        ("float *p; cudaMallocManaged(&p, 400); p += 25;", Memory(0, 300, "managed", "float")),
        ("int *p; cudaMallocHost(&p, 400);", Memory(0, 400, "pinned", "int")),
        ("int *p = (int *)malloc(8 * sizeof(int));", Memory(0, 32, "host", "int")),
        ("double *p = new double[5];", Memory(0, 40, "host", "double")),
        ("int *p; cudaMalloc(&p, 64); cudaMemset(p, 0, 64);", Memory(0, 64, "device", "int")),
        ("int *p; cudaMalloc(&p, unknown());", Memory(0, None, "device", "int")),
    ],
)
def test_memory_is_known_by_size_and_place(allocation: str, memory: Memory) -> None:
    assert first(f"int main() {{ {allocation} k<<<1, 1>>>(p); }}").arguments == (memory,)


def test_launches_come_in_the_order_of_execution_with_each_shape_once() -> None:
    text = """
    void later(int n) { a<<<n, 1>>>(); }
    int main() { b<<<1, 1>>>(); for (int i = 0; i < 100; i++) later(i < 1 ? 3 : 4); if (0) c<<<1, 1>>>(); }"""
    found = [(launch.kernel, launch.visit and launch.visit.grid) for launch in reached(text).visits]
    assert found == [("b", (1, 1, 1)), ("a", (3, 1, 1)), ("a", (4, 1, 1)), ("c", (1, 1, 1))]


def test_a_launch_in_a_macro_is_that_of_the_kernel_it_is_given() -> None:
    text = """#define RUN(kernel, n) do { \\
        kernel<<<n, 32>>>(n); \\
    } while (0)
    int main() {
      RUN(first, 2);
      RUN(second, 3);
    }"""
    found = [(one.kernel, one.line, one.visit and one.visit.grid) for one in reached(text).visits]
    assert found == [("first", 5, (2, 1, 1)), ("second", 6, (3, 1, 1))]


CHOSEN = """
#ifdef SINGLE
using real = float;
#define LANES 8
#else
using real = double;
#define LANES 4
#endif
#ifdef OTHER
int only = 1;
#endif
"""


@pytest.mark.parametrize(
    ("text", "given", "type_", "lanes"),
    [
        (CHOSEN, {}, "double", "4"),
        (f"#define SINGLE\n{CHOSEN}", {}, "float", "8"),
        (CHOSEN, {"SINGLE": "1"}, "float", "8"),
        (CHOSEN, {"LANES": "16"}, "double", "16"),
    ],
)
def test_what_macros_choose_is_what_the_program_has(
    text: str, given: dict[str, str], type_: str, lanes: str
) -> None:
    program = compiled(ProgramFacts({"a.h": gather(parse(text.encode()))}, given))
    assert (program.types.aliases["real"], program.macros["LANES"]) == (type_, lanes)
    assert "only" in program.variables  # no other branch defines it


@pytest.mark.parametrize(
    ("condition", "expected"),
    [("#ifdef BIG", 1), ("#ifndef BIG", 2), ("#if SIZE > 3", 2), ("#if defined(SIZE) && !defined(BIG)", 2)],
)
def test_branches_that_are_not_compiled_are_left_out(condition: str, expected: int) -> None:
    chosen = f"#define SIZE 4  // or 8\n{condition}\nconst int n = 2;\n#else\nconst int n = 1;\n#endif\n"
    split = (
        f"#define SIZE 4  // or 8\nint main() {{\n{condition}\n  if (1) {{ int n = 2;\n"
        "#else\n  if (1) {  int n = 1;\n#endif\n  k<<<1, 1>>>(n); } }"  # which no grammar parses
    )
    assert first(f"{chosen}int main() {{ k<<<1, 1>>>(n); }}").arguments == (expected,)
    assert first(split).arguments == (expected,)


def test_openmp_regions_see_mapped_sizes() -> None:
    text = """
    void run(float *a, int n) {
      #pragma omp target teams distribute parallel for map(to: a[0:n])
      for (int i = 0; i < n; i++) a[i] = 0;
    }
    int main() { run(load(), 1000); }"""
    ((visit,),) = reached(text).regions.values()
    assert visit.names["n"] == 1000
    assert visit.names["a"] == Memory(0, 4000, "host", "float")


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("", 3),
        ("map(tofrom: a[0:n])", 3),
        ("map(tofrom: i)", None),
        ("reduction(+: i)", None),
        ("defaultmap(tofrom: scalar)", None),
    ],
)
def test_a_scalar_that_a_region_changes_stays_what_it_was_unless_a_clause_brings_it_back(
    clause: str, expected: int | None
) -> None:
    region = f"#pragma omp target {clause}\n{{ i = f(a); }}\nint n = i;"
    assert argument(f"int i = 3;\n{region}") == expected


def test_a_program_that_uses_mpi_is_followed_as_one_rank() -> None:
    text = "int rank, size; MPI_Comm_rank(MPI_COMM_WORLD, &rank); MPI_Comm_size(MPI_COMM_WORLD, &size);"
    assert argument(f"{text} int n = 100 / size + rank;") == 100


def test_a_region_in_a_template_is_visited_once_for_each_instantiation() -> None:
    text = """
    template <typename T, int N> void fill(T *a, int n) {
      #pragma omp target teams distribute parallel for
      for (int i = 0; i < n; i++) a[i] = N;
    }
    typedef double REAL;
    int main() {
      float *a = (float *)malloc(400); REAL *b = (REAL *)malloc(800);
      for (int i = 0; i < 3; i++) fill<float, 2>(a, 100);
      fill<REAL, 4>(b, 100);
    }"""
    (visits,) = reached(text).regions.values()
    assert [dict(visit.template) for visit in visits] == [{"T": "float", "N": "2"}, {"T": "double", "N": "4"}]


def test_template_arguments_of_a_launch_are_deduced_from_its_arguments() -> None:
    text = """
    template <typename T, typename U> __global__ void k(const T *a, U b) { }
    template <typename T> void run() { T *a; cudaMalloc(&a, 80); k<<<1, 1>>>(a, 2.0); }
    int main() { run<float>(); run<short>(); }"""
    assert [one.template_arguments for one in reached(text).visits] == [
        ("float", "double"),
        ("short", "double"),
    ]


def test_a_template_parameter_is_what_it_is_in_the_arguments_type() -> None:
    text = """
    template <typename T> struct Rows { int count; Rows(int n) : count(n) {} };
    template <typename T> __global__ void k(T *a) { }
    template <typename T> void run(const Rows<T> &rows) { T *a; cudaMalloc(&a, 80); k<<<rows.count, 1>>>(a); }
    template <typename T> void both() { Rows<T> rows(4); run(rows); }
    int main() { both<double>(); Rows<float> rows(2); run(rows); }"""
    assert [(one.template_arguments, one.visit and one.visit.grid) for one in reached(text).visits] == [
        (("double",), (4, 1, 1)),
        (("float",), (2, 1, 1)),
    ]


@pytest.mark.parametrize(
    "filled",
    [
        'std::ifstream file("sizes.txt"); file >> n;',
        "std::cin >> n;",
        'fscanf(fopen("sizes.txt", "r"), "%d", &n);',
        "while (more()) { if (skipped()) { n++; continue; } last(); }",
        "while (more()) { if (skipped()) { n = 7; break; } last(); }",
        "std::vector<int> v; while (std::getline(f, s)) if (s[0] == '>') v.push_back(1); n = v.size();",
    ],
)
def test_a_count_that_data_decides_does_not_stay_what_it_was(filled: str) -> None:
    assert argument(f"int n = 0; {filled}") is None


def test_a_long_loop_without_kernels_leaves_steps_for_the_kernels_behind_it() -> None:
    work = "s += f(a[i] + 1) * g(a[i]);" * 400
    text = f"int main() {{ int n = 5; for (int i = 0; i < 50; i++) {{ {work} n = i; }} k<<<2, 1>>>(n); }}"
    sites = reached(text)
    assert sites.visits[0].visit is not None
    assert sites.visits[0].visit.grid == (2, 1, 1)
    assert sites.visits[0].visit.arguments == (None,)


def test_a_long_loop_that_calls_what_launches_is_followed() -> None:
    work = "s += f(a[i] + 1) * g(a[i]);" * 2000
    text = (
        f"void run() {{ k<<<3, 1>>>(); }} int main() {{ for (int i = 0; i < 50; i++) {{ {work} run(); }} }}"
    )
    assert first(text).grid == (3, 1, 1)


def test_work_that_is_done_again_and_again_leaves_steps_for_the_kernels_behind_it() -> None:
    work = "void fill() { for (int i = 0; i < 60; i++) { " + "a[i] = f(i) + f(i + 1);" * 9 + "} }"
    cases = "".join(f"fill(); k<<<{number}, 1>>>();" for number in range(1, 41))
    visits = reached(f"{work} int main() {{ {cases} }}").visits
    assert [launch.visit.grid[0] for launch in visits if launch.visit] == list(range(1, 41))


@pytest.mark.parametrize("call", ["f(8)", "(*f)(8)", "(**f)(8)"])
def test_a_function_is_followed_through_its_address(call: str) -> None:
    text = f"""
    template <int N> int run(int n) {{ k<<<N, 1>>>(n); return n; }}
    void time(int (*f)(int)) {{ {call}; }}
    int main() {{ time(run<3>); time(&run<5>); }}"""
    visits = [launch.visit for launch in reached(text).visits]
    assert [(visit.grid[0], visit.arguments) for visit in visits if visit] == [(3, (8,)), (5, (8,))]


def test_an_end_that_was_misjudged_does_not_hide_every_kernel() -> None:
    assert first("int main() { int ok = 0; if (!ok) exit(1); k<<<5, 1>>>(); }").grid == (5, 1, 1)


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="intmak(){};=<>*&+-#if\n0aelsdorw[],.:!\"' ", max_size=120))
@example("int main() { for (;;) { } }")
@example("int main() { return main(); }")
@example("#define A A\nint main() { A; k<<<A, A>>>(A); }")
@example("int f(int n) { return f(n + 1); } int main() { k<<<f(0), 1>>>(); }")
@example("struct S { S s; }; int main() { S s; k<<<1, 1>>>(s); }")
@example("int main() { long n = 1; while (1) n = n * n + 1; }")
def test_any_text_is_followed_to_an_end(text: str) -> None:
    reached(text)
    reached(f"int main(int argc, char **argv) {{ {text} }}", args=("1",))


EXPRESSIONS = st.recursive(
    st.integers(0, 50).map(str) | st.sampled_from(["a", "b", "c"]),
    lambda inner: st.tuples(inner, st.sampled_from("+ - * / % < > == && || & | ^".split()), inner).map(
        lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
    ),
    max_leaves=6,
    # "(a * (b & c)) + d" could be a cast to the type of a function, and the grammar takes it for one.
).filter(lambda text: re.search(r"\* \(\w+ &", text) is None)


@pytest.mark.needs("gcc")
@settings(max_examples=8, deadline=None)
@given(st.lists(EXPRESSIONS, min_size=10, max_size=10))
def test_integers_are_those_of_a_compiler(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    compiler = require_tool("gcc")
    names = "long long a = 7, b = -3, c = 12345;"
    guarded = [re.sub(r"([/%]) (\w+|\()", r"\1 \2", text) for text in texts]
    folder: Path = tmp_path_factory.mktemp("c")
    kept = []
    for index, text in enumerate(guarded):
        value = argument(f"{names} long long n = {text};")
        if value is not None:  # a division by zero has no value
            kept.append((f'printf("%lld\\n", (long long)({text}));', value, index))
    (folder / "a.c").write_text(
        f"#include <stdio.h>\nint main(void) {{ {names} {' '.join(line for line, *_ in kept)} return 0; }}"
    )
    subprocess.run([compiler, "-w", "-O0", "a.c", "-o", "a"], cwd=folder, check=True)
    out = subprocess.run([str(folder / "a")], capture_output=True, text=True, check=True).stdout.split()
    shutil.rmtree(folder)
    assert [int(word) for word in out] == [value for _, value, _ in kept]


CHOICE = """
void one(float *x, int n, int block) { k1<<<n / block, block>>>(x, n); }
void two(float *x, int n, int block) { k2<<<n / block, block>>>(x, n); }
void any(int kernel, float *x, int n, int block) {
    switch (kernel) { case 1: one(x, n, block); break; case 2: two(x, n, block); break; default: exit(1); }
}
void either(int kernel, float *x, int n, int block) {
    if (kernel == 1) one(x, n, block); else if (kernel == 2) two(x, n, block);
}"""


@pytest.mark.parametrize("choose", ["any", "either"])
def test_a_kernel_that_this_run_does_not_choose_has_its_sizes_too(choose: str) -> None:
    text = f"""{CHOICE}
    int main(int argc, char **argv) {{
        int kernel = argc > 1 ? atoi(argv[1]) : 1, n = 4096;
        float *x; cudaMalloc(&x, n * sizeof(float));
        for (int block = 32; block <= 64; block *= 2) {choose}(kernel, x, n, block);
        last<<<n, 1>>>(x, n);
    }}"""
    shapes = {}
    for words in ((), ("2",)):
        visits = reached(text, args=words).visits
        shapes[words] = [(one.kernel, one.visit.grid[0], one.visit.block[0]) for one in visits if one.visit]
    assert shapes[()] == [("k1", 128, 32), ("k1", 64, 64), ("last", 4096, 1), ("k2", 128, 32)]
    assert shapes["2",] == [("k2", 128, 32), ("k2", 64, 64), ("last", 4096, 1), ("k1", 128, 32)]


def test_what_is_only_supposed_changes_nothing() -> None:
    body = "int n = 5, m = 1; if (m) { } else { n = 7; while (true) { } k<<<2, 2>>>(n); exit(1); }"
    visits = reached(f"int main() {{ {body} k<<<1, 1>>>(n); }}").visits
    assert next(one.visit.arguments for one in visits if one.visit) == (5,)


def test_memory_keeps_the_type_that_another_way_is_only_supposed_to_give_it() -> None:
    wide = "if (wide) { double *d = (double *)p; k<<<1, 1>>>(d); }"
    narrow = "else { float *f = (float *)p; k<<<2, 1>>>(f); }"
    visits = reached(f"int main() {{ int wide = 0; void *p; cudaMalloc(&p, 400); {wide} {narrow} }}").visits
    taken = next(one.visit for one in visits if one.visit)
    assert (taken.grid, taken.arguments) == ((2, 1, 1), (Memory(0, 400, "device", "float"),))


def test_a_pack_of_arguments_is_passed_on() -> None:
    before = """
    void run(int times, float *x, int n) { k<<<n / 64, 64>>>(x, n); }
    template <class F, class... Given> void bench(int repeats, F f, Given &&...given) {
        for (int i = 0; i < repeats; i++) f(1, std::forward<Given>(given)...);
    }"""
    visit = first(f"{before}\nint main() {{ float *x; int n = 640; bench(10, run, x, n); }}")
    assert (visit.grid, visit.arguments[1]) == ((10, 1, 1), 640)


def test_a_launch_in_a_branch_that_is_not_taken_has_its_shape() -> None:
    body = "int block = 32; if (block == 16) k<16><<<640 / block, 16>>>(); else k<32><<<block, 32>>>();"
    visits = reached(f"int main() {{ {body} }}").visits
    assert [one.visit.grid[0] for one in visits if one.visit] == [32, 20]


def steps(text: str) -> int:
    """How many steps the walk over a program takes."""
    program = ProgramFacts({"a.cu": gather(parse(text.encode()))})
    run = HostRun(program, sites=LaunchSites(launches_in, program))
    run.walk()
    return run.steps


@pytest.mark.parametrize(
    "body",
    [
        "k<<<1, 1>>>(); {behind}",
        "if (n) {{ k<<<1, 1>>>(); {behind} }}",
        "if (unknown()) {{ k<<<1, 1>>>(); {behind} }} else {{ k<<<2, 1>>>(); {behind} }}",
    ],
)
def test_nothing_is_walked_behind_the_last_kernel(body: str) -> None:
    before, check = "int check(int n) { return n * n; }", "for (int i = 0; i < 9; i++) n += check(i);"
    texts = [f"{before} int main() {{ int n = 2; {body.format(behind=one)} }}" for one in ("", check)]
    assert steps(texts[0]) == steps(texts[1])


@pytest.mark.parametrize(
    ("before", "body"),
    [
        ("", "auto run = [](int n) { k<<<n, 1>>>(); }; run(1); run(2);"),
        ("void run(int n) { k<<<n, 1>>>(); }", "auto f = run; f(1); f(2);"),
        (
            "void run(int n) { k<<<n, 1>>>(); } void (*all[])(int) = {run};",
            "auto f = all[0]; f(1); f(2);",
        ),
        ("struct A { A(int n) { k<<<n, 1>>>(); } };", "A a(1); int n = 2; if (n) { A b(2); }"),
        (
            "struct A { int m; A(int n) { k<<<n, 1>>>(); } }; struct B { A a = A(2); };",
            "k<<<1, 1>>>(); B b;",
        ),
        ("struct A { A(int n) { k<<<n, 1>>>(); } }; using B = A;", "k<<<1, 1>>>(); B b(2);"),
        ("struct A { A(int n) { k<<<n, 1>>>(); } };\n#define B A\n", "k<<<1, 1>>>(); B b(2);"),
        ("void run_f(int n) { k<<<n, 1>>>(); }\n#define RUN(x) run_##x(2)\n", "k<<<1, 1>>>(); RUN(f);"),
    ],
)
def test_a_kernel_that_is_reached_by_another_name_is_not_the_last_for_it(before: str, body: str) -> None:
    visits = reached(f"{before} int main() {{ {body} }}").visits
    assert [one.visit.grid[0] for one in visits if one.visit] == [1, 2]


def test_a_function_is_the_one_that_its_own_file_defines() -> None:
    """A folder may hold two programs, one of them for the CPU."""
    texts = [f"void run(int n) {{ k<<<n, {block}>>>(); }} int main() {{ run(8); }}" for block in (32, 64)]
    visits = [launch.visit for launch in reached(*texts).visits]
    assert [visit.block[0] for visit in visits if visit] == [32, 64]


def test_a_file_that_is_included_in_a_function_is_followed_there() -> None:
    inner = "int m = 3 * n; k<<<m, 32>>>(n);"
    files = {
        "main.cu": gather(parse(b'int main() { int n = 5;\n#include "step.h"\n}')),
        "src/step.h": gather(parse(inner.encode())),
    }
    (launch,) = follow(ProgramFacts(files), (), 68, launches_in).visits
    assert launch.visit is not None
    assert (launch.visit.grid[0], launch.visit.arguments) == (15, (5,))


def test_a_macro_may_stand_for_what_is_assigned_to() -> None:
    before = "#define ROWS(m) ((m) -> rows)\n#define LOOP(m) LOOP(m)\nstruct M { int rows; };"
    body = "M *m = (M *)malloc(sizeof(M)); ROWS(m) = 7; LOOP(m) = 8; int n = m->rows;"
    assert argument(body, before=before) == 7


LOOKS = """
struct Words { std::map<std::string, std::string> known; } words;
bool has(int argc, const char **argv, const char *name) { return words.known.find(name) != 0; }
bool text(int argc, const char **argv, const char *name, char **value) {
    auto found = words.known.find(name); *value = (char *)malloc(found.size()); return found; }
int main(int argc, char **argv) {
    int n = 320;
    if (has(argc, (const char **)argv, "n")) { char *t; text(argc, (const char **)argv, "n", &t); n = BY; }
    k<<<n, 1>>>();
}"""


@pytest.mark.parametrize("number", ["atoi(t)", 'atoi(strtok(t, " ,"))', 'option(argc, argv, "n")'])
@pytest.mark.parametrize(("words", "grid"), [(("--n=64",), 64), (("-n=64", "-m=3"), 64), (("--m=3",), 320)])
def test_an_option_has_the_value_that_the_run_line_gives_it(
    number: str, words: tuple[str, ...], grid: int
) -> None:
    assert first(LOOKS.replace("BY", number), *words).grid[0] == grid


def test_a_run_line_that_is_not_known_does_not_hide_every_kernel() -> None:
    text = "int main(int argc, char **argv) { if (argc != 3) return 1; int n = 64; k<<<n, 32>>>(); }"
    assert first(text).grid == (64, 1, 1)
    assert first(text, "4", "5").grid == (64, 1, 1)
