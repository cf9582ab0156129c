"""Threads flow through machine code as often as the source's lines run."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.controlflow import control_flow
from jouleline.core.counts import Operation
from jouleline.core.frequency import Flow
from jouleline.core.machine_counts import count_machine_code
from jouleline.core.sass import MachineCode
from jouleline.core.visits import SourceLoop, Visits
from tests.support.machine import FILE, code


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


def loop_at(first: int, last: int, entries: float, trips: float, *, shared: bool = False) -> SourceLoop:
    return SourceLoop(FILE, first, last, entries, entries * trips, step=1.0, shared=shared)


def test_an_array_that_is_filled_in_a_loop_takes_no_iterations_of_it() -> None:
    filling = code(
        ".L_outer: 3| IMAD.MOV.U32 R2, RZ, RZ, RZ",
        ".L_fill: 3| IADD3 R2, R2, 0x40, RZ",
        "3| STL [R2], RZ",
        "3| ISETP.GE.U32.AND P0, PT, R2, 0x1000, PT",
        "3| @!P0 BRA `(.L_fill)",
        "4| FADD R0, R0, R1",
        "2| ISETP.LT.AND P1, PT, R9, R8, PT",
        "2| @P1 BRA `(.L_outer)",
        "6| EXIT",
    )
    loop = loop_at(2, 5, 64, 1_000_000)
    visits = Visits({(FILE, 3): 64e6, (FILE, 4): 64e6, (FILE, 6): 64}, (loop,), entered=64)
    counts = count_machine_code(filling, {}, visits, 64)
    assert counts.operations[Operation.SP] == pytest.approx(64e6)
    assert counts.operations[Operation.INT] == pytest.approx(64e6 * (0x1000 / 0x40 * 2 + 2))


def with_a_written_out_rest(by: int) -> MachineCode:
    """An unrolled loop over ``i < n`` in lines 2 to 4, half as many copies behind it, a loop for the rest."""
    body = ["3| FFMA R5, R2, R2, R5"] * by
    main = ["2| @!P1 BRA `(.L_half)", f".L_main: {body[0]}", *body[1:], f"2| IADD3 R9, R9, {by:#x}, RZ"]
    main += ["2| ISETP.LT.AND P0, PT, R9, R8, PT", "2| @P0 BRA `(.L_main)"]
    half = [".L_half: 2| @!P2 BRA `(.L_rest)", *body[: by // 2], "2| IADD3 R9, R9, 0x2, RZ"]
    rest = [".L_rest: 2| @!P3 BRA `(.L_end)", ".L_one: 3| FFMA R5, R2, R2, R5", "2| IADD3 R9, R9, 0x1, RZ"]
    rest += ["2| ISETP.LT.AND P0, PT, R9, R8, PT", "2| @P0 BRA `(.L_one)", ".L_end: 5| EXIT"]
    return code("1| MOV R9, RZ", *main, *half, *rest)


@given(st.integers(1, 100), st.sampled_from([4, 8]))
def test_copies_that_stand_beside_an_unrolled_loop_do_none_of_its_work_again(trips: int, by: int) -> None:
    loop = loop_at(2, 4, 64, trips)
    visits = Visits({(FILE, 1): 64, (FILE, 3): 64.0 * trips, (FILE, 5): 64}, (loop,), entered=64)
    counts = count_machine_code(with_a_written_out_rest(by), {}, visits, 64)
    assert counts.operations[Operation.SP] == pytest.approx(2 * 64 * trips)


def test_who_has_iterations_to_do_passes_the_guard_of_a_loop() -> None:
    guarded = code(
        "2| @!P0 BRA `(.L_end)",
        "2| IADD3 R9, R9, 0x1, RZ",
        ".L_loop: 3| FADD R0, R0, R1",
        "2| @P1 BRA `(.L_loop)",
        ".L_end: 5| EXIT",
    )
    visits = Visits({(FILE, 3): 1000, (FILE, 5): 100}, (loop_at(2, 4, 100, 10),), entered=100)
    assert count_machine_code(guarded, {}, visits, 100).operations[Operation.INT] == pytest.approx(100)


def test_a_branch_for_one_thread_of_a_team_lets_one_through() -> None:
    region = code(
        "1| MOV R9, RZ",
        "3| @P0 BRA `(.L_end)",
        "5| FADD R0, R0, R1",
        ".L_end: 7| EXIT",
    )
    visits = Visits({(FILE, 3): 12800, (FILE, 5): 100}, entered=1, start=(FILE, 1))
    assert count_machine_code(region, {}, visits, 12800).operations[Operation.SP] == pytest.approx(100)


def test_threads_that_share_the_iterations_of_a_loop_all_come_to_it() -> None:
    region = code(
        "8| @!P0 EXIT",
        "8| IADD3 R9, R9, 0x1, RZ",
        ".L_loop: 10| FADD R0, R0, R1",
        "9| @P1 BRA `(.L_loop)",
        "12| EXIT",
    )
    # The function that ends in line 6 runs in each iteration, and is no part of the directive in line 8.
    lines = {(FILE, 6): 1e6, (FILE, 10): 1e6}
    visits = Visits(lines, (loop_at(9, 11, 1, 1e6, shared=True),), entered=1, start=(FILE, 8))
    counts = count_machine_code(region, {}, visits, 1024)
    assert counts.operations[Operation.INT] == pytest.approx(1024)
    assert counts.operations[Operation.SP] == pytest.approx(1e6)


def test_what_stands_behind_the_join_says_nothing_of_a_branch() -> None:
    library = code(
        "2| FADD R0, R0, R1",
        "2| @!P0 BRA `(.L_join)",
        "2| IADD3 R2, R2, 0x1, RZ",
        ".L_join: 3| FADD R0, R0, R1",
        "3| EXIT",
    )
    visits = Visits({(FILE, 2): 1000, (FILE, 3): 1000}, entered=1000)
    assert count_machine_code(library, {}, visits, 1000).operations[Operation.INT] < 100


def test_where_a_function_is_computed_is_no_special_case() -> None:
    power = code(
        "2| @P0 BRA `(.L_one)",
        *["2| FFMA R0, R1, R2, R0"] * 20,
        ".L_one: 3| EXIT",
    )
    visits = Visits({(FILE, 2): 1000, (FILE, 3): 1000}, entered=1000)
    assert count_machine_code(power, {}, visits, 1000).operations[Operation.SP] > 0.9 * 40 * 1000


def test_lines_of_an_outer_loop_that_were_moved_in_say_nothing_of_a_branch() -> None:
    moved = code(
        ".L_loop: 4| @!P0 BRA `(.L_next)",
        "2| IADD3 R7, R7, R8, RZ",
        "2| IADD3 R6, R6, R8, RZ",
        "5| FADD R0, R0, R1",
        ".L_next: 3| @P1 BRA `(.L_loop)",
        "7| EXIT",
    )
    loops = (SourceLoop(FILE, 2, 6, 1, 1000), SourceLoop(FILE, 3, 6, 1000, 1e6))
    lines = {(FILE, 2): 1, (FILE, 4): 1e6, (FILE, 5): 9e5}
    visits = Visits(lines, loops, entered=1, start=(FILE, 1))
    assert count_machine_code(moved, {}, visits, 1).operations[Operation.SP] == pytest.approx(9e5)


def test_a_loop_that_was_written_out_is_not_the_one_around_it() -> None:
    body = [f"{line}| FFMA R{line}, R2, R2, R5" for line in (9, 10, 11) for _ in range(4)]
    around = code(".L_loop: 3| FADD R0, R0, R1", *body, "6| @P0 BRA `(.L_loop)", "7| EXIT")
    # The function in lines 8 to 12 was inlined, and its lines do not tell from where it was called.
    loops = (loop_at(2, 5, 1, 1e6), loop_at(8, 12, 1e6, 4))
    visits = Visits({(FILE, 3): 1e6} | {(FILE, line): 4e6 for line in (9, 10, 11)}, loops, entered=1)
    assert count_machine_code(around, {}, visits, 1).operations[Operation.SP] == pytest.approx(25e6)


def test_the_version_of_a_loop_without_its_inner_loop_is_for_an_inner_loop_that_does_not_run() -> None:
    versions = code(
        "1| @P0 BRA `(.L_without)",
        ".L_outer: 3| IADD3 R9, R9, R8, RZ",
        ".L_inner: 5| FADD R0, R0, R1",
        "4| @P1 BRA `(.L_inner)",
        "2| @P2 BRA `(.L_outer)",
        "9| EXIT",
        ".L_without: 3| DADD R0, R0, R1",
        "2| @P3 BRA `(.L_without)",
        "9| EXIT",
    )
    loops = (loop_at(2, 7, 10, 100), loop_at(4, 6, 1000, 50))
    visits = Visits({(FILE, 3): 1000, (FILE, 5): 50_000, (FILE, 9): 10}, loops, entered=10)
    counts = count_machine_code(versions, {}, visits, 10)
    assert counts.operations[Operation.SP] == pytest.approx(50_000)
    assert counts.operations[Operation.DP] == 0


def test_a_counter_that_a_comparison_is_added_up_from_tells_the_unrolling() -> None:
    adding = code(
        ".L_loop: 3| LDG.E R0, [R2]",
        *["3| LDG.E R0, [R2]"] * 3,
        *["3| IADD3 R5, R5, R0, RZ"] * 4,
        "2| IADD3 R9, R9, 0x4, RZ",
        "2| IMAD.IADD R7, R9, 0x1, R8",
        "2| ISETP.NE.AND P0, PT, R7, RZ, PT",
        "2| @P0 BRA `(.L_loop)",
        "5| EXIT",
    )
    visits = Visits({(FILE, 3): 64e3}, (loop_at(2, 4, 64, 1000),), entered=64)
    assert count_machine_code(adding, {}, visits, 64).operations[Operation.INT] == pytest.approx(7 * 16e3)


def test_an_update_by_compare_and_swap_is_tried_as_often_as_the_source_says() -> None:
    adding = code(
        "2| LDS R2, [R0]",
        ".L_try: 2| DADD R4, R2, R6",
        "2| ATOMS.CAST.SPIN.64 R2, [R0], R2, R4",
        "2| @!P0 BRA `(.L_try)",
        "3| EXIT",
    )
    visits = Visits({(FILE, 2): 256, (FILE, 3): 256}, entered=256, tries={(FILE, 2): 128.5})
    assert count_machine_code(adding, {}, visits, 256).operations[Operation.DP] == pytest.approx(256 * 128.5)


def test_a_function_whose_code_is_not_there_is_told() -> None:
    calling = code("CALL.ABS.NOINC `(_Z5mergePKm)", "CALL.ABS.NOINC `(vprintf)", "EXIT")
    assert count_machine_code(calling, {}, Visits(), 10).missing == {"_Z5mergePKm"}


def test_what_a_region_calls_by_its_address_is_not_there() -> None:
    calling = code("CALL.ABS.NOINC R6", "EXIT")
    assert count_machine_code(calling, {}, Visits(), 10).missing == frozenset()  # an assertion that fails
    region = replace(calling, name="__omp_offloading_fe00_23c8a1_main_l68")
    assert count_machine_code(region, {}, Visits(), 10).missing == {"a function by its address"}
