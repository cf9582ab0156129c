"""Device functions that were counted for one state of a kernel serve the next ones, and other kernels."""

import gc
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jouleline.app.analyse import Followed, KernelReport, analyse, parse_file, parse_files
from jouleline.app.program import read_program
from jouleline.core.counts import Operation
from jouleline.wiring import catalogue

FUNCTIONS = """\
#define SQUARE(x) ((x) * (x))
__device__ int table[64];
__device__ float norm(const float *v, int n) {
  float sum = 0; for (int k = 0; k < n; k++) sum += SQUARE(v[k]); return sum;
}
__device__ int next(int *state, int at) { state[at] = state[at] * 3 + table[at]; return state[at + 1] % 7; }
template <class T> __device__ T both(const T *v, int *state, int at) {
  T local[4]; for (int k = 0; k < 4; k++) local[k] = v[next(state, at + k)]; return local[0] + norm(local, 4);
}
__device__ int depth(int n) { if (n > 0 && table[n] > 1) return depth(n - 1) + 1; return missing(n); }
"""
MAIN = """
int main(int argc, char **argv) { float *in, *out; int *state; int n = atoi(argv[1]);
  cudaMalloc(&in, n * sizeof(float)); cudaMalloc(&out, n * sizeof(float)); cudaMalloc(&state, 4 * n);
  step<<<n / 128, 128>>>(in, out, state, n);
}
"""
STATEMENTS = (
    "int i = blockIdx.x * blockDim.x + threadIdx.x;",
    "if (i >= n) return;",
    "int own[8];",
    "state[4] = i;",
    "own[2] = i;",
    "own[2] = state[4];",
    "i = next(state, i);",
    "out[state[4] % 7] = 1;",
    "out[next(state, 3)] += 2;",
    "out[i] += both(in, own, i);",
    "for (int k = 0; k <  n; k++) out[i] += norm(in, k);",
    "for (int k = 0; k < 99; k++) out[i] += norm(in, k);",
    "for (int k = 0; k <  n; k++) out[next(state, k)] += 1;",
    "for (int k = 0; k < 99; k++) out[next(state, k)] += 1;",
    "for (int k = 0; k < n; k++) out[norm(in + own[2], own[2])] += 1;",
    "out[norm(in + own[2], own[2])] += 1;",
    "for (int k = 0; k < 4; k++) { own[k] = next(own, k); i += own[k]; }",
    "n = depth(i);",
    "table[i] = next(table, i) + depth(3);",
)
REGION_FUNCTIONS = """\
float norm(const float *v, int n) {
  float sum = 0; for (int k = 0; k < n; k++) sum += v[k] * v[k]; return sum;
}
int next(int *state, int at) { state[at] = state[at] * 3; return state[at + 1] % 7; }
int again(int *state, int at) { return next(state, at) + next(state, at + 1) + next(state, at); }
void scaled(float *v, int n) {
  #pragma omp for
  for (int k = 0; k < n; k++) v[k] *= omp_get_num_threads();
}
float among(const float *v, int n) { return v[omp_get_thread_num()] + norm(v, n); }
"""
REGIONS = (
    "for (int i = 0; i < n; i++) out[i] = norm(in + i, 16);",
    "for (int i = 0; i < n; i++) out[i] = norm(in, 16) + among(in, 16);",
    "for (int i = 0; i < 64; i++) out[i] = again(state, i) + norm(in + i, 16);",
    "for (int i = 0; i < n; i++) { state[i] = 1; out[next(state, i)] += again(state, i); }",
    "for (int i = 0; i < n; i++) for (int j = 0; j < i; j++) out[i] += norm(in + j, j) + again(state, 3);",
)
TEAMS = ("parallel for", "target teams distribute parallel for", "parallel for num_threads(4)")
SAMPLES = Path(__file__).parents[2] / "samples"
WIDEST = max(map(len, STATEMENTS))  # so that a statement may stand where another one stood
BODIES = st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=6)
EDITS = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(STATEMENTS)), max_size=4)


def program(body: str) -> str:
    signature = "__global__ void step(const float *in, float *out, int *state, int n)"
    return f"{FUNCTIONS}{signature} {{ {STATEMENTS[0]} {body} }}{MAIN}"


@cache
def followed() -> Followed:
    """A program whose kernel does nothing; its device functions are kept from one example to the next."""
    parsed = {"k.cu": parse_file(program("").encode())}
    return Followed.of(parsed, catalogue().get("h200"), ("65536",))


def fresh(body: str) -> tuple[KernelReport, ...]:
    parsed = {"k.cu": parse_file(program(body).encode())}
    return analyse(parsed, catalogue().get("h200"), ("65536",)).kernels


@given(BODIES, EDITS)
@settings(max_examples=50, deadline=None)
def test_what_is_kept_of_device_functions_counts_as_a_fresh_look_does(
    statements: list[str], edits: list[tuple[int, str]]
) -> None:
    for place, statement in [(0, statements[0]), *edits]:
        statements[place % len(statements)] = statement
        body = " ".join(one.ljust(WIDEST) for one in statements)
        language, kernel = parse_file(program(body).encode()).kernels[0]
        kept = followed().reports("k.cu", language, kernel)
        assert [one.counts for one in kept] == [one.counts for one in fresh(body)], body


def test_a_size_that_a_device_function_tells_is_told_wherever_it_is_called() -> None:
    walk = "for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += 2) a[i] *= 2.0f;"
    twice = "".join(f"__global__ void k{one}(float *a, int n) {{ walk(a, n); }}\n" for one in "12")
    launches = "k1<<<4096, 1024>>>(a, n); k2<<<4096, 1024>>>(a, n);"
    host = f"int main() {{ float *a; int n = read(); cudaMalloc(&a, 4); {launches} }}"
    text = f"__device__ void walk(float *a, int n) {{ {walk} }}\n{twice}{host}"
    first, second = analyse({"k.cu": parse_file(text.encode())}, catalogue().get("h200")).kernels
    assert first.counts.operations == second.counts.operations
    assert [one.split(":")[0] for one in second.counts.assumptions] == ["n = 4194304"]


def test_a_device_function_is_walked_again_only_where_it_is_called_otherwise() -> None:
    known = Followed.of({"k.cu": parse_file(program("").encode())}, catalogue().get("h200"), ("65536",))

    def walked(body: str) -> int:
        before = len(known.parts)
        language, kernel = parse_file(program(body).encode()).kernels[0]
        known.reports("k.cu", language, kernel)
        return len(known.parts) - before

    call = "out[i] = norm(in + i, 16);"
    assert walked(call) == 1
    assert walked(f"out[i] = 2; {call} out[i] *= 3;") == 0
    assert walked("out[i] = norm(in + 2 * i, 16);") == 1


def region(directive: str, loop: str) -> str:
    return f"#pragma omp {directive}\n{loop}\n"


OUTSIDE = "#pragma omp parallel\n{ scaled(out, n); out[0] = among(in, n) + norm(in, 16); }\n"
"""A region in which a function hands a loop to the threads that there are."""


@given(
    st.lists(
        st.builds(region, st.sampled_from(TEAMS), st.sampled_from(REGIONS)) | st.just(OUTSIDE), max_size=5
    )
)
@settings(max_examples=30, deadline=None)
def test_regions_share_what_functions_cost(regions: list[str]) -> None:
    walk = f"void walk(float *out, const float *in, int *state, int n) {{\n{''.join(regions)}}}\n"
    parsed = {"r.cpp": parse_file(f"{REGION_FUNCTIONS}{walk}".encode())}
    known = Followed.of(parsed, catalogue().get("h200"), ())
    for found in parsed["r.cpp"].kernels:
        alone = Followed.of(parsed, catalogue().get("h200"), ())
        shared = known.reports("r.cpp", *found)
        assert [one.counts for one in shared] == [one.counts for one in alone.reports("r.cpp", *found)]


def test_a_function_is_walked_once_for_all_regions_that_call_it_alike() -> None:
    loops = "".join(
        region("parallel for", f"for (int i = 0; i < n; i++) out[{one}] = norm(in, 16);") for one in "123"
    )
    text = f"{REGION_FUNCTIONS}void walk(float *out, const float *in, int n) {{\n{loops}}}\n"
    parsed = {"r.cpp": parse_file(text.encode())}
    known = Followed.of(parsed, catalogue().get("h200"), ())
    counts = [known.reports("r.cpp", *found)[0].counts for found in parsed["r.cpp"].kernels]
    assert len(known.parts) == 1
    assert {one.operations[Operation.SP] for one in counts} == {counts[0].operations[Operation.SP]}


def test_what_a_function_returns_is_known_wherever_it_is_called() -> None:
    """Two functions ask a third which lane this is: one thread of 32 does what either of them does."""
    lane = "__device__ int lane() { return threadIdx.x & 31; }"
    one = "__device__ void one(float *v) { if (lane() == 1) v[0] += 1; }"
    other = "__device__ void other(float *v) { if (lane() == 1) v[1] += 1; }"
    both = "__global__ void k(float *v) { one(v); other(v); }"
    host = "int main() { float *v; cudaMalloc(&v, 8); k<<<4, 128>>>(v); }"
    text = f"{lane}\n{one}\n{other}\n__device__ void at(float *v) {{ one(v); other(v); }}\n"
    for kernel in (both, "__global__ void k(float *v) { at(v); }"):
        (report,) = analyse(
            {"k.cu": parse_file(f"{text}{kernel}\n{host}".encode())}, catalogue().get("h200")
        ).kernels
        assert report.counts.operations[Operation.SP] == 4 * 128 * 2 / 32


@pytest.mark.parametrize("sample", ["histogram-cuda", "nbody-omp", "heat-omp-offload"])
def test_what_is_counted_leaves_nothing_to_the_collector_of_garbage(sample: str) -> None:
    """An editor's server collects garbage in pauses only, and until then it would pile up."""
    parsed, _ = parse_files(read_program([SAMPLES / sample]).files)
    device = catalogue().get("h200")
    analyse(parsed, device)  # what is made once
    gc.collect()
    gc.disable()
    try:
        analyse(parsed, device)
        assert gc.collect() == 0
    finally:
        gc.enable()
