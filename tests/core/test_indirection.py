"""Which kernels read where data tells them to."""

from __future__ import annotations

import pytest

from jouleline.core.indirection import indirect
from jouleline.core.syntax import parse


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("y[i] = x[column[i]];", True),
        ("int j = column[i]; y[i] = x[j + 1];", True),
        ("int j; j = start[i]; for (; j < end[i]; j++) { s += x[j]; }", True),
        ("y[i] = x[i + 1] + x[i - 1];", False),
        ("y[i] = a[i][j];", False),
        ("float v = x[i]; y[i] = v * v;", False),
        ("", False),
    ],
)
def test_an_index_from_an_array_is_found(body: str, *, expected: bool) -> None:
    assert indirect(parse(f"void f() {{ {body} }}".encode()).root) is expected
