"""What the text of a host function says is read once for all kernels."""

import pytest

from jouleline.core.hostfunctions import HostFunctions
from jouleline.core.syntax import descendants, parse


@pytest.mark.parametrize(
    ("body", "given"),
    [
        ("dim3 g(2, 3);", [("", "dim3(2, 3)")]),
        ("dim3 g; g.x = n; g.y = 4;", [("", "dim3()"), ("x", "n"), ("y", "4")]),
        ("auto g = dim3(n); g = other;", [("", "dim3(n)"), ("", "other")]),
        ("const dim3 b(8), g = {n, 2};", [("", "{n, 2}")]),
        ("g = 4; dim3 g{5};", [("", "{5}")]),
        ("int g = 4; g = 5;", []),
    ],
)
def test_what_a_dim3_variable_is_given_from_its_declaration_on(
    body: str, given: list[tuple[str, str]]
) -> None:
    source = parse(f"void f(int n) {{ {body} }}".encode())
    (function,) = descendants(source.root, "function_definition")
    found = HostFunctions().given(function, source).get("g", ())
    assert [(one.member, one.value) for one in found] == given
    assert [one.offset for one in found] == sorted(one.offset for one in found)


def test_a_function_is_walked_once() -> None:
    source = parse(b"void f(int n) { dim3 g(n); n = 4; }")
    (function,) = descendants(source.root, "function_definition")
    functions = HostFunctions()
    assert functions.given(function, source) is functions.given(function, source)
    assert functions.assigned(function, source) is functions.assigned(function, source)
    assert functions.declared(function, source) is functions.declared(function, source)
