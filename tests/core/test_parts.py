"""What members of structs and vectors are worth, seen in the traffic of what they index."""

import pytest

from jouleline.core.counts import Operation
from tests.core.kernels import floats, kernel, moved, per_thread

X = "(int)(blockIdx.x * blockDim.x + threadIdx.x)"
STRUCT = "struct P { int x, y; };"
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
    ],
)
def test_a_member_is_worth_what_it_was_given(before: str, made: str) -> None:
    assert moved(f"{made} b[c.x + c.y] = a[c.x + c.y];", before) == pytest.approx(PLAIN)


@pytest.mark.parametrize(
    ("before", "changed"),
    [
        (f"{STRUCT} __device__ void other(P *p) {{ p->x = 50; }}", "P c = {3, 0}; other(&c);"),
        (f"{STRUCT} __device__ void other(P &p) {{ p.x = 50; }}", "P c = {3, 0}; other(c);"),
        ("struct P { int x, y; __device__ void move() { x = 50; } };", "P c = {3, 0}; c.move();"),
        ("__device__ void other(int &x) { x = 50; }", "int2 c = make_int2(3, 0); other(c.x);"),
        ("", "int2 c = make_int2(3, 0); int &r = c.x; r = 50;"),
        ("", "int2 c = make_int2(3, 0); int2 &r = c; r.x = 50;"),
        ("", "int2 c = make_int2(3, 0); int *r = &c.x; *r = 50;"),
        ("", "int2 c = make_int2(3, 0); auto f = [&]() { c.x = 50; }; f();"),
        ("#define SET(q, n) q.x = n", "int2 c = make_int2(3, 0); SET(c, 50);"),
        ("", "int2 c = make_int2(3, 0); (c).x = 50;"),
        ("", "int2 c = make_int2(3, 0); for (int l = 0; l < 47; l++) c.x++;"),
        ("", "int2 c = make_int2(3, 0); for (int l = 0; l < 47; l++) c = make_int2(50, l);"),
        ("struct P { int y[2]; int x; };", "P c = {3, 3, 50};"),
    ],
)
def test_of_what_is_changed_otherwise_nothing_is_known(before: str, changed: str) -> None:
    found = kernel(f"{changed} for (int j = 0; j < c.x; j++) x[i] += 1.0f;", before)
    assert found.counts.assumptions
    assert per_thread(found, Operation.SP) != pytest.approx(3)


def test_a_member_is_what_its_type_holds() -> None:
    loop = "for (int j = 0; j < c.x; j++) x[i] += 1.0f;"
    assert floats(f"int2 c; c.x = 7.9f; {loop}")[0] == 7
    assert floats(f"int2 c = make_int2(5, 0); {{ int2 c; c.x = 3; }} {loop}")[0] == 5
    assert floats(f"for (int l = 0; l < 2; l++) {{ int2 c = make_int2(5, l); c.x++; {loop} }}")[0] == 12


def test_a_condition_on_a_member_asks_for_its_value() -> None:
    assert floats(f"int2 c = make_int2({X}, 0); if (c.x < 1024) x[i] += 1.0f;")[0] == pytest.approx(0.25)
