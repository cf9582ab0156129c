"""A loop with a constant start, step and bound says how often it runs."""

import operator

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jouleline.core.controlflow import control_flow
from jouleline.core.counted_loops import iterations_in_code
from tests.support.machine import code

HOLDS = {"LT": operator.lt, "LE": operator.le, "NE": operator.ne, "GT": operator.gt, "GE": operator.ge}
MOST = 1000


def iterations(*lines: str) -> int | None:
    graph = control_flow(code(*lines))
    return iterations_in_code(graph, graph.loops[0])


def written(number: int) -> str:
    return f"{'-' if number < 0 else ''}{abs(number):#x}"


def executed(first: int, step: int, relation: str, bound: int, *, moved_before: bool) -> int | None:
    """Run the loop; None if it does not come to an end soon."""
    counter = first
    for iteration in range(1, MOST + 1):
        compared = counter + step if moved_before else counter
        counter += step
        if not HOLDS[relation](compared, bound):
            return iteration
    return None


@given(
    first=st.integers(0, 200),
    step=st.integers(-9, 9).filter(bool),
    relation=st.sampled_from(sorted(HOLDS)),
    bound=st.integers(-200, 200),
    moved_before=st.booleans(),
)
def test_it_is_what_running_the_loop_gives(
    *, first: int, step: int, relation: str, bound: int, moved_before: bool
) -> None:
    expected = executed(first, step, relation, bound, moved_before=moved_before)
    assume(expected is not None)
    lines = [f"IADD3 R2, R2, {written(step)}, RZ", f"ISETP.{relation}.AND P0, PT, R2, {written(bound)}, PT"]
    ordered = lines if moved_before else lines[::-1]
    found = iterations(
        f"MOV R2, {first:#x}", ".L_loop: FADD R0, R0, R1", *ordered, "@P0 BRA `(.L_loop)", "EXIT"
    )
    # A counter that goes away from its bound ends at once, and none says how often it would run otherwise.
    assert found == expected or (found is None and expected == 1)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            [
                "CS2R R2, SRZ",
                ".L_loop: FADD R0, R0, R1",
                "IADD3 R2, P1, R2, 0x40, RZ",
                "IADD3.X R3, RZ, R3, RZ, P1, !PT",
                "ISETP.GE.U32.AND P0, PT, R2, 0x1000, PT",
                "ISETP.GE.U32.AND.EX P0, PT, R3, RZ, PT, P0",
                "@!P0 BRA `(.L_loop)",
                "EXIT",
            ],
            64,
            id="a counter of 64 bits",
        ),
        pytest.param(
            [
                "UMOV UR4, URZ",
                ".L_loop: FADD R0, R0, R1",
                "UIADD3 UR4, UR4, 0x1, URZ",
                "UISETP.NE.AND UP0, UPT, UR4, 0x6, UPT",
                "PLOP3.LUT P0, PT, PT, PT, UP0, 0x80, 0x0",
                "@P0 BRA `(.L_loop)",
                "EXIT",
            ],
            6,
            id="a counter of the whole warp",
        ),
        pytest.param(
            [
                "IMAD.MOV.U32 R2, RZ, RZ, 0x10",
                "IMAD.MOV.U32 R3, RZ, RZ, RZ",
                "@P3 BRA `(.L_loop)",
                "FADD R0, R0, R1",
                ".L_loop: FADD R0, R0, R1",
                "IADD3 R2, R2, -0x4, RZ",
                "ISETP.GT.AND P0, PT, R2, R3, PT",
                "@!P0 CALL.REL.NOINC `(.L_end)",
                "BRA `(.L_loop)",
                ".L_end: EXIT",
            ],
            4,
            id="a bound in a register, a branch before the loop, and a call that is a jump",
        ),
        pytest.param(
            [
                "MOV R2, RZ",
                "@P3 BRA `(.L_loop)",
                "MOV R2, 0x1",
                ".L_loop: IADD3 R2, R2, 0x1, RZ",
                "ISETP.NE.AND P0, PT, R2, 0x8, PT",
                "@P0 BRA `(.L_loop)",
                "EXIT",
            ],
            None,
            id="a start that depends on the way",
        ),
        pytest.param(
            [
                "MOV R2, RZ",
                ".L_loop: @P1 BRA `(.L_end)",
                "IADD3 R2, R2, 0x1, RZ",
                "ISETP.NE.AND P0, PT, R2, 0x8, PT",
                "@P0 BRA `(.L_loop)",
                ".L_end: EXIT",
            ],
            None,
            id="a way out before the end",
        ),
        pytest.param(
            [
                "MOV R2, RZ",
                ".L_loop: @P1 IADD3 R2, R2, 0x1, RZ",
                "ISETP.NE.AND P0, PT, R2, 0x8, PT",
                "@P0 BRA `(.L_loop)",
                "EXIT",
            ],
            None,
            id="a step that some iterations leave out",
        ),
        pytest.param(
            [
                "MOV R2, c[0x0][0x160]",
                ".L_loop: IADD3 R2, R2, -0x1, RZ",
                "ISETP.NE.AND P0, PT, R2, RZ, PT",
                "@P0 BRA `(.L_loop)",
                "EXIT",
            ],
            None,
            id="a start that is an argument",
        ),
    ],
)
def test_the_code_tells_or_does_not(lines: list[str], expected: int | None) -> None:
    assert iterations(*lines) == expected
