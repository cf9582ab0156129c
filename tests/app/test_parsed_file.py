"""What is found in a file after an edit is what would be found in it anew."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jouleline.app.parsed_file import ParsedFile, parse_file
from jouleline.core.kernel import Kernel, Launch

TEXT = """\
__global__ void declared(float *a);
template <typename T>
__global__ void /* first */ scale(T *a, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) a[i] *= T(2);
}

__device__ float twice(float x) { return x + x; }

static __global__ void __launch_bounds__(256) add(float *a) {
  a[threadIdx.x] += twice(a[0]);
}

void host(float *a, int n) {
#pragma omp target teams distribute parallel for
  for (int i = 0; i < n; i++) a[i] = i;
#pragma omp parallel for
  for (int i = 0; i < n; i++) a[i] += i;
  for (int t = 0; t < n; t++)
    #pragma omp target teams distribute
    for (int i = 0; i < n; i++)
      #pragma omp parallel for
      for (int j = 0; j < n; j++) a[j] += i;
}

#ifdef DEEP
namespace deep {
extern "C" {
__global__ void last(float *a) { a[0] = 1; }
void start(float *a) {
  for (int i = 0; i < 9; i++) last<<<i, 32>>>(a);
  add<<<1, 1>>>(a);
}
}
}
#endif

int main() {
  scale<float><<<64, 256>>>(nullptr, 1 << 20);
  add<<<1, 256>>>(nullptr);
  last<<<dim3(1, 2), 256>>>((float *)nullptr);
}
"""
PIECES = st.sampled_from(
    [
        *" ;{}()\n1x",
        "",
        '"',
        "/*",
        "*/",
        "//",
        "__global__ ",
        "__global__ void half(float *a",
        "<<<",
        ">>>",
        "add<<<2, 3>>>(nullptr);\n",
        "\n#pragma omp parallel for\n",
        "\nfor (;;)\n#pragma unroll\n",
        "\n#ifdef A\n",
        "\n#endif\n",
        "namespace n {\n",
        "hipMalloc(a);",
        "\r\n",
    ]
)
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from([0, 0, 1, 9, 80]), PIECES), min_size=1, max_size=8
)


def shown(file: ParsedFile) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]], bytes]:
    """All that is known of kernels and launches, places in trees by their bytes."""

    def kernel(one: Kernel) -> tuple[object, ...]:
        node = one.node and (one.node.type, one.node.start_byte, one.node.end_byte)
        lines = one.line, one.end_line
        return (
            one.language,
            one.display,
            one.start,
            one.end,
            one.anchor,
            lines,
            one.directive,
            one.is_closed,
            node,
        )

    def launch(one: Launch) -> tuple[object, ...]:
        place = one.place.type, one.place.start_byte, one.place.end_byte
        return one.written, one.arguments, one.line, one.start, one.end, one.anchor, place

    return [kernel(one) for _, one in file.kernels], [launch(one) for one in file.launches], file.around


def edited(data: bytes, at: int, removed: int, piece: str) -> bytes:
    return data[:at] + piece.encode() + data[at + removed :]


@settings(max_examples=150, deadline=None)
@given(EDITS)
def test_after_any_edits_a_file_holds_what_it_would_hold_anew(edits: list[tuple[float, int, str]]) -> None:
    data = TEXT.encode()
    known = parse_file(data)
    for share, removed, piece in edits:
        data = edited(data, int(share * len(data)), removed, piece)
        known, anew = parse_file(data, known), parse_file(data)
        # Where a text does not parse, a tree that was made of an earlier one may be mended otherwise.
        if str(known.source.root) == str(anew.source.root):
            assert shown(known) == shown(anew)


def looked_through(place: str, monkeypatch: pytest.MonkeyPatch) -> list[range | None]:
    """The stretches that are looked through for kernels when a blank is typed somewhere."""
    known = parse_file(TEXT.encode())
    looked: list[range | None] = []
    for language, _ in known.kernels:
        kernels = type(language).kernels

        def watched(
            self: object, source: object, within: range | None = None, do: object = kernels
        ) -> object:
            looked.append(within)
            return do(self, source, within)  # type: ignore[operator]

        monkeypatch.setattr(type(language), "kernels", watched)
    parse_file(edited(TEXT.encode(), TEXT.index(place), 0, " "), known)
    return looked


@pytest.mark.parametrize("place", ["__global__ void /*", "i = 0; i < 9", "last<<<i", "add<<<1, 256"])
def test_a_keystroke_looks_at_what_stands_around_it_alone(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = looked_through(place, monkeypatch)
    assert looked
    assert all(within is not None and len(within) < len(TEXT) / 2 for within in looked)


@pytest.mark.parametrize("place", ["a[i] *=", "a[threadIdx.x]", "a[0] = 1"])
def test_a_kernel_that_is_typed_in_is_not_looked_for(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not looked_through(place, monkeypatch)
