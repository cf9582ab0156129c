"""What members of structs and vectors are worth, seen in the traffic of what they index."""

import pytest

from jouleline.core.counts import Doubt
from tests.core.kernels import floats, kernel, moved

X = "(int)(blockIdx.x * blockDim.x + threadIdx.x)"
STRUCT = "struct P { int x, y; };"
AT = f"__device__ void at(int &x, int &y) {{ x = {X}; y = 0; }}"
INTO = f"{STRUCT} __device__ void into(P &p, int n) {{ p.x = {X} + n; p.y = -n; }}"
PLAIN = moved("b[i] = a[i];")


@pytest.mark.parametrize(
    ("before", "made"),
    [
        ("", f"int2 c; c.x = {X}; c.y = 0;"),
        ("", f"const int2 c = make_int2({X}, 0);"),
        ("", f"int2 c = {{{X}, 0}};"),
        ("", f"uint2 c{{{X}, 0}};"),
        ("", f"uint3 c({X}, 0, 0);"),
        ("", f"dim3 c({X}, 0, 1);"),
        ("", f"auto c = make_uint4({X}, 0, 0, 0);"),
        ("", f"int2 d = make_int2({X}, 0); int2 c = d;"),
        ("", f"int2 c = make_int2(0, 0); c = make_int2({X}, 0);"),
        ("", f"int2 c = make_int2(-1, 0); c.x = {X} - 1; c.x += 1;"),
        ("", f"int2 c = make_int2({X} + 1, 0); c.x--;"),
        ("", f"int2 c = make_int2({X}, 0); {{ int2 c = make_int2(0, 5); c.x = 7; }}"),
        (STRUCT, f"P c; c.x = {X}; c.y = 0;"),
        (STRUCT, f"P c = {{{X}, 0}};"),
        (STRUCT, f"P c = P{{{X}, 0}};"),
        (STRUCT, f"P d = {{{X}, 0}}, c; c = d;"),
        (INTO, "P c; into(c, 3);"),
    ],
)
def test_a_member_is_worth_what_it_was_given(before: str, made: str) -> None:
    assert moved(f"{made} b[c.x + c.y] = a[c.x + c.y];", before) == pytest.approx(PLAIN)


def test_what_a_function_leaves_in_a_variable_is_known() -> None:
    assert moved("int x = 1, y = 2; at(x, y); b[x + y] = a[x + y];", AT) == pytest.approx(PLAIN)


@pytest.mark.parametrize(
    ("before", "changed"),
    [
        (f"{STRUCT} __device__ void other(P *p);", "P c = {X, 0}; other(&c);"),
        ("struct P { int x, y; __device__ void move() { x = 3 * y; } };", "P c = {X, 0}; c.move();"),
        (STRUCT, "P c = {X, 0}; for (int j = 0; j < n; j++) c.x = v[c.x];"),
        ("", "int2 c = make_int2(X, 0); for (int j = 0; j < n; j++) c = make_int2(v[c.x], 0);"),
        ("", "int2 c = make_int2(X, 0); c = ((int2 *)v)[i];"),
        ("", "int2 c = ((int2 *)v)[i];"),
    ],
)
def test_what_others_may_have_changed_is_not_known(before: str, changed: str) -> None:
    found = kernel(f"const int n = 4; {changed.replace('X', X)} if (c.x < 1024) x[i] += 1.0f;", before)
    assert found.counts.doubt in (Doubt.BRANCHES, Doubt.TRIPS)
    assert "branches that depend on data are taken half the time" in found.counts.assumptions


def test_a_condition_on_a_member_asks_for_its_value() -> None:
    assert floats(f"int2 c = make_int2({X}, 0); if (c.x < 1024) x[i] += 1.0f;")[0] == pytest.approx(0.25)
