"""A gate for continuous integration: which kernels changed their bound."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.app.analyse import analyse, parse_files
from jouleline.app.bound_changes import ComparisonError, bound_changes
from jouleline.app.bound_report import bound_json
from jouleline.devices import load_catalogue

SCALE = "__global__ void scale(float *x) { int i = blockIdx.x * 256 + threadIdx.x; x[i] *= 2.0f; }\n"
BUSY = SCALE.replace("x[i] *= 2.0f;", "for (int k = 0; k < 9999; k++) x[i] = x[i] * 0.5f + 1.0f;")
OTHER = SCALE.replace("scale", "other")
MAIN = "int main() {{ {}<<<65536, 256>>>(0); }}\n"


def bounds(
    *kernels: str, launched: str = "scale", device: str = "rtx-3080", args: str = ""
) -> dict[str, Any]:
    text = "".join(kernels) + MAIN.format(launched)
    analysis = analyse(parse_files({"a.cu": text.encode()})[0], load_catalogue().get(device))
    return bound_json(analysis, args)


def test_a_kernel_with_another_bound_is_a_change_wherever_its_lines_are() -> None:
    (change,) = bound_changes(bounds(SCALE, OTHER), bounds(OTHER, BUSY))
    assert (change.name, change.line, change.before) == ("scale", 2, "bandwidth-bound")
    assert change.after.startswith("compute-bound (")
    assert change.sentence.startswith("scale was bandwidth-bound and is compute-bound")


def test_what_is_new_or_gone_has_changed_nothing() -> None:
    assert bound_changes(bounds(SCALE), bounds(SCALE, OTHER)) == []
    assert bound_changes(bounds(SCALE, OTHER), bounds(SCALE)) == []


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ({"schema": "jouleline/what-if/1"}, "no jouleline/bound/1 document"),
        (bounds(SCALE, device="h200"), "--gpu 'h200' and this for 'rtx-3080'"),
        (bounds(SCALE, args="9"), "--args '9' and this for ''"),
        ({**bounds(SCALE), "kernels": [{"name": "scale"}]}, "no whole"),
    ],
)
def test_what_cannot_be_compared_is_said(before: dict[str, Any], why: str) -> None:
    with pytest.raises(ComparisonError, match=why):
        bound_changes(before, bounds(SCALE))


kernels = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["a", "b"]),
            "file": st.sampled_from(["x.cu", "y.cu"]),
            "line": st.integers(1, 9),
            "end_line": st.just(9),
            "bound": st.sampled_from(["compute", "bandwidth"]),
            "driver": st.none(),
            "probability_compute": st.floats(0, 1),
        }
    ),
    max_size=6,
)


@given(before=kernels, after=kernels)
def test_changes_are_those_of_kernels_that_both_know_and_none_against_itself(
    before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    whole = {"schema": "jouleline/bound/1", "device": "d", "args": ""}
    old, new = {**whole, "kernels": before}, {**whole, "kernels": after}
    assert bound_changes(old, old) == []
    assert len(bound_changes(old, new)) == len(bound_changes(new, old))
    assert all(one.before != one.after for one in bound_changes(old, new))
