"""Kernels and launches of CUDA and HIP, as people write them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.facts import gather
from jouleline.core.hostscope import HostScope
from jouleline.core.kernel import Kernel, Language, Launch
from jouleline.core.launch import resolve_shape
from jouleline.core.programfacts import ProgramFacts
from jouleline.core.syntax import parse
from jouleline.languages.simt import CUDA, HIP

SAMPLES = Path(__file__).parents[2] / "samples"
SIMT_SAMPLES = sorted(SAMPLES.glob("*-cuda/*.cu")) + sorted(SAMPLES.glob("*-hip/*.*p*"))


def kernels(text: str) -> list[Kernel]:
    return CUDA.kernels(parse(text.encode()))


def launches(text: str) -> list[Launch]:
    return CUDA.launches(parse(text.encode()))


@pytest.mark.parametrize(
    "head",
    [
        "__global__ void k(int n)",
        "void __global__ k(int n)",
        "static __global__ void k(int n)",
        "__global__ static void k(int n)",
        'extern "C" __global__ void k(int n)',
        "__global__ void __launch_bounds__(256, 2) k(int n)",
        "__global__ __launch_bounds__(M * 2) void k(int n)",
        "__launch_bounds__(256) __global__ void k(int n)",
        "template <typename T, int B> __global__ void k(T n)",
        "template <>\n__global__ void\nk<float>(float n)",
        "__global__ // scales; and more {\nvoid k(int n)",
        "__global__ /* a; b */ inline void k(int n)",
        "[[maybe_unused]] __global__ void k(int n)",
    ],
)
def test_a_kernel_is_found_however_its_attributes_are_ordered(head: str) -> None:
    text = f"int before;\n{head} {{ n = 1; }}\nint after() {{ return 0; }}\n"
    (kernel,) = kernels(text)
    assert kernel.name == "k"
    assert kernel.language is Language.CUDA
    assert kernel.line == 2
    assert kernel.end_line == 2 + head.count("\n")
    assert text[kernel.start : kernel.end].endswith("{ n = 1; }")
    # The hint stands at the end of the head.
    assert text[: kernel.anchor].endswith(head)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("namespace a { namespace b {", "} }"),
        ("struct S {", "};"),
        ('extern "C" {', "}"),
        ("#ifdef X\n", "\n#endif"),
    ],
)
def test_a_kernel_is_found_inside_of_scopes(before: str, after: str) -> None:
    assert [kernel.name for kernel in kernels(f"{before} __global__ void k() {{ }} {after}")] == ["k"]


def test_device_functions_and_declarations_are_no_kernels() -> None:
    text = (
        "__global__ void k(int); __device__ int f() { return 1; } __host__ __device__ void g() {} void h() {}"
    )
    assert kernels(text) == []


def test_a_declaration_does_not_lend_its_attribute_to_the_next_function() -> None:
    assert [
        kernel.name for kernel in kernels("__global__ void k(int); void h() {} __global__ void l() {}")
    ] == ["l"]


def test_the_display_name_tells_the_parameters() -> None:
    (kernel,) = kernels("__global__ void k(const float *__restrict__ x, int n, float3 v) {}")
    assert kernel.display == "k(float*, int, float3)"


def test_a_kernel_of_hip_is_hips_alone() -> None:
    source = parse(b"#include <hip/hip_runtime.h>\n__global__ void k() {}\n")
    assert CUDA.kernels(source) == []
    assert [kernel.language for kernel in HIP.kernels(source)] == [Language.HIP]


@pytest.mark.parametrize(
    ("text", "name", "has_body"),
    [
        ("__global__ void k(float *x) { x[0] = 1", "k", True),
        ("__global__ void k(float *x) {", "k", True),
        ("__global__ void k(float *x", "k", False),
        ("__global__ void k(", "k", False),
        ("__global__ void k(float *x) { for (int i = 0; i < 9; i++", "k", True),
        ("}}} __global__ void k(int n) { n = f(; }", "k", True),
    ],
)
def test_a_half_typed_kernel_is_seen_as_far_as_it_goes(text: str, name: str, *, has_body: bool) -> None:
    (kernel,) = kernels(text)
    assert kernel.name == name
    assert (kernel.node is not None) == has_body
    assert kernel.start <= kernel.anchor <= kernel.end <= len(text)


@pytest.mark.parametrize(
    "text", ["__global__", "__global__ void", "__global__ void;", "// __global__ void k() {}"]
)
def test_what_has_no_name_yet_is_no_kernel(text: str) -> None:
    assert kernels(text) == []


def test_a_broken_kernel_does_not_hide_its_neighbours() -> None:
    text = "__global__ void a() { x = ; }\n__global__ void b() { if (\n__global__ void c() { y = 1; }\n"
    assert [kernel.name for kernel in kernels(text)] == ["a", "b", "c"]


@pytest.mark.parametrize("file", SIMT_SAMPLES, ids=lambda file: file.parent.name)
def test_a_cut_file_keeps_the_kernels_before_the_cut(file: Path) -> None:
    language = HIP if file.parent.name.endswith("hip") else CUDA
    data = file.read_bytes()
    # The mark of HIP is its header, so that it is not cut off.
    whole = language.kernels(parse(data))
    for cut in range(min([len(data), *(kernel.end for kernel in whole)]), len(data), 50):
        source = parse(data[:cut])
        complete = [(kernel.name, kernel.line, kernel.end) for kernel in whole if kernel.end <= cut]
        seen = [(kernel.name, kernel.line, kernel.end) for kernel in language.kernels(source)]
        assert seen[: len(complete)] == complete
        language.launches(source)


@given(
    st.lists(
        st.sampled_from(
            ["__global__ ", "void ", "k", "(", ")", "{", "}", "<<<", ">>>", ";", "\n", "<T>", ","]
        )
    )
)
def test_any_sequence_of_tokens_is_read(tokens: list[str]) -> None:
    text = "".join(tokens)
    kernels(text)
    launches(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("k<<<g, b>>>(x, n);", ("k", "g", "b", ("x", "n"), ())),
        ("k<float, 4><<<g, b>>>(x);", ("k", "g", "b", ("x",), ("float", "4"))),
        (
            "ns::k<<<dim3(a, b), dim3(16, 16), 0, s>>>(f(x, y), z[1]);",
            ("k", "dim3(a, b)", "dim3(16, 16)", ("f(x, y)", "z[1]"), ()),
        ),
        ("k<<<(n + 255) / 256, 256>>>();", ("k", "(n + 255) / 256", "256", (), ())),
        ("k <<< g,\n  b >>>\n  (x);", ("k", "g", "b", ("x",), ())),
        ("k<<<g, 64 /*128, or so*/>>>(x /*, y*/, n);", ("k", "g", "64", ("x", "n"), ())),
        ('k<<<f("a//b\\"/*"), 64>>>(x);', ("k", 'f("a//b\\"/*")', "64", ("x",), ())),
        ("k<<<g, b\n#ifdef D\n, m\n#endif\n>>>(x\n #if D\n, n\n #endif\n);", ("k", "g", "b", ("x", "n"), ())),
        ("k<<<g", ("k", "g", "", (), ())),
        ("k<<<>>>(x);", ("k", "", "", ("x",), ())),
    ],
)
def test_a_launch_is_taken_apart(text: str, expected: tuple[object, ...]) -> None:
    (launch,) = launches(f"void f() {{\n{text}\n}}")
    assert (launch.kernel, launch.grid, launch.block, launch.arguments, launch.template_arguments) == expected
    assert launch.line == 2


def test_the_hint_of_a_launch_stands_behind_its_configuration() -> None:
    text = "void f() { k<<<1, 2>>>(x); }"
    (launch,) = launches(text)
    assert text[: launch.anchor].endswith(">>>")


@pytest.mark.parametrize(
    "call",
    [
        "hipLaunchKernelGGL(k, grid, block, 0, 0, x, n)",
        "hipLaunchKernelGGL((k<float, 4>), grid, block, 0, stream, x, n)",
        "hipLaunchKernelGGL(HIP_KERNEL_NAME(k<float, 4>), grid, block, 0, 0, x, n)",
    ],
)
def test_hips_macro_launches_like_chevrons(call: str) -> None:
    (launch,) = HIP.launches(parse(f"void f() {{ {call}; }}".encode()))
    assert (launch.kernel, launch.grid, launch.block, launch.arguments) == ("k", "grid", "block", ("x", "n"))
    assert launch.template_arguments == (("float", "4") if "<" in call else ())


@pytest.mark.parametrize(
    ("before", "configuration", "grid", "block"),
    [
        ("", "10, 20", (10, 1, 1), (20, 1, 1)),
        ("int n = 1000;", "(n + 255) / 256, 256", (4, 1, 1), (256, 1, 1)),
        ("int n = 1000;", "ceil(n / 256.0), 256", (4, 1, 1), (256, 1, 1)),
        ("dim3 g(2, 3, 4), b(8, 8);", "g, b", (2, 3, 4), (8, 8, 1)),
        ("dim3 g = dim3(2, 3); dim3 b{32};", "g, b", (2, 3, 1), (32, 1, 1)),
        (
            "const int n = 64; const dim3 b(16, 16); const dim3 g(n / b.x, n / b.y);",
            "g, b",
            (4, 4, 1),
            (16, 16, 1),
        ),
        ("auto g = dim3(7); dim3 b = {4, 2};", "g, b", (7, 1, 1), (4, 2, 1)),
        ("int n = atoi(argv[2]);", "n, TILE * TILE", (77, 1, 1), (256, 1, 1)),
        ("dim3 b; b.x = 32; b.y = 4;", "1, b", (1, 1, 1), (32, 4, 1)),
    ],
)
def test_grid_and_block_follow_from_the_host_code(
    before: str, configuration: str, grid: tuple[int, ...], block: tuple[int, ...]
) -> None:
    text = f"#define TILE 16\nint main(int argc, char **argv) {{ {before} k<<<{configuration}>>>(); }}"
    source = parse(text.encode())
    (launch,) = CUDA.launches(source)
    found = resolve_shape(launch, HostScope(ProgramFacts({"a.cu": gather(source)}), ("5", "77")))
    assert (found.shape.grid, found.shape.block) == (grid, block)
    assert found.shape.known
    assert not found.assumptions


def test_what_the_host_code_does_not_tell_is_assumed_and_said() -> None:
    source = parse(b"void f(int n) { k<<<n, 5000>>>(); }")
    (launch,) = CUDA.launches(source)
    found = resolve_shape(launch, HostScope(ProgramFacts({"a.cu": gather(source)})))
    assert not found.shape.known
    assert list(found.assumptions) == ["n = 1024: not known from the source or the run line"]
    assert found.shape.block == (1024, 1, 1)


@pytest.mark.parametrize(
    "call",
    [
        "cudaLaunchKernel((void *)k<float, 4>, grid, block, list, 0, 0)",
        "check(cudaLaunchCooperativeKernel((const void *)&k<float, 4>, grid, block, list, bytes, stream))",
        "cudaLaunchKernel(reinterpret_cast<void *>(k<float, 4>), grid, block, list)",
        "cudaLaunchKernel((void *)k<float, 4>, grid, block, (void **)list, 0, 0)",
        "cudaLaunchKernel((void *)k<float, 4>, grid, block, &list[0], 0, 0)",
    ],
)
def test_functions_of_the_runtime_launch_like_chevrons(call: str) -> None:
    text = """void f() {{
      {{ void *list[] = {{&other}}; }}
      void *list[] = {{(void *)&x, &n, /* last */ &s.m}}; {};
      {{ void *list[] = {{&behind}}; }}
    }}"""
    (launch,) = launches(text.format(call))
    assert (launch.kernel, launch.grid, launch.block) == ("k", "grid", "block")
    assert launch.arguments == ("x", "n", "s.m")
    assert launch.template_arguments == ("float", "4")


def test_a_half_typed_launch_by_the_runtime_has_no_arguments() -> None:
    (launch,) = launches("void f() { void *list[] = {&x}; cudaLaunchKernel((void *)k); }")
    assert (launch.kernel, launch.grid, launch.block, launch.arguments) == ("k", "", "", ())


def test_a_launch_with_settings_takes_its_shape_from_them() -> None:
    (launch,) = launches("void f() { cudaLaunchKernelEx(&config, k<float>, x, n); }")
    assert (launch.kernel, launch.grid, launch.block) == ("k", "config.gridDim", "config.blockDim")
    assert (launch.arguments, launch.template_arguments) == (("x", "n"), ("float",))
