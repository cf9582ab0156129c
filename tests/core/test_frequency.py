"""Threads flow through machine code as often as the source's lines run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.controlflow import control_flow
from jouleline.core.counts import Operation
from jouleline.core.frequency import Flow
from jouleline.core.machine_counts import count_machine_code
from jouleline.core.sass import Instruction, MachineCode
from jouleline.core.visits import SourceLoop, Visits

FILE = "main.cu"


def code(*lines: str) -> MachineCode:
    """Code from lines ``label: line| @predicate OPCODE operands``, where all but the opcode may lack."""
    instructions: list[Instruction] = []
    labels: dict[str, int] = {}
    for address, text in enumerate(lines):
        label, _, rest = text.rpartition(": ")
        if label:
            labels[label] = address
        line, _, words = rest.rpartition("| ")
        places = ((FILE, int(line)),) if line else ()
        parts = words.split(" ", 2 if words.startswith("@") else 1)
        predicate = parts.pop(0)[1:] if words.startswith("@") else ""
        operands = parts[1] if len(parts) > 1 else ""
        instructions.append(Instruction(address, parts[0], operands, predicate, places))
    return MachineCode("kernel", tuple(instructions), labels)


def test_a_guard_lets_as_many_through_as_the_source_says() -> None:
    guarded = code("2| @P0 EXIT", "3| FADD R0, R0, R1", "EXIT")
    flow = Flow(control_flow(guarded), Visits({(FILE, 2): 1024, (FILE, 3): 1000}, entered=1024), 1024)
    assert flow.often == {0: 1024, 1: pytest.approx(1000)}


def test_both_sides_of_a_branch_follow_their_lines() -> None:
    branching = code(
        "2| @P0 BRA `(.L_else)",
        "3| FADD R0, R0, R1",
        "BRA `(.L_end)",
        ".L_else: 5| FMUL R0, R0, R1",
        ".L_end: 6| EXIT",
    )
    visits = Visits({(FILE, 2): 100, (FILE, 3): 90, (FILE, 5): 10, (FILE, 6): 100}, entered=100)
    flow = Flow(control_flow(branching), visits, 100)
    assert flow.often == {0: 100, 1: pytest.approx(90), 3: pytest.approx(10), 4: pytest.approx(100)}


def unrolled(by: int, *, rest: bool) -> MachineCode:
    """A loop over ``i < n`` in line 2, its body copied, with what is left over where ``rest``."""
    body = ["3| FFMA R5, R2, R2, R5"] * by
    main = [f".L_main: {body[0]}", *body[1:], f"2| IADD3 R9, R9, {by:#x}, RZ"]
    main += ["2| ISETP.LT.AND P0, PT, R9, R8, PT", "2| @P0 BRA `(.L_main)"]
    more = [".L_rest: 3| FFMA R5, R2, R2, R5", "2| IADD3 R9, R9, 0x1, RZ"]
    more += ["2| ISETP.LT.AND P0, PT, R9, R8, PT", "2| @P0 BRA `(.L_rest)"]
    return code("1| MOV R9, RZ", *main, *(more if rest else ()), "5| EXIT")


@pytest.mark.parametrize("by", [1, 2, 4, 8])
@pytest.mark.parametrize("trips", [8, 40, 1024])
def test_an_unrolled_loop_does_the_work_of_its_source(by: int, trips: int) -> None:
    loop = SourceLoop(FILE, 2, 4, entries=64, iterations=64.0 * trips, step=1.0)
    visits = Visits({(FILE, 1): 64, (FILE, 3): 64.0 * trips, (FILE, 5): 64}, (loop,), entered=64)
    counts = count_machine_code(unrolled(by, rest=False), {}, visits, 64)
    assert counts.operations[Operation.SP] == pytest.approx(2 * 64 * trips)
    assert counts.operations[Operation.INT] == pytest.approx(2 * 64 * trips / by)


def test_a_counter_of_the_whole_warp_in_bytes_tells_the_unrolling_too() -> None:
    body = ["3| FFMA R5, R2, R2, R5"] * 4
    looping = code(
        "1| UMOV UR4, URZ",
        f".L_main: {body[0]}",
        *body[1:],
        "2| UIADD3 UR4, UR4, 0x10, URZ",
        "2| UISETP.NE.AND UP0, UPT, UR4, 0x400, UPT",
        "2| PLOP3.LUT P0, PT, PT, PT, UP0, 0x80, 0x0",
        "2| @P0 BRA `(.L_main)",
        "5| EXIT",
    )
    loop = SourceLoop(FILE, 2, 4, entries=64, iterations=64.0 * 256, step=1.0)
    visits = Visits({(FILE, 1): 64, (FILE, 3): 64.0 * 256, (FILE, 5): 64}, (loop,), entered=64)
    counts = count_machine_code(looping, {}, visits, 64)
    assert counts.operations[Operation.SP] == pytest.approx(2 * 64 * 256)


@given(st.integers(1, 100), st.sampled_from([2, 4, 8]))
def test_what_an_unrolled_loop_leaves_is_done_by_the_rest(trips: int, by: int) -> None:
    loop = SourceLoop(FILE, 2, 4, entries=64, iterations=64.0 * trips, step=1.0)
    visits = Visits({(FILE, 1): 64, (FILE, 3): 64.0 * trips, (FILE, 5): 64}, (loop,), entered=64)
    counts = count_machine_code(unrolled(by, rest=True), {}, visits, 64)
    assert counts.operations[Operation.SP] == pytest.approx(2 * 64 * trips)


def test_the_way_to_what_handles_special_values_is_rare() -> None:
    dividing = code(
        "2| @P0 BRA `(.L_fast)",
        "2| CALL.REL.NOINC `($__internal_0_$__cuda_sm20_rcp_rn_f32_slowpath)",
        "BRA `(.L_end)",
        ".L_fast: 2| FFMA R0, R1, R2, -1",
        ".L_end: EXIT",
        "$__internal_0_$__cuda_sm20_rcp_rn_f32_slowpath: FADD R0, R0, R0",
        "RET.REL.NODEC R2",
    )
    counts = count_machine_code(dividing, {}, Visits({(FILE, 2): 100}, entered=100), 100)
    assert 2 * 95 < counts.operations[Operation.SP] <= 2 * 100


def test_functions_that_are_called_count() -> None:
    caller = code("2| CALL.REL.NOINC `(helper)", "2| CALL.REL.NOINC `(helper)", "EXIT")
    helper = MachineCode("helper", code("FADD R0, R0, R1", "RET.REL.NODEC R2").instructions)
    counts = count_machine_code(caller, {"helper": helper}, Visits(), 10)
    assert counts.operations[Operation.SP] == 20


def test_a_function_that_calls_itself_ends() -> None:
    text = code("FADD R0, R0, R1", "CALL.REL.NOINC `(kernel)", "EXIT")
    assert count_machine_code(text, {"kernel": text}, Visits(), 10).operations[Operation.SP] == 10


@given(st.lists(st.sampled_from(["FADD R0, R0, R1", "@P0 BRA `(.L_join)"]), max_size=10))
def test_threads_are_not_lost_on_the_way(lines: list[str]) -> None:
    graph = control_flow(code("MOV R0, R1", *lines, ".L_join: EXIT"))
    flow = Flow(graph, Visits(), 128)
    assert flow.often[max(flow.often)] == pytest.approx(128)
