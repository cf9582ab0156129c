"""Thousands of edits, as an editor sends them, leave what a fresh look at the text would find.

``JOULELINE_EDITS`` says how many (``make soak``: 10,000).
"""

import asyncio
import os
import random
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from lsprotocol import types

from jouleline import wiring
from jouleline.core.counts import KernelCounts
from jouleline.core.source import Encoding, SourceText
from jouleline.core.syntax import parse
from jouleline.lsp import convert
from jouleline.lsp.documents import Document
from jouleline.lsp.hints import Hint, hints
from jouleline.lsp.memory import Memory
from jouleline.lsp.texts import to_bytes
from jouleline.lsp.view import View

EDITS = int(os.environ.get("JOULELINE_EDITS", "900"))
UNITS: dict[Encoding, tuple[str, int]] = {
    "utf-8": ("utf-8", 1),
    "utf-16": ("utf-16-le", 2),
    "utf-32": ("utf-32-le", 4),
}
KERNEL = """\
__global__ void scale(float *a, int n) { // 😀·a
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) a[i] *= 2.0f;
}
"""
CUDA = f"""\
/* 😀 é 漢字 */\r
#define SIZE 4096
__device__ float twice(float x) {{ return x + x; }}\r
{KERNEL}
__global__ void sweep(const float *in, float *out, int n) {{
  for (int k = 0; k < n; k++)
    out[threadIdx.x] += twice(in[k]);
}}
int main() {{
  const char *name = "𝄞 <<<1, 2>>>";
  int n = SIZE;
  scale<<<n / 256, 256>>>(nullptr, n);
  sweep<<<64, 256>>>(nullptr, nullptr, n);
}}
"""
OPENMP = """\
#include <omp.h> // 😀
void add(float *a, const float *b, int n) {
#pragma omp parallel for
  for (int i = 0; i < n; i++) a[i] += 2.0f * b[i];\r
}
int main() {
  static float a[4096], b[4096];
#pragma omp target teams distribute parallel for
  for (int i = 0; i < 4096; i++) a[i] = 0.5f;
  add(a, b, 4096);
}
"""
OFFLOADED = """\
#define SIZE 4096
static int rows = 64;
float twice(float x) { return x + x; }
int half(int count) {
  int part = count / 2;
  return part;
}
void smooth(float *a, const float *b, int n, int m) {
  int width = n / 4, last = 8;
#pragma omp target teams distribute parallel for map(tofrom: a[0:n])
  for (int i = 0; i < n; i++) {
    float x = b[i] * 0.5f;
    int at = i;
    for (int k = 0; k < m; k++) {
      x += twice(b[k]);
      last = k;
    }
    if (x > 1.0f) { at = 0; }
    a[at] = x;
  }
#pragma omp target teams distribute
  for (int i = 0; i < width; i++) {
    float y = 0;
#pragma omp parallel for
    for (int k = 0; k < last; k++) y += a[i * width + k];
    a[i] = y;
  }
  int height = width / half(64);
#pragma omp target teams distribute parallel for collapse(2) num_threads(64)
  for (int i = 0; i < height; i++)
    for (int j = 0; j < width; j++) a[i * width + j] *= 2.0f;
}
void clear(float *a, int n) {
  int m = n;
#pragma omp target teams distribute parallel for
  for (int i = 0; i < m; i++) a[i] = 0;
}
void idle(float *a, int n) {
#pragma omp target teams distribute parallel for
  for (int i = 0; i < n; i++) a[i] = 2;
}
void unused(float *a) { idle(a, 640); }
int main(int argc, char **argv) {
  int n = SIZE, m = half(n);
  static float a[SIZE], b[SIZE];
  for (int s = 0; s < 3; s++) smooth(a, b, n, rows);
#pragma omp parallel for
  for (int t = 0; t < 4; t++) {
    a[t] += b[t];
    clear(a, m);
  }
#pragma omp target
  {
    rows = 5;
    for (int i = 0; i < rows; i++) a[i] += 1.0f;
  }
  smooth(a, b, rows, m);
}
"""
CONDITIONAL = """\
#define SIZE 4096
#define ROUNDS 3
__device__ float twice(float x) { return x + x; }
__global__ void sweep(const float *a, float *out, int n, int m) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, k = 0;
#ifdef FAST
  for (int k = 0; k < n / 4; k++) out[i] += twice(a[k]);
#else
  float x = a[i];
  for (int k = 0; k < n; k++) x += twice(a[k]);
  if (x > 1.0f) { out[i] = x; }
#endif
}
__global__ void rounds(float *a, int n, int m) {
  int i = threadIdx.x, last = 8;
#define WIDTH 7
  #pragma unroll
  for (int k = 0; k < ROUNDS; k++) { a[i] *= 2.0f; }
  for (int k = 0; k < WIDTH; k++) a[i + k] += m;
  #undef WIDTH
}
int main() {
  int n = SIZE, m = SIZE / 2;
  sweep<<<n / 256, 256>>>(nullptr, nullptr, n, m);
  rounds<<<m / 256, 256>>>(nullptr, ROUNDS, m);
}
"""
WORDS = "n m a[i] x k last width rows 5 twice(x) half(n) i".split()
STATEMENTS = [
    *("last = 3;", "m = n;", "int n = 7;", "rows = 2;", "width += 2;", "float z = 2.0f * a[0];", "a[0] = 1;"),
    *(
        "x *= 3;",
        "clear(a, 9);",
        "{",
        "}",
        "for (int q = 0; q < 9; q++) ",
        "if (n > 3) ",
        "// why",
        "return;",
    ),
    *(
        "\n",
        "\n#pragma omp simd\n",
        "\n#pragma omp parallel for\n",
        "\n#define SIZE 64\n",
        " + 1",
        " + ",
        "/*",
    ),
    "\n#pragma omp target teams distribute parallel for\nfor (int i = 0; i < n; i++) a[i] = n;\n",
    *(
        "\n#ifdef FAST\n",
        "\n#endif\n",
        "\n#define ROUNDS 5\n",
        "\n#define WIDTH 9\n",
        "\n#if SIZE > 9\n1;\n#endif\n",
    ),
]
PIECES = [
    *"x1 ;{}()*",
    "\n",
    "\r\n",
    "\r",
    "  ",
    "😀",
    "é漢",
    "// 𝄞\n",
    "/*",
    "*/",
    '"',
    "a[i] + ",
    "#pragma omp parallel for\n",
    "#define SIZE 8192\n",
    "__global__ ",
    "scale<<<1, 32>>>(nullptr, 1);\n",
    KERNEL,
]


@dataclass
class Editor:
    """A test double: a client that keeps its own text, and can undo."""

    text: str
    encoding: Encoding
    chosen: random.Random
    undone: list[tuple[int, str, str]] = field(default_factory=list)

    def edit(self) -> types.TextDocumentContentChangeEvent:
        """The next change, of one kind or another."""
        kind = self.chosen.random()
        if self.undone and (kind < 0.5 or len(self.undone) > 3):
            start, before, after = self.undone.pop()
            return self._replace(start, start + len(after), before)
        if kind < 0.51:
            self.undone.clear()
            return self._replace(0, len(self.text), self.chosen.choice([CUDA, OPENMP]))
        start = self._place(self.chosen.randrange(len(self.text) + 1))
        end = self._place(min(len(self.text), start + self.chosen.choice([0, 0, 0, 1, 3, 20, 200])))
        piece = "" if kind < 0.65 else self.chosen.choice(PIECES)
        if kind > 0.9:  # a paste of what stands elsewhere
            other = self._place(self.chosen.randrange(len(self.text) + 1))
            piece = self.text[other : self._place(min(len(self.text), other + self.chosen.randrange(300)))]
        self.undone.append((start, self.text[start:end], piece))
        return self._replace(start, end, piece)

    def _place(self, offset: int) -> int:
        """A place near an offset: there is no position between a carriage return and its line feed."""
        return offset - 1 if self.text[offset - 1 : offset + 1] == "\r\n" else offset

    def _replace(self, start: int, end: int, piece: str) -> types.TextDocumentContentChangeEvent:
        whole = (start, end) == (0, len(self.text)) or start != self._place(start) or end != self._place(end)
        range_ = types.Range(start=self._position(start), end=self._position(end))
        self.text = self.text[:start] + piece + self.text[end:]
        if whole:
            return types.TextDocumentContentChangeWholeDocument(text=self.text)
        return types.TextDocumentContentChangePartial(range=range_, text=piece)

    def _position(self, offset: int) -> types.Position:
        lines = re.split(r"\r\n|\n|\r", self.text[:offset])
        codec, width = UNITS[self.encoding]
        return types.Position(line=len(lines) - 1, character=len(lines[-1].encode(codec)) // width)


class Typist(Editor):
    """A test double, too: it types statements behind others, in bodies above all, and exchanges words."""

    def edit(self) -> types.TextDocumentContentChangeEvent:
        if len(self.undone) > self.chosen.randrange(5):
            start, before, after = self.undone.pop()
            return self._replace(start, start + len(after), before)
        words = self.chosen.random() < 0.4
        found = [*re.finditer(r"\b(?:[a-z]\w*|[0-9]+)\b" if words else r"[;{}]", self.text)]
        place = self.chosen.choice(found)
        start, end = place.span() if words or self.chosen.random() < 0.1 else (place.end(), place.end())
        piece = self.chosen.choice(WORDS if words else STATEMENTS)
        self.undone.append((start, self.text[start:end], piece))
        return self._replace(start, end, piece)


def view(document: Document, memory: Memory, encoding: Encoding) -> View:
    assert document.parsed is not None
    files = {"k.cu": document.parsed}
    return View(document, "k.cu", files, wiring.catalogue().get("h200"), "", "", encoding, memory)


def all_hints(seen: View, *, soon: bool = False) -> list[Hint]:
    return asyncio.run(hints(seen, 0, len(seen.text.data), soon=soon))


def told_of(seen: View) -> list[list[tuple[str, KernelCounts]]]:
    """All that is told of each kernel; in a formula, places of functions may be those of an earlier state."""
    return [
        [(one.kernel.display, replace(one.counts, formula={})) for one in seen.reports(place)]
        for place, _ in seen.kernels
    ]


@pytest.mark.parametrize(("text", "language"), [(OFFLOADED, "cpp"), (CONDITIONAL, "cuda-cpp")])
def test_many_edits_in_bodies_that_are_apart_from_host_code(text: str, language: str) -> None:
    editor = Typist(text, "utf-8", random.Random(f"edits {language}"))  # noqa: S311 - the same each time
    memory, path = Memory(), Path("/k.cu")
    document = Document("file:///k.cu", path, language, 0, SourceText(text.encode()))
    followed = 0
    for version in range(EDITS // 6):
        document = document.changed(convert.changed(document.text, [editor.edit()], "utf-8"), version)
        told = view(document, memory, "utf-8")
        anew = view(Document(document.uri, path, language, 0, document.text), Memory(), "utf-8")
        found = told_of(told)
        if not parse(document.text.data).root.has_error:  # half typed: host code may stand as it was
            assert found == told_of(anew), f"{version}:\n{document.text.data.decode()}"
        followed += "_followed" in told.__dict__
    assert followed < EDITS // 6 * 2 // 3, "what is typed in a body follows host code anew"


@pytest.mark.parametrize("encoding", UNITS)
def test_many_edits_leave_what_a_fresh_look_finds(encoding: Encoding) -> None:
    editor = Editor(CUDA, encoding, random.Random(f"edits {encoding}"))  # noqa: S311 - the same each time
    memory = Memory()
    path = Path("/k.cu")
    document = Document("file:///k.cu", path, "cuda-cpp", 0, SourceText(to_bytes(CUDA)))
    whole = 0
    for version in range(EDITS // len(UNITS)):
        text = convert.changed(document.text, [editor.edit()], encoding)
        document = document.changed(text, version)
        assert document.text.data == editor.text.encode()
        assert document.text.line_starts == SourceText(document.text.data).line_starts
        told = view(document, memory, encoding)
        all_hints(told, soon=True)
        fresh = parse(document.text.data)
        if fresh.root.has_error:
            continue  # half typed: what was known of other kernels may stand until it parses again
        whole += 1
        assert document.parsed is not None
        assert document.parsed.source.masked == fresh.masked
        assert str(document.parsed.source.root) == str(fresh.root)
        anew = view(Document(document.uri, path, "cuda-cpp", 0, document.text), Memory(), encoding)
        for place in told.early:
            told.reports(place)  # as it is settled in a pause
        assert all_hints(told) == all_hints(anew), version
    assert whole > EDITS // len(UNITS) // 10
