from pathlib import Path

import pytest

from jouleline.rules.hoist_transfers import HoistTransfers
from tests.rules.harness import (
    check_compiles,
    check_program,
    check_sample,
    found,
    rewritten,
    rewritten_sample,
    sample_files,
    untouched,
)

RULE = HoistTransfers()

CUDA = """#include <cstdio>
#include <vector>
__global__ void use(const float *in, float *out, int n) {
    int i = threadIdx.x;
    if (i < n) out[i] += in[i];
}
__global__ void spoil(float *data) { data[0] = 1; }
__global__ void peek(float *data, float *out) { out[0] = data[0]; }
int main(int, char **) {
    const int n = 64;
    std::vector<float> host(n, 1.0f), result(n);
    float *d_in, *d_out, *d_more;
    cudaMalloc(&d_in, n * sizeof(float));
    cudaMalloc(&d_out, n * sizeof(float));
    cudaMalloc(&d_more, n * sizeof(float));
    @BEFORE@
    for (int r = 0; r < 10; r++) {
        @FIRST@
        cudaMemcpy(d_in, host.data(), n * sizeof(float), cudaMemcpyHostToDevice);
        use<<<1, n>>>(d_in, d_out, n);
        @LAST@
    }
    @AFTER@
    cudaMemcpy(result.data(), d_out, n * sizeof(float), cudaMemcpyDeviceToHost);
    cudaFree(d_in);
}
"""
COPY = "cudaMemcpy(d_in, host.data(), n * sizeof(float), cudaMemcpyHostToDevice);"


def cuda(first: str = "", last: str = "", before: str = "", after: str = "") -> str:
    text = CUDA.replace("@FIRST@", first).replace("@LAST@", last)
    return text.replace("@BEFORE@", before).replace("@AFTER@", after)


OPENMP = """#include <cstdio>
#include <vector>
static void frames(const float *in, float *out, float *other, int n, int m) {
    for (int f = 0; f < m; f++) {
        @FIRST@
#pragma omp target teams distribute parallel for map(to : in[0 : n]) map(tofrom : out[0 : n])
        for (int i = 0; i < n; i++) {
            out[i] += in[i] * f;
        }
        @LAST@
    }
    other[0] = n;
}
int main() {
    std::vector<float> a(100, 0.5f), b(100), c(100);
    frames(a.data(), b.data(), c.data(), 100, 7);
    for (float v : b) printf("%.9g\\n", v);
}
"""


def openmp(first: str = "", last: str = "") -> str:
    return OPENMP.replace("@FIRST@", first).replace("@LAST@", last)


def pragma(directive: str) -> str:
    return openmp().replace("    for (int f", f"#pragma omp {directive}\n    for (int f")


def test_a_target_data_region_prints_the_same(tmp_path: Path) -> None:
    check_sample(RULE, "colormap-omp-offload", tmp_path)


@pytest.mark.parametrize(("name", "compiler"), [("histogram-cuda", "nvcc"), ("lookup-hip", "hipcc")])
def test_a_gpu_sample_compiles(name: str, compiler: str, tmp_path: Path) -> None:
    check_compiles(RULE, name, tmp_path, compiler)


def test_the_table_of_a_hip_sample_is_sent_before_the_loop() -> None:
    text = rewritten_sample(RULE, "lookup-hip")["main.hip"].decode()
    assert text.index("hipMemcpy(d_table") < text.index(
        "for (int batch = 0; batch < batches; batch++) {\n    "
    )


@pytest.mark.parametrize(
    "text",
    [
        cuda(),
        cuda(last="peek<<<1, 1>>>(d_in, d_out);"),
        cuda(last="spoil<<<1, 1>>>(d_out);"),
        cuda(last="cudaMemcpy(result.data(), d_out, n * sizeof(float), cudaMemcpyDeviceToHost);"),
        cuda(last="cudaDeviceSynchronize(); result[r] = host[r];"),
        cuda(before="host[0] = 3;"),
        cuda().replace("for (int r = 0; r < 10; r++)", "int r = 0;\n    while (r++ < 10)"),
    ],
)
def test_an_unchanged_input_is_sent_once(text: str) -> None:
    changed = rewritten(RULE, text)
    loop = changed.index("while (") if "while (" in changed else changed.index("for (int r")
    assert changed.index(COPY) < loop
    assert changed.count(COPY) == 1


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("the host changes it", cuda(last="host[r] = r;")),
        ("the host changes it elsewhere", cuda(last="change(host);")),
        ("the host changes it through a pointer", cuda(before="float *p = host.data();", last="p[0] = r;")),
        ("a reference changes it", cuda(before="float &h = host[0];", last="h = r;")),
        ("the host receives it", cuda(last=COPY.replace("d_in, host.data()", "host.data(), d_out").replace(
            "HostToDevice", "DeviceToHost"))),
        ("a kernel changes it", cuda(last="spoil<<<1, 1>>>(d_in);")),
        ("another copy changes it", cuda(last="cudaMemcpy(d_in, d_out, 4, cudaMemcpyDeviceToDevice);")),
        ("a fill changes it", cuda(last="cudaMemset(d_in, 0, 4);")),
        ("an alias is changed", cuda(before="float *p = d_in;", last="spoil<<<1, 1>>>(p);")),
        ("it is passed on", cuda(last="change(d_in);")),
        ("it is read before it arrives", cuda(first="peek<<<1, 1>>>(d_in, d_out);")),
        ("it is read after the loop", cuda(after="peek<<<1, 1>>>(d_in, d_out);")),
        ("the pointers are swapped", cuda(last="std::swap(d_in, d_out);")),
        ("the pointer is set", cuda(last="d_in = d_out;")),
        ("another part each time", cuda().replace("host.data(), n *", "host.data() + r, n *")),
        ("another size each time", cuda().replace("host.data(), n *", "host.data(), r *")),
        ("it is conditional", cuda().replace("cudaMemcpy(d_in", "if (r % 2) cudaMemcpy(d_in")),
        ("it is asynchronous", cuda().replace("cudaMemcpy(d_in", "cudaMemcpyAsync(d_in")),
        ("the host reads managed memory", cuda(before="cudaMallocManaged(&d_more, 4);")),
        ("a lambda is called", cuda(before="auto f = [&] { host[0]++; };", last="f();")),
        ("it comes back from the device", cuda().replace("HostToDevice", "DeviceToHost")),
        ("a loop further out", cuda().replace("for (int r", "for (int q = 0; q < 2; q++)\n    for (int r")),
        ("a cast takes const away", cuda().replace("out[i] += in[i]", "((float *)in)[i] = out[i]")),
        ("the kernel is not known", cuda().replace("__global__ void use", "__global__ void used")),
        ("a branch", cuda(last="\n#ifdef W\nspoil<<<1, 1>>>(d_in);\n#endif\n")),
        ("dead code", "#if 0\n" + cuda() + "\n#endif\n"),
        ("a half-typed function", cuda(last="if (")),
    ],
)  # fmt: skip
def test_where_it_is_not_proved_it_is_sent_again(why: str, text: str) -> None:
    assert why
    untouched(RULE, text)


@pytest.mark.parametrize("first", ["", "float s = in[0];\n        (void)s;"])
def test_maps_move_around_the_loop(first: str, tmp_path: Path) -> None:
    changed = check_program(RULE, openmp(first), tmp_path)
    assert "#pragma omp target data map(to : in[0 : n]) map(tofrom : out[0 : n])\n    for (int f" in changed


def test_what_the_host_looks_at_is_still_sent_back() -> None:
    changed = rewritten(RULE, openmp(last="float s = out[0];\n        (void)s;"))
    assert "#pragma omp target data map(to : in[0 : n])\n" in changed


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("the host changes it", openmp(first="((float *)in)[0] = f;")),
        ("the host changes something", openmp(first="other[0] = f;")),
        ("the host calls something", openmp(first="change(other);")),
        ("the device changes it", openmp().replace("+= in[i] * f", "+= in[i] *= f").replace("const ", "")),
        ("the section moves", openmp().replace("in[0 : n]", "in[f : n]")),
        ("the pointer moves", openmp(last="in++;")),
        ("it is not waited for", openmp().replace("parallel for", "parallel for nowait")),
        ("another device each time", openmp().replace("parallel for", "parallel for device(f)")),
        ("it is there already", pragma("target data map(to : in[0 : n])")),
        ("updates", openmp(first="\n#pragma omp target update to(in[0 : n])\n")),
        ("all threads run the loop", pragma("parallel")),
        ("input and output are one", openmp().replace("a.data(), b.data()", "b.data(), b.data()")),
        ("input and output may be one", openmp().replace("frames(a.data", "others(a.data")),
        ("nothing is only sent", openmp().replace("map(to :", "map(tofrom :")),
        ("no loop", openmp().replace("for (int f = 0; f < m; f++) {", "{ int f = m;")),
    ],
)  # fmt: skip
def test_where_it_is_not_proved_maps_stay(why: str, text: str) -> None:
    assert why
    untouched(RULE, text)


def test_the_rewrite_points_at_the_transfer_and_changes_no_digit() -> None:
    (rewrite,) = found(RULE, sample_files("histogram-cuda")["main.cu"])
    assert (rewrite.line, rewrite.rounding, len(rewrite.edits)) == (54, False, 2)
    (rewrite,) = found(RULE, sample_files("colormap-omp-offload")["main.cpp"])
    assert (rewrite.line, rewrite.rounding) == (12, False)


def test_two_copies_of_a_loop_move_together_in_order() -> None:
    second = COPY.replace("d_in, host", "d_more, result").replace("n * s", "8 * s")
    text = cuda(last="").replace(
        "use<<<1, n>>>(d_in, d_out, n);", second + "\n        use<<<1, n>>>(d_in, d_out, n);"
    )
    changed = rewritten(RULE, text)
    assert changed.index(COPY) < changed.index(second) < changed.index("for (int r")


def test_line_breaks_and_tabs_stay() -> None:
    text = cuda().replace("\n", "\r\n").replace("    ", "\t")
    changed = rewritten(RULE, text)
    assert f"\r\n\t{COPY}\r\n\tfor (int r" in changed
    assert "\n" not in changed.replace("\r\n", "")
