"""Expressions of integers that mean the same in C++ and in Python, with names for sizes and indices."""

from hypothesis import strategies as st

NAMES = ("n", "m", "i", "j")


def integer_expressions(names: tuple[str, ...] = NAMES) -> st.SearchStrategy[str]:
    leaves = st.one_of(st.integers(0, 40).map(str), st.sampled_from(names))
    operators = st.sampled_from(["+", "-", "*"])
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, operators, inner).map(lambda parts: f"({' '.join(parts)})"),
            inner.map(lambda text: f"-({text})"),
        ),
        max_leaves=8,
    )
