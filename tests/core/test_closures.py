"""Lambdas in a kernel: what they cost, and what they do to the variables around them."""

import pytest

from jouleline.app.analyse import Followed, analyse, parse_files
from jouleline.core.counts import Operation

from .kernels import DEVICE, INDEX, floats, kernel, per_thread, reports


@pytest.mark.parametrize(
    ("before", "body", "sp"),
    [
        ("", "auto f = [](float a) { return a * a; }; x[i] = f(y[i]) + f(y[i] + 1);", 4),
        (
            "",
            "float s = 0; auto add = [&](int k) { s += y[k]; }; for (int j = 0; j < 8; j++) add(j);",
            8,
        ),
        ("", "auto f = [=](auto a) { return a * a; }; x[i] = f(y[i]);", 1),
        ("", "x[i] = [&] { return y[i] * 2; }();", 1),
        (
            "template <class F> __device__ void each(int n, F f) { for (int j = 0; j < n; j++) f(j); }",
            "each(5, [&](int j) { x[i] += y[j]; }); each(2, [&](int j) { x[i] *= x[i] + y[j]; });",
            9,
        ),
        (
            "template <class F> __device__ float twice(const F &f, float a) { return f(f(a)); }",
            "float low = y[0], high = y[1]; x[i] = twice([=](float a) { return a * low + high; }, y[i]);",
            4,
        ),
    ],
)
def test_a_lambda_costs_what_its_body_does_wherever_it_is_called(before: str, body: str, sp: float) -> None:
    found = kernel(body, before)
    assert per_thread(found, Operation.SP) == sp
    assert not any("is not counted" in text for text in found.counts.assumptions)


UP_TO_SIZE = "for (int j = 0; j < size; j++) x[i] += 1.0f;"


@pytest.mark.parametrize(
    "use",
    [
        "auto f = [&](int m) { for (int size = 0; size < m; size++) v[size]++; }; f(10);",
        "auto f = [&](int m) { int size = m; size++; return size; }; f(10);",
        "auto f = [&](int size) { size++; return size; }; f(10);",
        "auto f = [=]() mutable { size++; return size; }; f();",
        "int m = 0; auto f = [&m, size]() mutable { size++; m++; return size; }; f();",
        "int m = 0; auto f = [&, size]() mutable { size++; m++; return size; }; f();",
    ],
)
def test_what_a_lambda_has_for_itself_says_nothing_of_the_variable_of_that_name(use: str) -> None:
    found = kernel(f"int size = 4; {use} {UP_TO_SIZE}")
    assert per_thread(found, Operation.SP) == 4
    assert found.counts.assumptions == ()


@pytest.mark.parametrize("captured", ["&", "&size", "=, &size", "&, i"])
def test_what_a_lambda_changes_is_not_known_after_it(captured: str) -> None:
    found = kernel(f"int size = 4; auto more = [{captured}] {{ size = v[i]; }}; more(); {UP_TO_SIZE}")
    assert any("its end depends on data" in text for text in found.counts.assumptions)


def test_a_lambda_that_is_returned_costs_the_same_in_each_kernel() -> None:
    body = "auto f = cubed(x[i]); x[i] = f(1.0f);"
    first, second = reports(f"""
    __device__ auto cubed(float a) {{ return [=](float b) {{ return b + a * a * a; }}; }}
    __global__ void k(float *x) {{ {INDEX} {body} }}
    __global__ void again(float *x) {{ {INDEX} {body} }}
    void host(float *x) {{ k<<<16, 256>>>(x); again<<<16, 256>>>(x); }}""")
    assert first.counts.operations == second.counts.operations
    assert per_thread(first, Operation.SP) == 3
    assert first.counts.assumptions == second.counts.assumptions


@pytest.mark.parametrize("name", ["min", "sqrtf", "square"])
def test_a_lambda_goes_before_what_else_has_its_name(name: str) -> None:
    square = "#define square(a, b) 0\n"
    body = f"auto {name} = [](float p, float q) {{ return p * q * p * q; }}; x[i] = {name}(y[i], x[i]);"
    assert floats(body, square) == (3, 0)


def test_a_lambda_that_is_called_where_it_stands_is_no_name() -> None:
    assert (
        floats("[&]() { x[i] *= 2.f; cuda::atomicAdd(y, 1.f); }();")[0]
        == floats("x[i] *= 2.f; cuda::atomicAdd(y, 1.f);")[0]
        > 0
    )


def test_what_only_one_kernel_can_know_again_is_not_kept_for_others() -> None:
    text = f"""
    __device__ float squared(float a) {{ return a * a; }}
    __global__ void k(float *x) {{ {INDEX} auto f = [&] {{ x[i] = squared(x[i]); }}; f(); }}
    void host(float *x) {{ k<<<16, 256>>>(x); }}"""
    parsed, _ = parse_files({"main.cu": text.encode()})
    followed = Followed.of(parsed, DEVICE, ())
    analyse(parsed, DEVICE, followed=followed)
    [function] = followed.parts.values()
    assert function.returned is not None  # the lambda returns nothing
