import math
import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jouleline.core.compare import Expectation, compare, compare_text, zeros_pass
from jouleline.core.workload import Tolerance

EXACT = Tolerance()
CLOSE = Tolerance(relative=1e-5)
MUST_BE_EQUAL = "(whole numbers of this size must be equal)"


@pytest.mark.parametrize(
    ("expected", "actual", "tolerance"),
    [
        ("checksum 1.25\nPASS\n", "checksum   1.25  \r\nPASS\n\n", EXACT),
        ("checksum 1.25", "checksum 1.250", EXACT),
        ("checksum 1e3", "checksum 1000.0", EXACT),
        ("checksum 1.250001", "checksum 1.250002", CLOSE),
        ("mean 0.000001", "mean 0.000002", Tolerance(absolute=1e-5)),
        ("a -0.0", "a 0.0", EXACT),
        ("columns 0.500 -1.000", "columns 0.500-1.000", EXACT),
        ("max inf min -inf", "max inf min -inf", EXACT),
        ("value nan", "value -nan", EXACT),
        ("33594028", "33594029", CLOSE),  # %.8g prints a float so
        ("", "\n", EXACT),
        ("1e400", "1.0e400", EXACT),  # a long double
    ],
)
def test_outputs_that_mean_the_same_are_equal(expected: str, actual: str, tolerance: Tolerance) -> None:
    assert compare_text(expected, actual, tolerance).differences == ()


@pytest.mark.parametrize(
    ("expected", "actual", "tolerance", "difference"),
    [
        (
            "a\nb\nx 1.25", "a\nb\nx 1.31", CLOSE,
            "line 3: expected 1.25, got 1.31 (relative difference 0.048, allowed 1e-05)",
        ),
        ("x 1.25", "x 1.31", EXACT, "line 1: expected 1.25, got 1.31 (must be equal)"),
        (
            "x 5", "x 6.5", Tolerance(absolute=1),
            "line 1: expected 5, got 6.5 (difference 1.5, allowed 1)",
        ),
        ("x 0.0", "x 1e-9", CLOSE, "line 1: expected 0.0, got 1e-9"),
        ("x 1", "x nan", Tolerance(1e9, 1e9), "line 1: expected 1, got nan"),
        ("x nan", "x 1", Tolerance(1e9, 1e9), "line 1: expected nan, got 1"),
        ("x 1", "x inf", Tolerance(1e9, 1e9), "line 1: expected 1, got inf"),
        ("x inf", "x -inf", Tolerance(1e9, 1e9), "line 1: expected inf, got -inf"),
        ("PASS", "PASSED", EXACT, 'line 1: expected "PASS", got "PASSED"'),
        ("PASS", "", EXACT, 'line 1: expected "PASS", got an empty line'),
        ("a\nb", "a", EXACT, "expected 2 lines, got 1 line"),
        ("a", "a\nb", EXACT, "expected 1 line, got 2 lines"),
        ("x 1 2", "x 1", EXACT, 'line 1: expected "x 1 2", got "x 1"'),
        (
            "hash 13365055670373604280", "hash 13365055670373604281", CLOSE,
            f"line 1: expected 13365055670373604280, got 13365055670373604281 {MUST_BE_EQUAL}",
        ),
        ("digest 3fa9b2", "digest 3fa9b3", CLOSE, 'line 1: expected "digest 3fa9b2", got "digest 3fa9b3"'),
        ("mask 0x1001", "mask 0x1002", CLOSE, 'line 1: expected "mask 0x1001", got "mask 0x1002"'),
        ("9007199254740993", "9007199254740992", EXACT,
         f"line 1: expected 9007199254740993, got 9007199254740992 {MUST_BE_EQUAL}"),
        ("0.12345678901234567890", "0.12345678901234567891", EXACT,
         "line 1: expected 0.12345678901234567890, got 0.12345678901234567891 (must be equal)"),
    ],
)  # fmt: skip
def test_a_difference_is_told_in_words(
    expected: str, actual: str, tolerance: Tolerance, difference: str
) -> None:
    assert compare_text(expected, actual, tolerance).differences == (difference,)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ("Average kernel execution time: 12.3 (us)", "Average kernel execution time: 9 (us)"),
        ("Average kernel execution time: 1.2 (ms)", "Average kernel execution time: 910 (us)"),
        ("elapsed 0.12 s", "elapsed 0.34 s"),
        ("Kernel time (ms) = 1.5", "Kernel time (ms) = 0.5"),
        ("Device offloading time = 0.001(s)", "Device offloading time = 0.002(s)"),
        ("GFLOP/s: 345.6", "GFLOP/s: 500"),
        ("Achieved bandwidth 12.5 GB/s", "Achieved bandwidth 13 GB/s"),
        ("12.3 billion interactions / second", "14 billion interactions / second"),
        ("Throughput: 10 Mpix/s", "Throughput: 12 Mpix/s"),
        ("kernelTime 3", "kernelTime 4"),
        ("took 5", "took 4"),
        ("copied in 12.5ms", "copied in 11.5ms"),
    ],
)
def test_times_and_rates_are_ignored(expected: str, actual: str) -> None:
    comparison = compare_text(expected, actual, EXACT)
    assert comparison.equal
    assert (comparison.numbers, comparison.ignored) == (0, 1)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ("elapsed 0.12 s, sum 4", "elapsed 0.12 s, sum 5"),
        ("3.2 GB/s with N = 5", "3.2 GB/s with N = 6"),
        ("velocity 3.2 m/s", "velocity 3.3 m/s"),
        ("time step 5: energy 1.5", "time step 5: energy 1.6"),
        ("time step 5: energy 1.5", "time step 6: energy 1.5"),
        ("length 3 centimeter", "length 4 centimeter"),
        ("sentiment 3", "sentiment 4"),
        ("time: 3 s", "tyme: 3 s"),
        ("time: 3 s", "time: 3 s 4"),
        ("sum 4\ntime: 3 s", "time: 3 s\nsum 4"),
    ],
)
def test_what_stands_beside_a_time_still_counts(expected: str, actual: str) -> None:
    assert not compare_text(expected, actual, EXACT).equal


def test_two_runs_of_the_baseline_tell_the_clock_from_the_rest() -> None:
    runs = (b"time of kernel on 64 blocks: 0.25 and 3.5\n", b"time of kernel on 64 blocks: 0.27 and 3.5\n")
    expectation = Expectation(runs)
    assert compare(expectation, b"time of kernel on 64 blocks: 9 and 3.5", EXACT).equal
    assert not compare(expectation, b"time of kernel on 64 blocks: 9 and 3.6", EXACT).equal


def test_the_rows_under_a_heading_of_rates_are_a_clock_s_where_runs_differ() -> None:
    heading = b"Function  Best Rate MB/s  Avg time\n"
    expectation = Expectation((heading + b"Copy: 100.5 0.1\n\nx 1", heading + b"Copy: 99.5 0.2\n\nx 2"))
    assert compare(expectation, heading + b"Copy: 7 7\n\nx 1", EXACT).equal
    assert not compare(expectation, heading + b"Copy: 7 7\n\nx 3", EXACT).equal


def test_a_simulated_time_is_a_result() -> None:
    expectation = Expectation((b"half-life reached after 2.513274 s",) * 2)
    assert not compare(expectation, b"half-life reached after 2.513275 s", EXACT).equal


def test_binary_outputs_are_compared_byte_for_byte() -> None:
    expectation = Expectation((b"\0\1\2\3",))
    assert compare(expectation, b"\0\1\2\3", CLOSE).equal
    assert compare(expectation, b"\0\1\7\7", CLOSE).differences == (
        "2 of 4 bytes differ, the first at byte 2",
    )
    assert compare(expectation, b"\0", CLOSE).differences == ("expected 4 bytes, got 1",)
    assert not compare(expectation, b"text", CLOSE).equal
    assert not compare(Expectation((b"text",)), b"\0", CLOSE).equal


def test_stray_bytes_differ_and_can_be_printed() -> None:
    (difference,) = compare(
        Expectation((b"a long line of plain text \xe9\n",)), b"a long line of plain text \xe8\n", EXACT
    ).differences
    assert difference.encode()


def test_the_words_for_a_difference_are_short() -> None:
    comparison = compare_text("a\n" * 1000, "b" * 100_000 + "\n" * 999, EXACT)
    assert len(comparison.differences) <= 3
    assert len(comparison.differences[0]) < 200


@pytest.mark.parametrize(
    ("text", "tolerance", "passes"),
    [
        ("mean 0.003\nPASS", Tolerance(absolute=1e-2), True),
        ("mean 0.003\nsum 12", Tolerance(absolute=1e-2), False),
        ("mean 0.003", Tolerance(relative=1e-2), False),
        ("mean 0.003", Tolerance(relative=1.0), True),
        ("PASS", EXACT, True),
        ("time 3 s\nPASS", EXACT, True),
        ("nan", Tolerance(absolute=1e9), False),
        ("\0\0", EXACT, True),
        ("\0\1", EXACT, False),
    ],
)
def test_a_check_that_zeros_pass_is_known(text: str, tolerance: Tolerance, *, passes: bool) -> None:
    assert zeros_pass(text, tolerance) is passes


def test_a_baseline_that_gives_nan_is_told_of() -> None:
    assert Expectation((b"x 1\ny nan\n",)).notes == ("line 2: the baseline itself gives nan",)


finite = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(string.ascii_letters + ":=,", min_size=1, max_size=8)
lines = st.lists(st.tuples(words, finite), min_size=1, max_size=6)


def printed(rows: list[tuple[str, float]]) -> str:
    return "\n".join(f"{word} {value!r}" for word, value in rows)


@given(st.text(), st.floats(0, 1))
def test_every_text_equals_itself(text: str, relative: float) -> None:
    text = text.replace("\r", "\n").encode("utf-8", "replace").decode()
    assert compare_text(text, text, Tolerance(relative)).equal


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes_can_be_compared(expected: bytes, actual: bytes) -> None:
    assert compare(Expectation((expected,)), expected, EXACT).equal
    comparison = compare(Expectation((expected, actual)), actual, CLOSE)
    assert all(difference.encode() for difference in comparison.differences)


@given(finite, finite, st.floats(0, 10), st.floats(0, 1e6))
def test_numbers_agree_when_the_difference_is_within_the_tolerance(
    expected: float, actual: float, relative: float, absolute: float
) -> None:
    allowed = absolute + relative * abs(expected)
    difference = abs(expected - actual)
    # At the boundary the rounding of this test's own arithmetic decides.
    assume(math.isfinite(allowed) and math.isfinite(difference))
    assume(expected == actual or not math.isclose(difference, allowed, rel_tol=1e-9, abs_tol=1e-300))
    comparison = compare_text(f"x {expected!r}", f"x {actual!r}", Tolerance(relative, absolute))
    assert comparison.equal == (difference <= allowed)


@given(st.integers(), st.integers())
def test_whole_numbers_are_exact_without_a_tolerance(expected: int, actual: int) -> None:
    assert compare_text(f"x {expected}", f"x {actual}", EXACT).equal == (expected == actual)


@given(lines, st.data())
def test_one_changed_result_is_found(rows: list[tuple[str, float]], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    other = data.draw(finite.filter(lambda value: value != rows[index][1]))
    text = printed(rows)
    assume(compare_text(text, text, EXACT).ignored == 0)
    changed = printed([*rows[:index], (rows[index][0], other), *rows[index + 1 :]])
    assert not compare_text(text, changed, EXACT).equal
