"""How often loops and retries run, seen in what is counted of small kernels."""

import pytest

from jouleline.core.counts import Doubt, Operation
from tests.core.kernels import ADD, floats, kernel, per_thread


def of(threads: float) -> float:
    """Attempts of so many threads of a block that try at the same time, for each of its 256 threads."""
    return threads / 256 * (threads + 1) / 2


@pytest.mark.parametrize(
    ("condition", "attempts"),
    [
        ("threadIdx.x == 0", of(1)),
        ("threadIdx.x < 32", of(32)),
        ("threadIdx.x % 32 == 0", of(8)),
        ("threadIdx.x == 0 && n > 3", of(1)),
        ("blockIdx.x == 0", of(256) / 16),  # where threads are there at all, all are
    ],
)
def test_only_threads_that_are_there_try(condition: str, attempts: float) -> None:
    n = "const int n = 4;"
    found = kernel(f"if ({condition}) {{ add(&d[blockIdx.x], 1.0); }}", ADD + n)
    assert per_thread(found, Operation.DP) == pytest.approx(attempts)
    shared = "__shared__ double s; for (int j = 0; j < 4; j++)"
    there = kernel(f"{shared} if ({condition}) atomicAdd(&s, 1.0);", n)
    assert per_thread(there, Operation.DP) == pytest.approx(4 * attempts)


def test_the_others_try_in_the_other_branch() -> None:
    found = kernel("if (threadIdx.x < 32) x[i] += 1.0f; else add(d, 1.0);", ADD)
    assert per_thread(found, Operation.DP) == pytest.approx(of(224))


def test_a_place_of_each_thread_is_updated_at_once() -> None:
    swap = "int as, old = v[i]; do { as = old; x[i] += 1.0f; old = atomicCAS(&v[threadIdx.x], as, 1); }"
    assert floats(f"{swap} while (as != old);")[0] == 1


@pytest.mark.parametrize(
    "body",
    [
        """int old = v[i]; while (old > 0) {
            int as; BODY do { as = old; old = atomicCAS(&v[i], as, as - 1); } while (as != old); }""",
        "int p = v[i]; while (p != -1) { BODY p = atomicCAS(&v[p], 0, 1); }",
        """double lo = 0, hi = 1; while (hi - lo > 1e-6) {
            double m = (lo + hi) / 2; BODY if (m * m < y[i]) lo = m; else hi = m; }""",
        """int lo = 0, hi = 1023; for (int j = v[i]; v[j] < v[i + 1]; j = v[j]) {
            BODY lo = 0; hi = 1023;
            while (lo < hi) { int m = (lo + hi) / 2; if (v[m] < i) lo = m + 1; else hi = m; } }""",
    ],
)
def test_what_ends_by_something_else_depends_on_data(body: str) -> None:
    found = kernel(body.replace("BODY", "x[i] += 1.0f;"))
    assert per_thread(found, Operation.SP) == 16
    assert any("loop" in text for text in found.counts.assumptions)


@pytest.mark.parametrize(
    "loop",
    [
        "while (atomicCAS(v + i, 0, 1) != 0) BODY",
        "while (atomicCAS(v + i, 0, 1)) BODY",
        "while (!__sync_bool_compare_and_swap(v + i, 0, 1)) BODY",
        "int old; do { old = v[i]; BODY } while (atomicCAS(v + i, old, old + 1) != old);",
        "int o = v[i]; while (true) { BODY int was = o; o = atomicCAS(v + i, was, 1); if (o == was) break; }",
        "int old = v[i]; while (i < old) { BODY int was = old; old = atomicCAS(v + i, was, i); }",
    ],
)
def test_a_swap_that_finds_what_it_expects_ends_a_loop(loop: str) -> None:
    assert floats(loop.replace("BODY", "x[i] += 1.0f;"))[0] == 1


@pytest.mark.parametrize(
    ("loop", "trips"),
    [
        ("int k = 1; while (k >>= 1) x[i] += 1.0f;", 0),
        ("int k = 2; do { x[i] += 1.0f; k *= 2; } while (k < 2);", 1),
        ("int k = 1; do { x[i] += 1.0f; } while (k >>= 1);", 1),
        ("int k = 1, m = 1000; while (k < m) { x[i] += 1.0f; k *= 2; m /= 2; }", 16),  # as of one not known
        ("int it = 0; while (it++ < 50) x[i] += 1.0f;", 50),
        ("int it = 50; while (it-- > 0 && v[i]) x[i] += 1.0f;", 50),
        ("int it = 0; do { x[i] += 1.0f; } while (++it < 50);", 50),
        (
            """double l = 0, h = 1; int it = 0; while (it++ < 50) {
                double m = (l + h) / 2; x[i] += 1.0f; if (m * m < y[i]) l = m; else h = m; }""",
            50,
        ),
        ("for (int j = 0; j < __popc(-1); j++) x[i] += 1.0f;", 32),
    ],
)
def test_a_loop_runs_as_often_as_it_is_written(loop: str, trips: float) -> None:
    assert floats(loop)[0] == trips


@pytest.mark.parametrize("value", ["static_cast<float>(y[i] * 0.5)", "-(y[i] * 0.5)"])
def test_what_is_rounded_at_once_is_done_in_single_precision(value: str) -> None:
    assert floats(f"x[i] = {value};")[1] == 0


@pytest.mark.parametrize(
    "loop",
    [
        "for (int j = 0; ; j++) { if (j >= 40) break; BODY }",
        "for (int j = 0; ; j++) { if (j == 40) { break; } BODY }",
        "int j = 0; while (true) { if (j >= 40) break; BODY j++; }",
        "int j = 0; while (1) { if (j >= 40 || i >= 4096) break; BODY ++j; }",
        "int j = 0; for (;;) { BODY j += 1; if (!(j < 40)) break; }",
        "for (int j = 40; j; j--) { BODY }",
        "for (int j = 40; j--; ) { BODY }",
        "int j = 40; while (j--) { BODY }",
        "int j = 40; do { BODY } while (--j);",
    ],
)
def test_a_loop_ends_where_it_is_left(loop: str) -> None:
    assert floats(loop.replace("BODY", "x[i] += 1.0f;"))[0] == pytest.approx(40)


@pytest.mark.parametrize(
    "loop",
    [
        "int j = 0; while (true) { if (v[i + j] > 3) break; BODY j++; }",
        "int j = 0; while (true) { if (j >= 40 && v[i] > 3) break; BODY j++; }",
        "int j = 0; while (true) { if (j >= 40) { y[i] = 0.0f; break; } BODY j++; }",
        "int j = 0; while (true) { if (j >= 40) break; else BODY j++; }",
    ],
)
def test_an_end_that_may_not_be_the_only_one_depends_on_data(loop: str) -> None:
    found = kernel(loop.replace("BODY", "x[i] += 1.0f;"))
    assert any("its end depends on data" in one for one in found.counts.assumptions)


@pytest.mark.parametrize(
    ("loop", "condition", "at"),
    [
        ("int s = 128; s > 0; s >>= 1", "threadIdx.x < s", "threadIdx.x"),
        ("int s = 1; s < 256; s *= 2", "threadIdx.x % (2 * s) == 0", "threadIdx.x"),
        ("int s = 1; s < 256; s *= 2", "(threadIdx.x & (2 * s - 1)) == 0", "threadIdx.x"),
        ("int s = 1; s < 256; s <<= 1", "at < 256", "2 * s * threadIdx.x"),
        ("int s = 1; s < 256; s *= 2", "at + s < 256", "2 * s * threadIdx.x"),
    ],
)
def test_each_step_of_a_reduction_has_half_of_the_threads(loop: str, condition: str, at: str) -> None:
    step = f"for ({loop}) {{ int at = {at}; if ({condition}) t[at] += t[at + s]; __syncthreads(); }}"
    assert floats(f"__shared__ float t[512]; {step}")[0] == pytest.approx(255 / 256)


@pytest.mark.parametrize(
    "loop",
    [
        "int j = 0; while (j < 40 && y[i] * j < 4.0f) { x[i] += 1.0f; j++; }",
        "for (int j = 0; j < 40 && v[i + j] != 3; j++) x[i] += 1.0f;",
        "for (int j = 0; v[j] && j < 40; j++) x[i] += 1.0f;",
    ],
)
def test_an_end_that_data_may_bring_sooner_is_said(loop: str) -> None:
    found = kernel(loop)
    assert found.counts.doubt is Doubt.TRIPS
    assert found.counts.assumptions == (
        "the loop in line 2 runs to its end: what may end it sooner depends on data",
    )


def test_an_end_that_indices_bring_sooner_is_none_of_data() -> None:
    found = kernel("for (int j = 0; j < 40 && i + j < 4096; j++) x[i] += 1.0f;")
    assert found.counts.assumptions == ()


@pytest.mark.parametrize("condition", ["threadIdx.x & 16", "!(threadIdx.x & 16)", "(threadIdx.x & 16) == 0"])
def test_a_bit_in_the_middle_is_set_half_the_time(condition: str) -> None:
    assert floats(f"if ({condition}) x[i] += 1.0f;")[0] == pytest.approx(0.5)
    assert floats("if (threadIdx.x & 31) x[i] += 1.0f;")[0] == pytest.approx(31 / 32)


def test_a_direction_has_no_mean() -> None:
    way = "int d = threadIdx.x % 2 ? -1 : 1;"
    assert floats(f"{way} if (d == -1) x[i] += 1.0f; if (d == 1) x[i] += 1.0f;")[0] == pytest.approx(1)


@pytest.mark.parametrize("sooner", ["j == 10", "v[j] < 0"])
def test_of_two_ends_it_is_said_that_the_other_may_come_first(sooner: str) -> None:
    loop = "int j = 0; while (1) { if (j > 99) break; x[i] += 1.0f; j++; if (SOONER) break; }"
    found = kernel(loop.replace("SOONER", sooner))
    assert found.counts.doubt is Doubt.TRIPS
