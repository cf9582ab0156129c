from pathlib import Path

import pytest

from jouleline.rules.late_synchronisation import LateSynchronisation
from tests.rules.harness import check_text_compiles, found, rewritten, untouched

RULE = LateSynchronisation()

PROGRAM = """#include <cstdio>
#include <vector>
@HEAD@
__global__ void step(float *x, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) x[i] += 1;
}
void other();
int main(int argc, char **) {
    const int n = 1000 * argc;
    std::vector<float> host(n);
    float *d_x, *d_y;
    cudaMalloc(&d_x, n * sizeof(float));
    cudaMalloc(&d_y, n * sizeof(float));
    for (int r = 0; r < 100; r++) {
        @BEFORE@
        step<<<(n + 255) / 256, 256>>>(d_x, n);
        cudaDeviceSynchronize();
        @AFTER@
    }
    @LAST@
    cudaFree(d_x);
}
"""
WAIT = "cudaDeviceSynchronize();"


def program(before: str = "", after: str = "", last: str = "", head: str = "") -> str:
    text = PROGRAM.replace("@BEFORE@", before).replace("@AFTER@", after)
    return text.replace("@LAST@", last).replace("@HEAD@", head)


def test_the_program_compiles(tmp_path: Path) -> None:
    assert f"    }}\n    {WAIT}\n" in check_text_compiles(RULE, program(), tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        program(),
        program(after=f"step<<<1, 32>>>(d_x, n); {WAIT}"),
        program(after=f"for (int k = 0; k < 3; k++) {{ step<<<1, 32>>>(d_x, k); {WAIT} }}"),
        program(before="float *t = d_x; d_x = d_y; d_y = t;"),
        program(
            after="cudaMemcpy(host.data(), d_x, n * sizeof(float), cudaMemcpyDeviceToHost); host[0] += 1;"
        ),
        program(before="if (host[r] > 3) break;"),
        program(before="std::swap(d_x, d_y);"),
        program().replace("256>>>", "256, 0>>>"),
        program().replace("cuda", "hip").replace("<cstdio>", "<hip/hip_runtime.h>"),
    ],
)
def test_the_host_waits_once_after_the_loop(text: str) -> None:
    changed = rewritten(RULE, text)
    assert changed.count("DeviceSynchronize") == 1
    assert changed.index("DeviceSynchronize") > changed.index("step<<<(n")
    untouched(RULE, changed)


def test_a_wait_behind_the_loop_is_enough() -> None:
    changed = rewritten(RULE, program(last=WAIT))
    assert changed.count(WAIT) == 1


def test_the_outermost_loop_is_taken() -> None:
    inner = f"for (int k = 0; k < 3; k++) {{\n step<<<1, 32>>>(d_x, k);\n {WAIT}\n        }}"
    assert len(found(RULE, program(after=inner))) == 1


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("the time of each launch is taken", program(after="host[r] = omp_get_wtime();")),
        ("events", program(after="cudaEventRecord(stop);")),
        ("something is printed", program(after='printf("%d\\n", r);')),
        ("an unknown function", program(after="other();")),
        ("errors are looked for", program(after="if (cudaGetLastError() != cudaSuccess) break;")),
        ("its answer is used", program(after="if (cudaDeviceSynchronize() != cudaSuccess) break;")),
        ("it is checked by a macro", program(after="CHECK(cudaDeviceSynchronize());")),
        ("memory of both", program(before="", head="__managed__ int flag;")),
        ("managed memory", program(last="float *m; cudaMallocManaged(&m, 4);")),
        ("pinned memory", program(last="float *m; cudaMallocHost(&m, 4);")),
        ("another stream", program(after="step<<<1, 32, 0, s>>>(d_x, n);")),
        ("streams", program(last="cudaStreamCreate(&s);")),
        ("copies in the background", program(last="cudaMemcpyAsync(d_x, d_y, 4, cudaMemcpyDeviceToDevice);")),
        ("another thread", program(last="std::thread t(other);")),
        ("the kernel prints", program().replace("x[i] += 1;", 'printf("%d", i);')),
        ("the function may be left", program(after="if (host[r] > 1) return 1;")),
        ("a lambda", program(after="auto f = [&] { host[0] = 1; };")),
        ("a condition", program().replace(f"        {WAIT}", f"        if (r % 10 == 0) {WAIT}")),
        ("no launch", program().replace("step<<<(n + 255) / 256, 256>>>(d_x, n);", "")),
        ("no loop", program().replace("for (int r = 0; r < 100; r++)", "const int r = 0;")),
        ("a pragma", program().replace("    for (int r", "#pragma omp parallel for\n    for (int r")),
        ("a branch", program(after="\n#ifdef W\nhost[0] = 1;\n#endif\n")),
        ("a macro", program(after="DRAW;", head="#define DRAW other()")),
        ("dead code", "#if 0\n" + program() + "\n#endif\n"),
        ("half-typed", program(last="if (")),
        ("nothing waits", program().replace(WAIT, "")),
    ],
)  # fmt: skip
def test_where_it_is_not_proved_the_host_waits(why: str, text: str) -> None:
    assert why
    untouched(RULE, text)


def test_line_breaks_stay() -> None:
    assert f"    }}\r\n    {WAIT}\r\n" in rewritten(RULE, program().replace("\n", "\r\n"))
