"""What is remembered must be what would be counted."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jouleline import wiring
from jouleline.app.analyse import Followed, KernelReport, parse_file
from jouleline.core.source import SourceText
from jouleline.lsp.documents import Document
from jouleline.lsp.memory import Memory, State
from jouleline.lsp.view import View

TEXT = """\
#define SIZE 4096
__device__ float twice(float x) { return x + x; }
__global__ void first(float *a, int n) {
  for (int i = 0; i < n; i++) a[threadIdx.x] += twice(a[i]);
}
__global__ void second(float *a, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  while (a[i] > 1) a[i] *= 2.0f;
}
int main() {
  int n = SIZE;
  first<<<64, 256>>>(nullptr, n);
  second<<<n / 256, 256>>>(nullptr, n);
}
"""

Counts = dict[str, tuple[object, ...]]


def view(text: str, memory: Memory) -> View:
    document = Document("file:///k.cu", Path("/k.cu"), "cuda-cpp", 1, SourceText(text.encode()))
    files = {"k.cu": parse_file(document.text.data)}
    return View(document, "k.cu", files, wiring.catalogue().get("h200"), "", "", "utf-8", memory)


def counts(seen: View) -> Counts:
    return {
        kernel.name: tuple((one.counts, one.bound, one.kernel.start) for one in seen.reports(place))
        for place, kernel in seen.kernels
    }


@pytest.mark.parametrize(
    ("old", "new", "recounted"),
    [
        ("twice(a[i])", "twice(a[i]) * 3.0f", {"first"}),
        ("*= 2.0f", "*= 2.0", {"second"}),
        ("return x + x", "return x + x + x", {"first", "second"}),
        ("SIZE 4096", "SIZE 8192", {"first", "second"}),
        ("<<<64, 256>>>", "<<<32, 256>>>", {"first", "second"}),
        ("int n = SIZE;", "int n = SIZE; // a comment", {"first", "second"}),
        ("  for (int", "\n  for (int", {"first", "second"}),
        ("  for (int", "  #define MORE 3\n  for (int", {"first", "second"}),
        ("  int i = block", "  struct S { int x; }; int i = block", {"first", "second"}),
        ("4096", "4096", set()),
    ],
)
def test_a_kernel_is_counted_again_when_what_it_depends_on_changed(
    monkeypatch: pytest.MonkeyPatch, old: str, new: str, recounted: set[str]
) -> None:
    memory = Memory()
    counts(view(TEXT, memory))
    seen: set[str] = set()
    store = memory.store

    def watched(reports: tuple[KernelReport, ...], *keys: bytes) -> None:
        seen.update(report.kernel.name for report in reports)
        store(reports, *keys)

    monkeypatch.setattr(memory, "store", watched)
    changed = TEXT.replace(old, new, 1)
    assert counts(view(changed, memory)) == counts(view(changed, Memory()))
    assert seen == recounted


def typed(document: Document, at: int, removed: int, piece: str) -> Document:
    data = document.text.data
    text = SourceText(data[:at] + piece.encode() + data[at + removed :])
    return document.changed(text, document.version + 1)


def seen(document: Document, memory: Memory) -> View:
    assert document.parsed is not None
    files = {"k.cu": document.parsed}
    return View(document, "k.cu", files, wiring.catalogue().get("h200"), "", "", "utf-8", memory)


PIECES = [
    " ",
    "1",
    "a[i]",
    " + x",
    ";",
    "{",
    "}",
    "(",
    ")",
    "\n",
    "/*",
    "*/",
    '"',
    "#pragma unroll\n",
    "__global__ ",
    "f<<<1, 2>>>();",
]
EDITS = st.lists(
    st.tuples(st.integers(0, len(TEXT)), st.integers(0, 3), st.sampled_from(PIECES)), min_size=1, max_size=6
)


@settings(max_examples=25, deadline=None)
@given(EDITS)
def test_any_edits_give_the_bounds_of_the_text_that_they_make(edits: list[tuple[int, int, str]]) -> None:
    memory = Memory()
    document = Document("file:///k.cu", Path("/k.cu"), "cuda-cpp", 1, SourceText(TEXT.encode()))
    counts(seen(document, memory))
    for at, removed, piece in edits:
        document = typed(document, at, removed, piece)
        anew = Document(document.uri, document.path, document.language, 1, document.text)
        found, expected = counts(seen(document, memory)), counts(seen(anew, Memory()))
        # A text that does not parse is half typed: what was known of other kernels may stand until it does.
        assert document.parsed is not None
        assert document.parsed.source.root.has_error or found == expected


LAUNCHING = """\
__global__ void child(float *a, int n) { for (int i = 0; i < n; i++) a[i] *= 2; }
__global__ void parent(float *a) { int n = 4; child<<<n, 64>>>(a, n); }
int main() { parent<<<1, 32>>>(nullptr); }
"""
BY_RUNTIME = LAUNCHING.replace(
    "child<<<n, 64>>>(a, n)", "void *list[] = {&a, &n}; cudaLaunchKernel((void *)child, n, 64, list)"
)
CALLING = """\
__global__ void rows(float *a, int n) { for (int i = 0; i < n; i++) a[i] *= 2; }
__global__ void other(float *a) { a[0] = sum(a, 4); }
void run(float *a, int n) { rows<<<n, 32>>>(a, n); }
void never_reached() { other<<<1, 32>>>(nullptr); run(nullptr, 512); }
"""


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (LAUNCHING, "n = 4", "n = 8"),
        (BY_RUNTIME, "n, 64", "9, 64"),
        (CALLING, "sum(a, 4)", "run(a, 4)"),
    ],
)
def test_what_a_kernel_launches_or_calls_is_told_of_others_as_a_fresh_look_tells_it(
    text: str, old: str, new: str
) -> None:
    memory = Memory()
    document = Document("file:///k.cu", Path("/k.cu"), "cuda-cpp", 1, SourceText(text.encode()))
    counts(seen(document, memory))
    document = typed(document, text.index(old), len(old), new)
    anew = Document(document.uri, document.path, document.language, 1, document.text)
    assert counts(seen(document, memory)) == counts(seen(anew, Memory()))


def states_followed(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> list[State]:
    """The states of programs whose host code is followed from now on."""
    followed: list[State] = []
    keep = memory.keep

    def watched(state: State, one: Followed) -> None:
        followed.append(state)
        keep(state, one)

    monkeypatch.setattr(memory, "keep", watched)
    return followed


@pytest.mark.parametrize("parameter", ["float *a", "float a[SIZE]"])
def test_host_code_is_not_followed_again_while_a_kernel_is_typed(
    monkeypatch: pytest.MonkeyPatch, parameter: str
) -> None:
    memory = Memory()
    text = TEXT.replace("float *a", parameter, 1)
    document = Document("file:///k.cu", Path("/k.cu"), "cuda-cpp", 1, SourceText(text.encode()))
    counts(seen(document, memory))
    followed = states_followed(memory, monkeypatch)
    for _ in range(3):
        document = typed(document, text.index("+= twice"), 0, " ")
        anew = Document(document.uri, document.path, document.language, 1, document.text)
        assert counts(seen(document, memory)) == counts(seen(anew, Memory()))
    assert followed == []
    document = typed(document, document.text.data.index(b"int n = SIZE;"), 0, " ")
    counts(seen(document, memory))
    assert len(followed) == 1


OFFLOADING = """\
void fill(float *a, int n) {
#pragma omp target teams distribute parallel for
  for (int i = 0; i < n; i++) a[i] = 1;
}
void never_reached(float *a) {
  int m = 640;
#pragma omp target
  { a[0] = 1; }
  fill(a, m);
}
void shift(float *a, int n) {
#pragma omp target teams distribute parallel for
  for (int i = 0; i < n; i++) a[i] += 1;
}
int main(int argc, char **argv) {
  static float a[4096];
  int rows = 512;
#pragma omp target teams distribute parallel for
  for (int i = 0; i < rows; i++) {
    float y = 2 * a[i];
#pragma omp simd
    for (int k = 0; k < 4; k++) y += a[k];
    a[i] = y;
  }
#pragma omp parallel for
  for (int t = 0; t < 4; t++) shift(a, rows);
}
"""


@pytest.mark.parametrize(
    ("old", "new", "again"),
    [
        ("2 * a[i]", "2 * a[i] * a[i]", 0),
        ("i < rows", "i < rows / 2", 0),
        ("a[0] = 1", "int m = 7; a[0] = m", 0),
        ("a[i] = y;", "a[i] = y; fill(a, 9);", 0),
        ("a[i] += 1", "a[i] += 1.0f * a[0] * a[1]", 0),
        ("a[i] = y;", "a[i] = y; rows = 7;", 1),
        ("omp simd", "omp parallel for", 1),
        ("float y", "struct S { int y; }; float y", 1),
        ("parallel for\n  for (int i = 0; i < rows", "parallel for if(0)\n  for (int i = 0; i < rows", 1),
        ("a, rows);", "a, rows); rows--;", 1),
    ],
)
def test_host_code_is_followed_again_for_what_a_region_does_to_it_alone(
    monkeypatch: pytest.MonkeyPatch, old: str, new: str, again: int
) -> None:
    memory = Memory()
    document = Document("file:///k.cpp", Path("/k.cpp"), "cpp", 1, SourceText(OFFLOADING.encode()))
    counts(seen(document, memory))
    followed = states_followed(memory, monkeypatch)
    document = typed(document, OFFLOADING.index(old), len(old), new)
    anew = Document(document.uri, document.path, document.language, 1, document.text)
    assert counts(seen(document, memory)) == counts(seen(anew, Memory()))
    assert len(followed) == again


@pytest.mark.parametrize(
    ("old", "new", "early"),
    [
        ("  for (int", "\n  for (int", {"first", "second"}),
        ("int n = SIZE;", "int n = 2 * SIZE;", {"first", "second"}),
        ("twice(a[i])", "twice(a[i]) * 3.0f", set()),
        ("+= twice", "+= 3.0f * first(a, 1), twice", {"first", "second"}),
    ],
)
def test_what_is_told_soon_follows_no_host_code_and_is_right_once_it_has_settled(
    monkeypatch: pytest.MonkeyPatch, old: str, new: str, early: set[str]
) -> None:
    memory = Memory()
    document = Document("file:///k.cu", Path("/k.cu"), "cuda-cpp", 1, SourceText(TEXT.encode()))
    counts(seen(document, memory))
    changed = seen(typed(document, TEXT.index(old), len(old), new), memory)
    with monkeypatch.context() as patch:
        patch.setattr(Followed, "of", None)
        told = {kernel.name: changed.soon(place) for place, kernel in changed.kernels}
    assert {changed.kernel(place).name for place in changed.early} == early
    assert all(told.values())
    anew = Document(document.uri, document.path, document.language, 1, changed.text)
    assert counts(changed) == counts(seen(anew, Memory()))
    assert all(changed.soon(place) is changed.reports(place) for place, _ in changed.kernels)


HOSTED = OFFLOADING.replace("target teams distribute ", "")
"""Its regions run on the host, and are a part of what is followed."""


def test_a_region_that_is_typed_in_is_soon_counted_as_it_was_reached_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory = Memory()
    document = Document("file:///k.cpp", Path("/k.cpp"), "cpp", 1, SourceText(HOSTED.encode()))
    counts(seen(document, memory))
    changed = seen(typed(document, HOSTED.index("2 * a[i]"), 8, "2 * a[i] * a[i]"), memory)
    with monkeypatch.context() as patch:
        patch.setattr(Followed, "of", None)
        told = [[(one.counts, one.bound) for one in changed.soon(place)] for place, _ in changed.kernels]
    assert len(changed.early) == len(changed.kernels)
    anew = seen(Document(document.uri, document.path, document.language, 1, changed.text), Memory())
    assert told == [[(one.counts, one.bound) for one in anew.reports(place)] for place, _ in anew.kernels]


def test_a_region_beside_a_new_one_is_not_told_before_host_code_was_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory = Memory()
    document = Document("file:///k.cpp", Path("/k.cpp"), "cpp", 1, SourceText(HOSTED.encode()))
    counts(seen(document, memory))
    followed = states_followed(memory, monkeypatch)
    more = "int rows = 512;\n#pragma omp parallel for\n  for (int i = 0; i < rows; i++) a[i] = 3;\n"
    changed = seen(typed(document, HOSTED.index("int rows = 512;"), 15, more), memory)
    place = next(
        place
        for place, kernel in changed.kernels
        if b"= 3" in kernel.source.text.data[kernel.start : kernel.end]
    )
    changed.soon(place)
    assert place not in changed.early
    assert len(followed) == 1


def test_reports_that_are_recalled_belong_to_the_text_as_it_is_now() -> None:
    memory = Memory()
    counts(view(TEXT, memory))
    changed = view(TEXT.replace("+= twice", "+=   twice"), memory)
    place, kernel = changed.kernels[1]
    (report,) = changed.reports(place)
    assert report.kernel is kernel
    assert report.launch is changed.launches[1]


def test_other_devices_and_arguments_are_counted_for_themselves() -> None:
    memory = Memory()
    plain = view(TEXT, memory)
    counts(plain)
    other = View(plain.document, "k.cu", plain.files, wiring.catalogue().get("t4"), "", "", "utf-8", memory)
    place, _ = other.kernels[0]
    assert other.reports(place)[0].bound != plain.reports(place)[0].bound


def test_what_is_said_of_reports_outlives_a_keystroke_and_not_their_counts() -> None:
    memory = Memory()
    before = view(TEXT, memory)
    [first, second] = [before.reports(place) for place, _ in before.kernels]
    said = memory.said(first, lambda: {"label": "once"})
    moved = view(TEXT.replace("*= 2.0f", "*= 2.0"), memory)
    [same, other] = [moved.reports(place) for place, _ in moved.kernels]
    assert memory.said(same, lambda: {"label": "twice"}) is said
    assert memory.said(second, lambda: {"label": "another"}) is not said
    assert memory.said(other, lambda: {"label": "anew"})["label"] == "anew"
    better = replace(same[0], counts=replace(same[0].counts, dram_bytes=1.0))
    assert memory.said((better,), lambda: {"label": "better"})["label"] == "better"


def test_a_program_of_many_kernels_is_remembered_whole() -> None:
    memory = Memory()
    memory.make_room(kernels := 3_000)
    for kernel in range(2 * kernels):
        memory.store((), kernel)
    assert all(memory.knows(kernel) for kernel in range(2 * kernels))
    for kernel in range(2 * kernels, 10 * kernels):
        memory.store((), kernel)
    assert not memory.knows(0)
