import asyncio

import pytest

from jouleline.app.smells import text_smells
from jouleline.lsp.aside import AsideError, find_smells, what_if
from jouleline.rules import RULES

KERNEL = b"""\
// latin-1: \xe9, and \xf0\x9f\x9a\x80
__global__ void k(float *__restrict__ x, const float *__restrict__ y, float scale, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    for (int k = 0; k < n; k++) x[i] += 0.1 * y[i] / scale;
}
"""


def test_another_process_finds_what_this_one_would() -> None:
    files = {"k.cu": KERNEL, "other.h": b"#define N 3\n"}
    found = asyncio.run(find_smells(files, "k.cu"))
    assert found == text_smells(files, "k.cu", RULES)
    assert any(smell.fix is not None for smell in found)


def test_a_process_that_fails_is_an_error_in_words() -> None:
    with pytest.raises(AsideError, match="whatIf: the process ended with 1"):
        asyncio.run(what_if({"k.cu": KERNEL}, ["no such device"], ""))
