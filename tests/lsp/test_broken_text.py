"""Text that is broken inside of a kernel: what is told once it is asked for is what a fresh look tells."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jouleline import wiring
from jouleline.core.source import SourceText
from jouleline.lsp.documents import Document
from jouleline.lsp.memory import Memory
from jouleline.lsp.view import View

TEXT = """\
__device__ float twice(float x) { return x + x; }
__global__ void scale(float *a, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) { a[i] *= 2.0f; } /* done */
}
__global__ void sweep(const float *in, float *out, int n) {
  for (int k = 0; k < n; k++)
    out[threadIdx.x] += twice(in[k]);
}
/* between */
__global__ void last(float *out) { out[threadIdx.x] = 1.0f / out[blockIdx.x]; }
int main() {
  int n = 4096;
  scale<<<n / 256, 256>>>(nullptr, n);
  sweep<<<64, 256>>>(nullptr, nullptr, n);
  last<<<1, 32>>>(nullptr);
}
"""
PIECES = ["", "/*", "*/", "{", "}", "(", ")", '"', "//", "#", ";", "x", "\n", "__global__ ", "<<<"]
PLACES = st.integers(TEXT.index("__global__"), TEXT.index("int main"))
EDITS = st.lists(st.tuples(PLACES, st.sampled_from([0, 0, 0, 1, 2, 5]), st.sampled_from(PIECES)), max_size=4)
DEVICE = wiring.catalogue().get("h200")


def opened(text: str) -> Document:
    return Document("file:///k.cu", Path("/k.cu"), "cuda-cpp", 0, SourceText(text.encode()))


def view(document: Document, memory: Memory) -> View:
    assert document.parsed is not None
    return View(document, "k.cu", {"k.cu": document.parsed}, DEVICE, "", "", "utf-8", memory)


def told(seen: View) -> list[object]:
    return [
        (kernel.display, [(one.counts, one.launch and one.launch.written) for one in seen.reports(place)])
        for place, kernel in seen.kernels
    ]


@given(EDITS)
@example([(TEXT.index("[k])"), 0, "{"), (TEXT.index("twice(in"), 0, "*/")])
@example([(TEXT.index("k < n"), 5, "/*"), (TEXT.index("blockIdx"), 0, "/*")])
@example([(TEXT.index("float *in"), 1, "("), (TEXT.index("Idx.x] = "), 0, "/*")])
@settings(max_examples=20, deadline=None)
def test_broken_text_tells_what_a_fresh_look_does(edits: list[tuple[int, int, str]]) -> None:
    memory, text = Memory(), TEXT
    document = opened(text)
    told(view(document, memory))
    for version, (at, removed, piece) in enumerate(edits):
        text = text[:at] + piece + text[at + removed :]
        document = document.changed(SourceText(text.encode()), version)
        if document.reads_as(opened(text)):  # else it is read anew in a pause
            assert told(view(document, memory)) == told(view(opened(text), Memory())), text


@pytest.mark.parametrize(
    ("before", "after"), [("1.0f /", "1.0f *"), ("last<<<2, 64>>>(a)", "last<<<2, 128>>>(a)")]
)
def test_a_kernel_that_launches_another_and_the_other_follow_each_change(before: str, after: str) -> None:
    text = TEXT.replace("/* done */", "last<<<2, 64>>>(a);")
    memory, document = Memory(), opened(text)
    told(view(document, memory))
    text = text.replace(before, after)
    document = document.changed(SourceText(text.encode()), 1)
    assert told(view(document, memory)) == told(view(opened(text), Memory()))
