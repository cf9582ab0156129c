"""A label finds its kernel by name, file, lines and template arguments, and nothing else's."""

from __future__ import annotations

import pytest

from jouleline.app.analyse import KernelReport, analyse, parse_files
from jouleline.app.labels import NamedKernel
from jouleline.app.matching import bare_name, match
from jouleline.core.kernel import Language
from jouleline.wiring import catalogue

CUDA = {
    "main.cu": b"""template <typename T, int N>
__global__ void scale(T* a) { a[threadIdx.x] *= N; }
__global__ void shift(float* a) { a[threadIdx.x] += 1; }
__global__ void shift(double* a) {
    a[threadIdx.x] += 1;
}
int main() {
    scale<float, 2><<<1, 32>>>(0);
    scale<double, 4><<<1, 32>>>(0);
    shift<<<1, 32>>>((float*)0);
}
""",
    "src/other.cu": b"__global__ void shift(float* a) { a[0] = 1; }\n",
}
OPENMP = {
    "main.cpp": b"""void f(float* a, int n) {
#pragma omp target teams \\
    distribute parallel for
    for (int i = 0; i < n; i++) a[i] = 1;

#pragma omp target teams distribute parallel for
    for (int i = 0; i < n; i++) a[i] = 2;
}
"""
}


TEMPLATE = {
    "main.cpp": b"""template <typename T, int N> void fill(T* a, int n) {
#pragma omp target teams distribute parallel for
    for (int i = 0; i < n; i++) a[i] = N;
}
int main() {
    fill<short, 2>((short*)malloc(64), 32);
    fill<double, 4>((double*)malloc(256), 32);
    fill<int16_t, 3>((int16_t*)malloc(64), 32);
}
"""
}


def reports(files: dict[str, bytes]) -> tuple[KernelReport, ...]:
    return analyse(parse_files(files)[0], catalogue().get("rtx-3080-paper")).kernels


def named(display: str, file: str, line: int, language: Language = Language.CUDA) -> NamedKernel:
    return NamedKernel("p-cuda", display, language, file, line, line + 1, "")


@pytest.mark.parametrize(
    ("display", "name"),
    [
        ("EmptyKernel()", "EmptyKernel"),
        ("void scale<float, 4>(T1 *)", "scale"),
        ("void deep::inner::scale<Vector<double, int>>(T1)", "scale"),
        ("(anonymous namespace)::scale(float *)", "scale"),
        ("_ZL5init1iPii", "init1"),
        ("_ZN4deep5scaleIfEEvPT_", "scale"),
        ("_Z12block_strideI7__half2EvjjPS2_", "block_stride"),
        ("spm(float const*, int) @line 77", "spm"),
    ],
)
def test_the_functions_own_name_is_found(display: str, name: str) -> None:
    assert bare_name(display) == name


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (named("void scale<float, 2>(T1 *)", "p-cuda/main.cu", 1), ("main.cu", 1, ("float", "2"))),
        (named("void scale<double, 4>(T1 *)", "p-cuda/main.cu", 1), ("main.cu", 1, ("double", "4"))),
        (named("void scale<double, (int)4>(T1 *)", "p-cuda/main.cu", 1), ("main.cu", 1, ("double", "4"))),
        # Overloads differ by their lines, functions of one name by their files.
        (named("shift(float *)", "p-cuda/main.cu", 3), ("main.cu", 3, ())),
        (named("shift(double *)", "p-cuda/main.cu", 4), ("main.cu", 4, ())),
        (named("shift(float *)", "p-cuda/src/other.cu", 1), ("src/other.cu", 1, ())),
    ],
)
def test_a_cuda_label_finds_its_kernel(
    wanted: NamedKernel, expected: tuple[str, int, tuple[str, ...]]
) -> None:
    found = reports(CUDA)
    index = match(wanted, found)
    assert index is not None
    report = found[index]
    launch = report.launch
    assert (report.file, report.kernel.line, launch.template_arguments if launch else ()) == expected


@pytest.mark.parametrize(
    ("line", "file", "expected"),
    [
        (2, "p-cuda/main.cpp", 2),
        (3, "p-cuda/main.cpp", 2),
        (6, "p-cuda/main.cpp", 6),
        (7, "p-cuda/main.cpp", 6),
        (6, "elsewhere/main.cpp", 6),
        (6, "", 6),
        (90, "p-cuda/main.cpp", None),
        (6, "p-cuda/other.cpp", None),
    ],
)
def test_an_openmp_label_finds_its_region_by_line(line: int, file: str, expected: int | None) -> None:
    found = reports(OPENMP)
    index = match(named(f"f(float*, int) @line {line}", file, line, Language.OPENMP), found)
    assert (found[index].kernel.line if index is not None else None) == expected


def test_a_kernel_of_another_language_is_not_meant() -> None:
    assert match(named("f(float*, int)", "p-cuda/main.cpp", 2), reports(OPENMP)) is None


@pytest.mark.parametrize(
    ("display", "shown"),
    [
        ("void fill<short, (int)2>(short*, int) @line 2", "fill<short, 2> @line 2"),
        ("void fill<double, 4>(double*, int) @line 2", "fill<double, 4> @line 2"),
        ("void fill<short, 3>(short*, int) @line 2", "fill<int16_t, 3> @line 2"),
        ("void fill<long, 8>(long*, int) @line 2", "fill<short, 2> @line 2"),
    ],
)
def test_a_region_in_a_template_is_known_by_its_template_arguments(display: str, shown: str) -> None:
    found = reports(TEMPLATE)
    index = match(named(display, "p-cuda/main.cpp", 2, Language.OPENMP), found)
    assert index is not None
    assert found[index].kernel.display == shown
