"""Device functions that were counted for one state of a kernel serve the next ones."""

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from jouleline.app.analyse import Followed, KernelReport, analyse, parse_file
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
    assert [one.split(":")[0] for one in second.counts.assumptions] == ["n = 4.1943e+06"]


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
