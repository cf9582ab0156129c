"""Smells that are carried over stand where they stood in the text."""

from pathlib import Path

import pytest

from jouleline import wiring
from jouleline.app.smells import text_smells
from jouleline.core.source import SourceText
from jouleline.lsp.documents import Document
from jouleline.lsp.marks import State
from jouleline.lsp.memory import Memory
from jouleline.lsp.view import View
from jouleline.rules import RULES

KERNEL = """\
__global__ void {name}(float *__restrict__ x, const float *__restrict__ y, float scale, int n) {{
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  for (int k = 0; k < n; k++) x[i] += 0.1 * y[i] / scale;
}}
"""
TEXT = (
    KERNEL.format(name="first")
    + KERNEL.format(name="second")
    + "int main() {\n  float *x, *y, *h = new float[9];\n  cudaMalloc(&x, 36);\n  cudaMalloc(&y, 36);\n"
    "  for (int k = 0; k < 9; k++) {\n    cudaMemcpy(y, h, 36, cudaMemcpyHostToDevice);\n"
    "    first<<<1, 9>>>(x, y, 2.0f, 9);\n    second<<<1, 9>>>(x, y, 2.0f, 9);\n  }\n}\n"
)


def state(text: str) -> State:
    document = Document("file:///k.cu", Path("/k.cu"), "cuda-cpp", 1, SourceText(text.encode()))
    assert document.parsed is not None
    device = wiring.catalogue().get("h200")
    return State.of(View(document, "k.cu", {"k.cu": document.parsed}, device, "", "", "utf-8", Memory()))


@pytest.mark.parametrize(
    ("old", "new"),
    [("0.1 * y[i]", "\n\n 0.25 * y[i] * y[i]"), ("y[i] / scale", "y[i]"), ("x[i] +=", "x[i] =")],
)
def test_what_one_kernel_changes_is_looked_for_there_and_the_rest_is_carried(old: str, new: str) -> None:
    changed = TEXT.replace(old, new, 1)
    before, after = state(TEXT), state(changed)
    bodies = before.changed_to(after)
    assert bodies is not None
    assert [body.start for body in bodies] == [0]
    known = tuple(text_smells({"k.cu": TEXT.encode()}, "k.cu", RULES))
    files = {"k.cu": changed.encode()}
    found = before.carried(known, after)
    found += text_smells(files, "k.cu", RULES, (bodies[0].start, bodies[0].end))
    found.sort(key=lambda one: (one.start, one.code))
    expected = text_smells(files, "k.cu", RULES)
    main = changed.index("int main")
    assert [one for one in found if one.start < main] == [one for one in expected if one.start < main]
    assert [(one.code, one.start, one.end) for one in found] == [
        (one.code, one.start, one.end) for one in expected
    ]
    assert any(one.start >= main for one in found)
    assert all(one.fix is None for one in found if one.start >= main)


@pytest.mark.parametrize(
    ("old", "new"), [("*h", " *h"), ("float scale", "double scale"), ("0.1 *", "#define X\n")]
)
def test_what_is_around_the_bodies_counts_for_all(old: str, new: str) -> None:
    assert state(TEXT).changed_to(state(TEXT.replace(old, new, 1))) is None
