from pathlib import Path

import pytest

from jouleline.app.candidates import candidate_by
from jouleline.rules import RULES
from jouleline.rules.block_size import BLOCK_SIZES, BlockSize
from tests.rules.harness import check_compiles, found, rewritten, sample_files, untouched

RULE = BlockSize(128)

PROGRAM = """#include <cstdio>
@HEAD@
__global__ void scale(float *x, float factor, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) {
        x[i] *= factor;
    }
}
int main(int argc, char **) {
    const int n = 1000 * argc;
    float *d_x;
    cudaMalloc(&d_x, n * sizeof(float));
    @LAUNCH@
    cudaFree(d_x);
}
"""
LITERAL = "scale<<<(n + 255) / 256, 256>>>(d_x, 2.0f, n);"
NAMED = "scale<<<(n + SIZE - 1) / SIZE, SIZE>>>(d_x, 2.0f, n);"
VARIABLE = """const int size = 256;
    const int blocks = (n + size - 1) / size;
    scale<<<blocks, size>>>(d_x, 2.0f, n);"""
SHAPES = """dim3 grid((n + 255) / 256);
    dim3 block(256);
    scale<<<grid, block>>>(d_x, 2.0f, n);"""
SIZE = "#define SIZE 256"
GUARD = """    if (i < n) {
        x[i] *= factor;
    }"""


def program(launch: str, head: str = "") -> str:
    return PROGRAM.replace("@LAUNCH@", launch).replace("@HEAD@", head)


def kernel(text: str) -> str:
    """The program with another body behind the thread's number."""
    return program(NAMED, SIZE).replace(GUARD, text)


@pytest.mark.parametrize("threads", BLOCK_SIZES)
def test_a_gpu_sample_compiles(threads: int, tmp_path: Path) -> None:
    if threads == 256:
        assert found(BlockSize(threads), sample_files("lookup-hip")["main.hip"]) == []
    else:
        check_compiles(BlockSize(threads), "lookup-hip", tmp_path, "hipcc")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (program(LITERAL), "scale<<<(n + 127) / 128, 128>>>(d_x, 2.0f, n);"),
        (program(LITERAL.replace("255", "256 - 1")), "scale<<<(n + 128 - 1) / 128, 128>>>"),
        (program(LITERAL.replace("(n + 255) / 256", "dim3((n + 255) / 256)")), "dim3((n + 127) / 128), 128"),
        (program(SHAPES), "dim3 grid((n + 127) / 128);\n    dim3 block(128);"),
        (program(SHAPES + " scale<<<grid, block>>>(d_x, 3.0f, n);"), "dim3 block(128);"),
        (program(SHAPES.replace("block(256)", "block(256, 1, 1)")), "dim3 block(128, 1, 1);"),
        (program(SHAPES.replace("255", "SIZE - 1").replace("256", "SIZE"), SIZE), "#define SIZE 128\n"),
        (program(NAMED, SIZE), "#define SIZE 128\n"),
        (program(NAMED, "constexpr int SIZE = 256;"), "constexpr int SIZE = 128;"),
        (program(VARIABLE), "const int size = 128;"),
        (program(NAMED + NAMED, SIZE), "#define SIZE 128\n"),
        (program(NAMED, SIZE).replace("* blockDim.x", "* SIZE"), "#define SIZE 128\n"),
        (kernel("if (i >= n) return;\n    x[i] *= factor;"), "#define SIZE 128\n"),
        (kernel("const int j = i / 2;\n    if (i < n && x[i] > 0) { x[i] = j; }"), "#define SIZE 128\n"),
        (kernel("if (i < n) atomicAdd(x, sqrtf(factor));"), "#define SIZE 128\n"),
        (program(NAMED, SIZE).replace("int n)", "int count)").replace("i < n", "i < count"), "SIZE 128\n"),
    ],
)
def test_the_size_of_blocks_is_replaced(text: str, expected: str) -> None:
    changed = rewritten(RULE, text)
    assert expected in changed
    assert "256" not in changed
    untouched(RULE, changed)


def test_a_large_block_is_bounded_so_that_it_can_be_launched() -> None:
    text = rewritten(BlockSize(512), program(LITERAL))
    assert "__global__ void __launch_bounds__(512) scale(" in text
    untouched(BlockSize(1024), text)


def test_one_size_is_taken_of_all() -> None:
    candidate = candidate_by("all", RULES, {"main.cu": program(NAMED, SIZE).encode()}, ["main.cu"])
    assert candidate is not None
    sizes = [rewrite.rule for rewrite in candidate.rewrites if rewrite.rule.startswith("block-size")]
    assert sizes == ["block-size-64"]
    assert b"#define SIZE 64\n" in candidate.files["main.cu"]


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("the grid is a number", program("scale<<<4, 256>>>(d_x, 2.0f, n);")),
        ("the grid is of other blocks", program(LITERAL.replace("/ 256", "/ 128"))),
        ("it rounds down", program(LITERAL.replace("(n + 255)", "n"))),
        ("the grid covers something else", program(LITERAL.replace("(n +", "(n - 1 +"))),
        ("shared memory is asked for", program(LITERAL.replace("256>>>", "256, 1024>>>"))),
        ("no warp", program(LITERAL.replace("256", "100").replace("255", "99"))),
        ("the number means something else too", program(LITERAL.replace("(n +", "(n * 256 +"))),
        ("the kernel has the number", program(LITERAL).replace("blockDim.x", "256")),
        ("the constant is used elsewhere", program(NAMED + ' printf("%d\\n", SIZE);', SIZE)),
        ("the constant sizes an array", kernel("float t[SIZE]; if (i < n) x[i] = t[0];")),
        ("the constant is in another macro", program(NAMED, SIZE + "\n#define BYTES (SIZE * 4)")),
        ("two definitions", program(NAMED, f"#ifdef A\n{SIZE}\n#else\n#define SIZE 64\n#endif")),
        ("a formula", program(NAMED, "#define SIZE (128 * 2)")),
        ("a variable that changes", program(VARIABLE.replace("const int size", "int size").replace(
            "const int blocks", "size = 64; const int blocks"))),
        ("the extent changes", program(VARIABLE.replace("size;\n    scale", "size; n = 7;\n    scale"))
            .replace("const int n", "int n")),
        ("two dimensions of blocks", program(SHAPES.replace("block(256)", "block(256, 2)"))),
        ("a shape that is used elsewhere", program(SHAPES + " other(block.x);")),
        ("a shape that is changed", program(SHAPES.replace("    scale", "    block.x = 64; scale"))),
        ("a shape of another launch", program(SHAPES + " scale<<<4, block>>>(d_x, 3.0f, n);")),
        ("a grid of another launch", program(SHAPES + " scale<<<grid, 64>>>(d_x, 3.0f, n);")),
        ("a shape of a stream's launch", program(SHAPES + " scale<<<grid, block, 0, s>>>(d_x, 3.0f, n);")),
        ("an extent that changes", program(SHAPES.replace("    scale", "    n = 7; scale")).replace(
            "const int n", "int n")),
        ("no guard", kernel("x[i] *= factor;")),
        ("guarded by another size", kernel("if (i < 1000) x[i] *= factor;")),
        ("the guard's size changes", kernel("n -= 1; if (i < n) x[i] *= factor;")),
        ("something after the guard", kernel("if (i < n) x[i] *= factor;\n    x[0] = 1;")),
        ("something else otherwise", kernel("if (i < n) x[i] = 1; else x[0] = 2;")),
        ("memory is read before", kernel("const float t = x[i]; if (i < n) x[i] = t;")),
        ("either condition", kernel("if (i < n || x[0] > 1) x[i] = 1;")),
        ("shared memory", kernel("__shared__ float t[4]; if (i < n) x[i] = t[0];")),
        ("a barrier", kernel("if (i < n) { x[i] = 1; __syncthreads(); }")),
        ("a warp", kernel("if (i < n) x[i] = __shfl_down_sync(~0u, x[i], 1);")),
        ("a thread of a block", kernel("if (i < n) x[i] = threadIdx.x;")),
        ("the size of a block", kernel("if (i < n) x[i] = blockDim.x;")),
        ("two dimensions", program(NAMED, SIZE).replace(".x", ".y")),
        ("a bound", program(NAMED, SIZE).replace("void scale", "void __launch_bounds__(256) scale")),
        ("an unknown function", kernel("if (i < n) x[i] = other(i);")),
        ("a function that asks", program(NAMED, SIZE + "\n__device__ int at() { return threadIdx.x; }")
            .replace("x[i] *=", "x[at()] *=")),
        ("a template", program(NAMED, SIZE).replace("__global__", "template <int K>\n__global__")),
        ("that size already", program(LITERAL.replace("256", "128").replace("255", "127"))),
        ("half-typed", program(LITERAL + " if (")),
        ("dead code", "#if 0\n" + program(LITERAL) + "\n#endif\n"),
    ],
)  # fmt: skip
def test_where_it_is_not_proved_the_size_stays(why: str, text: str) -> None:
    assert why
    untouched(RULE, text)


def test_the_sizes_share_a_family() -> None:
    assert {BlockSize(threads).family for threads in BLOCK_SIZES} == {"block-size"}
    assert all(threads % 32 == 0 and 64 <= threads <= 1024 for threads in BLOCK_SIZES)
