"""Blanks and comments: an edit that changes no word of a kernel has it counted no other way."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jouleline.app.analyse import analyse
from jouleline.app.parsed_file import ParsedFile, parse_file
from jouleline.wiring import catalogue

TEXT = """\
struct Cell { float mass; int next; };
#define HALF(x) ((x) / 2)
__device__ unsigned  int first(const Cell *cells) { return cells[0] . next; }
__global__ void /* 1 */ move(Cell *cells, unsigned  int n, float *out) { // moves
  int i = blockIdx.x * blockDim.x + threadIdx . x;  /* of
  all */ if (i >= n) return;
  __shared__  /* near */ float near[64];
  #pragma unroll 4  // what is seldom done?
  for (int k = 0; k < HALF( n ); k++) {
    near[k % 64] += sizeof( float ) * cells[i  + k].mass ; // what? a sum

    out [ i ]   = near[ k ] - - 2.0f + 'a' + (  k  > 4 ? 1.0f /* or */ : 2.0f);
  }
  { int j = cells -> next ; out[j] = first( cells ) + max(i, 2) ; } ;
  printf("a  // %f\\n" , out[0]);   \\
  missing ( i );
}
int main() { Cell *cells; float *out; move<<<64, 64>>>(cells, 4096, out); }
"""
PIECES = st.sampled_from(["", "", " ", "  ", "\t", "\n", "x", "?", "//", "/*", "*/", ";", "\\", '"'])


def edited(at: int, removed: int, piece: str) -> tuple[ParsedFile, bytes]:
    """The file after an edit."""
    data = TEXT.encode()
    after = data[:at] + piece.encode() + data[at + removed :]
    return parse_file(after, parse_file(data)), after


def told(data: bytes) -> object:
    """All that is told of the kernels in a text that is seen for the first time."""
    reports = analyse({"k.cu": parse_file(data)}, catalogue().get("h200")).kernels
    return [(one.counts, one.kernel.display, one.kernel.line, one.kernel.end_line) for one in reports]


def digest(file: ParsedFile) -> bytes:
    return file.kernels[0][1].digest


DIGEST, TOLD = digest(parse_file(TEXT.encode())), told(TEXT.encode())


@given(
    st.integers(TEXT.index("__global__") + 1, TEXT.index("int main") - 9),
    st.sampled_from([0, 0, 0, 1, 1, 2, 5]),
    PIECES,
)
@settings(max_examples=300, deadline=None)
def test_a_silent_edit_leaves_what_a_fresh_look_tells(at: int, removed: int, piece: str) -> None:
    file, after = edited(at, removed, piece)
    if len(file.kernels) == 1 and digest(file) == DIGEST:
        assert told(after) == TOLD


@pytest.mark.parametrize(
    ("at", "typed"),
    [
        ("return;", " "),
        ("int i", "\t"),
        ("\n    out", "  "),
        (" ] -", " "),
        ("\n  }", " "),
        ("};", " "),
        ("all */", "for "),
        ("? a sum", "!"),
        ("\n\n", "x"),
    ],
)
def test_blanks_and_comments_say_nothing(at: str, typed: str) -> None:
    place = TEXT.index(at)
    assert digest(edited(place, 0, typed)[0]) == DIGEST
