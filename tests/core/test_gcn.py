"""Machine code of AMD GPUs is read as each thread runs it, and counted as AMD's profiler counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.controlflow import control_flow
from jouleline.core.counts import Operation
from jouleline.core.gcn import parse_gcn
from jouleline.core.instructions import operations
from jouleline.core.machine_counts import count_machine_code
from jouleline.core.sass import Instruction, MachineCode, Resources
from jouleline.core.visits import SourceLoop, Visits

FILE = "src/main.hip"
HEAD = """\
	.type	kernel,@function
kernel:                                 ; @kernel
.Lfunc_begin0:
	.file	0 "." "main.hip" md5 0x00
	.file	1 "./src" "main.hip"
"""
TAIL = """\
.Lfunc_end0:
	.section	.AMDGPU.csdata
amdhsa.kernels:
  - .agpr_count:     0
    .args:
      - .name:           name
        .size:           8
    .group_segment_fixed_size: 512
    .name:           kernel
    .private_segment_fixed_size: 16
    .vgpr_count:     12
"""


def listing(*lines: str) -> str:
    """A kernel's listing from lines ``line| opcode operands`` (of src/main.hip) and labels."""
    text = [HEAD]
    for line in lines:
        place, _, words = line.rpartition("| ")
        if place:
            text.append(f"\t.loc\t1 {place} 5 is_stmt 0\t; {FILE}:{place}:5\n")
        text.append(f"{words}\n" if words.endswith(":") else "\t" + words.replace(" ", "\t", 1) + "\n")
    return "".join(text) + TAIL


def code(*lines: str) -> MachineCode:
    (found,) = parse_gcn(listing(*lines))
    return found


def test_lines_and_resources_are_read() -> None:
    read = code(
        "3| v_add_f32_e32 v0, v1, v2",
        "0| v_mov_b32_e32 v1, 0",
        "buffer_store_dword v2, off, s[8:11], 0 offset:4 ; 4-byte Folded Spill",
        "s_endpgm",
    )
    assert read.resources == Resources(registers=12, stack_bytes=16, spill_bytes=4, shared_bytes=512)
    first, second, *_ = read.instructions
    assert (first.name, first.opcode, first.places) == ("v_add_f32", "v_add_f32.e32", ((FILE, 3),))
    assert second.places == ()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("v_add_f32_e32 v0, v1, v2", {Operation.SP: 1}),
        ("v_fmac_f32_dpp v0, v1, v2 row_shr:1", {Operation.SP: 2}),
        ("v_pk_fma_f32 v[0:1], v[2:3], v[4:5], v[0:1]", {Operation.SP: 4}),
        ("v_fma_f64 v[0:1], v[2:3], v[4:5], v[0:1]", {Operation.DP: 2}),
        ("v_mul_f16_e32 v0, v1, v2", {Operation.HALF: 1}),
        ("v_pk_fma_f16 v0, v1, v2, v3", {Operation.HALF: 4}),
        ("v_dot2_f32_f16 v0, v1, v2, v3", {Operation.HALF: 4}),
        ("v_exp_f32_e32 v0, v1", {Operation.SP: 1, Operation.SPECIAL: 1}),
        ("v_rsq_f64_e32 v[0:1], v[2:3]", {Operation.DP: 1, Operation.SPECIAL: 1}),
        ("v_lshl_add_u32 v0, v1, 2, v3", {Operation.INT: 1}),
        ("v_addc_co_u32_e32 v1, vcc, v3, v1, vcc", {Operation.INT: 1}),
        ("v_mad_u64_u32 v[2:3], s[10:11], v2, 3, 1", {Operation.INT: 1}),
        ("v_cmp_gt_i32_e32 vcc, s0, v0", {Operation.INT: 1}),
        ("v_ashrrev_i32_e32 v1, 31, v0", {Operation.INT: 1}),
        ("v_cmp_gt_f32_e32 vcc, s0, v0", {}),
        ("v_cndmask_b32_e32 v0, v1, v2, vcc", {}),
        ("v_cvt_f32_i32_e32 v0, v1", {}),
        ("v_pk_mov_b32 v[2:3], 0, 0", {}),
        ("s_mul_i32 s2, s2, s8", {}),
        ("global_load_dword v2, v[2:3], off", {}),
    ],
)
def test_an_instruction_counts_as_the_profiler_counts_it(
    words: str, expected: dict[Operation, float]
) -> None:
    assert dict(operations(code(words).instructions[0])) == expected


@pytest.mark.parametrize(
    ("words", "flop"),
    [
        ("v_mfma_f32_32x32x1f32 a[0:31], v0, v1, a[0:31]", 2 * 32 * 32 * 1 * 2),
        ("v_mfma_f32_32x32x8f16 a[0:15], v[0:1], v[2:3], a[0:15]", 2 * 32 * 32 * 8),
        ("v_mfma_f32_4x4x4bf16_1k a[0:3], v[0:1], v[2:3], a[0:3]", 2 * 4 * 4 * 4 * 16),
        ("v_mfma_i32_16x16x16i8 a[0:3], v0, v1, a[0:3]", 2 * 16 * 16 * 16),
        ("v_mfma_f32_16x16x32_fp8_fp8 v[0:3], v[4:5], v[6:7], v[0:3]", 2 * 16 * 16 * 32),
    ],
)
def test_a_matrix_instruction_counts_what_the_wave_does(words: str, flop: float) -> None:
    assert operations(code(words).instructions[0]) == ((Operation.TENSOR, flop / 64),)


def test_products_of_doubles_are_double_precision() -> None:
    (product,) = code("v_mfma_f64_16x16x4f64 a[0:7], v[0:1], v[2:3], a[0:7]").instructions
    assert operations(product) == ((Operation.DP, 2 * 16 * 16 * 4 / 64),)


BRANCHING = (
    "2| v_cmp_gt_i32_e32 vcc, s0, v0",
    "s_and_saveexec_b64 s[0:1], vcc",
    "s_xor_b64 s[0:1], exec, s[0:1]",
    "s_cbranch_execz .LBB0_2",
    "3| v_add_f32_e32 v1, v1, v1",
    ".LBB0_2:",
    "5| s_andn2_saveexec_b64 s[0:1], s[0:1]",
    "s_cbranch_execz .LBB0_4",
    "5| v_add_f64 v[2:3], v[2:3], v[2:3]",
    ".LBB0_4:",
    "6| s_or_b64 exec, exec, s[0:1]",
    "s_endpgm",
)


@given(st.integers(0, 64))
def test_a_thread_takes_one_side_though_its_wave_walks_through_both(inside: int) -> None:
    lines = {(FILE, 2): 64.0, (FILE, 3): float(inside), (FILE, 5): 64.0 - inside, (FILE, 6): 64.0}
    counted = count_machine_code(code(*BRANCHING), {}, Visits(lines, entered=64), 64).operations
    assert counted[Operation.SP] == pytest.approx(inside)
    assert counted[Operation.DP] == pytest.approx(64 - inside)


def test_the_much_longer_side_of_a_library_is_for_special_values() -> None:
    library = [line.partition("| ")[2] or line for line in BRANCHING]
    library[0] = f"2| {library[0]}"
    at = next(index for index, line in enumerate(library) if "v_add_f32" in line)
    library[at : at + 1] = ["v_add_f32_e32 v1, v1, v1"] * 20
    at = next(index for index, line in enumerate(library) if "v_add_f64" in line)
    library[at : at + 1] = ["v_add_f64 v[2:3], v[2:3], v[2:3]"] * 8
    counted = count_machine_code(code(*library), {}, Visits({(FILE, 2): 100}, entered=100), 100).operations
    assert counted[Operation.SP] == pytest.approx(20 * 2)
    assert counted[Operation.DP] == pytest.approx(8 * 98)


def test_a_mask_without_a_branch_is_a_predicate() -> None:
    masked = code(
        "2| v_cmp_gt_i32_e32 vcc, s0, v0",
        "s_and_saveexec_b64 s[0:1], vcc",
        "3| v_mul_f32_e32 v1, v1, v1",
        "4| s_or_b64 exec, exec, s[0:1]",
        "v_add_f64 v[2:3], v[2:3], v[2:3]",
        "s_endpgm",
    )
    visits = Visits({(FILE, 2): 64, (FILE, 3): 16, (FILE, 4): 64}, entered=64)
    counted = count_machine_code(masked, {}, visits, 64).operations
    assert (counted[Operation.SP], counted[Operation.DP]) == (16, 64)


@pytest.mark.parametrize(
    ("counter", "leaving"),
    [
        ("s_add_i32 s4, s4, 4", ("s_cmp_eq_u32 s4, s5", "s_cbranch_scc0 .LBB0_1")),
        ("s_addk_i32 s4, 0x10", ("s_cmpk_eq_i32 s4, 0x190", "s_cbranch_scc0 .LBB0_1")),
        (
            "v_add_u32_e32 v4, 4, v4",
            ("v_cmp_le_i32_e32 vcc, s6, v4", "s_or_b64 s[4:5], vcc, s[4:5]",
             "s_andn2_b64 exec, exec, s[4:5]", "s_cbranch_execnz .LBB0_1"),
        ),
    ],
    ids=["scalar", "bytes", "vector"],
)  # fmt: skip
def test_an_unrolled_loop_runs_as_often_as_the_source_says(counter: str, leaving: tuple[str, ...]) -> None:
    unrolled = code(
        "2| s_mov_b64 s[4:5], 0",
        ".LBB0_1:",
        *["4| v_fmac_f32_e32 v1, v2, v3"] * 4,
        f"3| {counter}",
        *leaving,
        "5| s_endpgm",
    )
    loop = SourceLoop(FILE, 3, 4, 64, 64 * 100, 1)
    visits = Visits({(FILE, 2): 64, (FILE, 4): 6400, (FILE, 5): 64}, (loop,), entered=64)
    counted = count_machine_code(unrolled, {}, visits, 64).operations
    assert counted[Operation.SP] == pytest.approx(2 * 6400)


def test_a_call_is_followed() -> None:
    helper = HEAD.replace("kernel", "helper").replace("begin0", "begin1")
    text = helper + "\tv_add_f32_e32\tv0, v0, v0\n\ts_setpc_b64\ts[30:31]\n.Lfunc_end1:\n" + listing(
        "s_getpc_b64 s[4:5]",
        "s_add_u32 s4, s4, helper@rel32@lo+4",
        "s_addc_u32 s5, s5, helper@rel32@hi+12",
        "s_swappc_b64 s[30:31], s[4:5]",
        "s_endpgm",
    )  # fmt: skip
    functions = {each.name: each for each in parse_gcn(text)}
    assert count_machine_code(functions["kernel"], functions, Visits(), 10).operations == {Operation.SP: 10}


_WORDS = st.sampled_from(
    [*BRANCHING, "s_cbranch_scc1 .LBB0_4", "s_branch .LBB0_2", "s_or_saveexec_b64 s[0:1], s[0:1]",
     "s_xor_b64 exec, exec, s[0:1]", "s_cbranch_execnz .LBB0_2", "s_mov_b64 exec, s[2:3]"]
)  # fmt: skip


@given(st.lists(_WORDS, max_size=15) | st.lists(st.text(max_size=20), max_size=5))
def test_any_text_is_read_and_every_count_is_finite(lines: list[str]) -> None:
    for read in parse_gcn(listing(*(line.replace("\n", " ") for line in lines))):
        assert control_flow(read).order
        counted = count_machine_code(read, {}, Visits(), 64).operations
        assert all(0 <= amount < float("inf") for amount in counted.values())


def test_calls_that_were_inlined_come_behind_the_line_inner_ones_first() -> None:
    text = listing(
        "2| v_mov_b32_e32 v0, 0",
        ".Ltmp0:",
        "7| v_add_f32_e32 v0, v0, v0",
        ".Ltmp1:",
        "9| v_mul_f32_e32 v0, v0, v0",
        ".Ltmp2:",
        "3| s_endpgm",
    )
    debug = """\
	.section	.debug_info
	.byte	2                               ; Abbrev [2] 0x31:0xf DW_TAG_inlined_subroutine
	.long	.Ldebug_ranges0                 ; DW_AT_ranges
	.byte	0                               ; DW_AT_call_file
	.byte	3                               ; DW_AT_call_line
	.byte	3                               ; Abbrev [3] 0x40:0x19 DW_TAG_inlined_subroutine
	.quad	.Ltmp1                          ; DW_AT_low_pc
	.long	.Ltmp2-.Ltmp1                   ; DW_AT_high_pc
	.byte	1                               ; DW_AT_call_file
	.short	8                               ; DW_AT_call_line
	.byte	0                               ; End Of Children Mark
	.section	.debug_ranges
.Ldebug_ranges0:
	.quad	.Ltmp0-.Lfunc_begin0
	.quad	.Ltmp2-.Lfunc_begin0
	.quad	0
	.quad	0
"""
    (read,) = parse_gcn(text + debug)
    assert [each.places for each in read.instructions] == [
        ((FILE, 2),),
        ((FILE, 7), ("main.hip", 3)),
        ((FILE, 9), (FILE, 8), ("main.hip", 3)),
        ((FILE, 3),),
    ]


def test_a_branch_without_a_line_has_that_of_the_comparison_that_decides_it() -> None:
    read = code(
        "2| s_cmp_lt_i32 s0, 1",
        "7| s_barrier",
        "s_cbranch_scc1 .LBB0_1",
        "8| s_cbranch_scc0 .LBB0_1",
        "s_nop 0",
        "s_cbranch_scc0 .LBB0_1",
        ".LBB0_1:",
        "s_endpgm",
        "4| v_cmp_gt_i32_e64 s[2:3], s0, v0",
        "5| v_cmp_gt_i32_e32 vcc, s1, v0",
        "6| s_and_saveexec_b64 s[4:5], s[2:3]",
        "s_cbranch_execz .LBB0_1",
    )
    lines = [[number for _, number in each.places] for each in read.instructions]
    assert lines == [[2], [7], [2], [8], [8], [], [8], [4], [5], [6], [4]]


def test_a_branch_of_no_line_lets_as_many_through_as_the_lines_behind_it_run() -> None:
    mask = (
        "2| s_and_saveexec_b64 s[0:1], s[4:5]",
        "s_cbranch_execz .LBB0_1",
        "3| v_add_f32_e32 v1, v1, v1",
        ".LBB0_1:",
        "4| s_endpgm",
    )
    visits = Visits({(FILE, 2): 64, (FILE, 3): 6, (FILE, 4): 64}, entered=64)
    assert count_machine_code(code(*mask), {}, visits, 64).operations == {Operation.SP: pytest.approx(6)}


def test_an_empty_function_is_left_out() -> None:
    assert parse_gcn(HEAD + TAIL) == []
    assert isinstance(code("s_endpgm").instructions[0], Instruction)
