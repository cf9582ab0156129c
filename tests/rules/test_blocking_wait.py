from pathlib import Path

import pytest

from jouleline.rules.blocking_wait import BlockingWait
from tests.rules.harness import check_compiles, program_of, rewritten, rewritten_sample, untouched

RULE = BlockingWait()

PROGRAM = """#include <vector>
__global__ void step(float *x) { x[threadIdx.x] += 1; }
@HEAD@
int main() {
    float *d_x;
    cudaMalloc(&d_x, 1024);
    step<<<1, 256>>>(d_x);
    @BODY@
    cudaDeviceSynchronize();
    cudaFree(d_x);
}
"""
FLAG = "int main() {\n    cudaSetDeviceFlags(cudaDeviceScheduleBlockingSync);\n    float *d_x;\n"


def program(body: str = "", head: str = "") -> str:
    return PROGRAM.replace("@BODY@", body).replace("@HEAD@", head)


@pytest.mark.parametrize(("name", "compiler"), [("jacobi-cuda", "nvcc"), ("lookup-hip", "hipcc")])
def test_a_gpu_sample_compiles(name: str, compiler: str, tmp_path: Path) -> None:
    check_compiles(RULE, name, tmp_path, compiler)


def test_hip_drops_the_answer_as_its_header_asks_for() -> None:
    text = rewritten_sample(RULE, "lookup-hip")["main.hip"].decode()
    assert "{\n    (void)hipSetDeviceFlags(hipDeviceScheduleBlockingSync);\n" in text


@pytest.mark.parametrize(
    "text",
    [
        program(),
        program(head="static int count = 3;\nconst float weights[] = {1.0f, 2.0f};"),
        program(head="__constant__ float table[4];\nstd::vector<float> kept;\nfloat *spare;"),
        program(head="struct Point { float x, y; };\nPoint origin;"),
        program().replace("cudaDeviceSynchronize();", "cudaMemcpy(d_x, d_x, 4, cudaMemcpyDeviceToDevice);"),
    ],
)
def test_the_host_sleeps(text: str) -> None:
    changed = rewritten(RULE, text)
    assert FLAG in changed
    untouched(RULE, changed)


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("the program chooses", program("cudaSetDeviceFlags(cudaDeviceScheduleSpin);")),
        ("it chooses a device", program("cudaSetDevice(1);")),
        ("it starts over", program("cudaDeviceReset();")),
        ("the driver's interface", program("cuInit(0);")),
        ("a global variable asks the device", program(head="int devices = count();")),
        ("a global variable of the program's", program(head="struct A { A(); };\nA a;")),
        ("an array of such", program(head="struct A { A(); };\nA a[3];")),
        ("a global variable of a library", program(head="thrust::device_vector<float> v(3);")),
        ("nothing waits in main", program().replace("cudaDeviceSynchronize();", "")),
        ("no device", "int main() { return 0; }"),
        ("no main", program().replace("int main", "int run")),
        ("a branch", program("\n#ifdef W\nd_x = 0;\n#endif\n")),
        ("two platforms", program("hipDeviceSynchronize();")),
        ("dead code", "#if 0\n" + program() + "\n#endif\n"),
        ("half-typed", program("if (")),
    ],
)
def test_where_it_is_not_proved_the_host_is_left_alone(why: str, text: str) -> None:
    assert why
    untouched(RULE, text)


def test_it_is_set_in_the_file_of_main_only() -> None:
    files = {"main.cu": program().encode(), "more.cu": b"void more() { cudaDeviceSynchronize(); }\n"}
    sources, facts = program_of(files)
    assert [len(RULE.rewrites(sources[name], facts)) for name in files] == [1, 0]


def test_line_breaks_stay() -> None:
    text = program().replace("\n", "\r\n")
    assert FLAG.replace("\n", "\r\n") in rewritten(RULE, text)
