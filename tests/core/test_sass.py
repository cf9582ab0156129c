"""Machine code as text becomes instructions, blocks and loops."""

from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.controlflow import Graph, control_flow
from jouleline.core.sass import Instruction, MachineCode, Resources, parse_sass

# As nvdisasm -gi -c prints a loop; the addresses and the line of a call that was inlined included.
LISTING = """
\t.target\tsm_86

//--------------------- .text._Z3sumPKfPfi            --------------------------
\t.section\t.text._Z3sumPKfPfi,"ax",@progbits
_Z3sumPKfPfi:
.text._Z3sumPKfPfi:
\t//## File "main.cu", line 4
        /*0000*/                   MOV R1, c[0x0][0x28] ;
        /*0010*/                   ISETP.GE.AND P0, PT, R3, c[0x0][0x170], PT ;
        /*0020*/               @P0 EXIT ;
.L_x_1:
\t//## File "./inline.h", line 2 inlined at "main.cu", line 6
\t//## File "main.cu", line 6
        /*0030*/                   FFMA R5, R2, R2, R5 ;
\t//## File "main.cu", line 5
        /*0040*/              @!P1 BRA `(.L_x_1) ;
        /*0050*/                   EXIT ;
"""
LOG = """
ptxas info    : Compiling entry function '_Z3sumPKfPfi' for 'sm_86'
ptxas info    : Function properties for _Z3sumPKfPfi
    16 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 40 registers, used 1 barriers, 2048 bytes smem, 428 bytes cmem[0]
"""


def test_instructions_carry_predicates_and_the_lines_they_came_from() -> None:
    (code,) = parse_sass(LISTING, LOG)
    assert code.name == "_Z3sumPKfPfi"
    assert [each.name for each in code.instructions] == ["MOV", "ISETP", "EXIT", "FFMA", "BRA", "EXIT"]
    assert [each.predicate for each in code.instructions] == ["", "", "P0", "", "!P1", ""]
    assert code.instructions[3].places == (("inline.h", 2), ("main.cu", 6))
    assert code.instructions[4].places == (("main.cu", 5),)
    assert code.instructions[4].targets == (".L_x_1",)


def test_what_ptxas_says_is_kept_by_function() -> None:
    (code,) = parse_sass(LISTING, LOG)
    assert code.resources == Resources(registers=40, stack_bytes=16, spill_bytes=20, shared_bytes=2048)
    assert parse_sass(LISTING)[0].resources == Resources()


def test_a_jump_back_makes_a_loop() -> None:
    graph = control_flow(parse_sass(LISTING)[0])
    (loop,) = graph.loops
    assert graph.blocks[0].after == (3,)
    assert graph.blocks[0].leaves
    assert (loop.header, loop.blocks, loop.latches) == (3, frozenset({3}), (3,))


def test_a_call_of_a_label_in_the_kernel_is_a_jump() -> None:
    text = LISTING.replace("@!P1 BRA `(.L_x_1)", "@!P1 CALL.REL.NOINC `(.L_x_1)")
    assert len(control_flow(parse_sass(text)[0]).loops) == 1


@given(st.text(), st.text())
def test_no_text_is_too_strange(text: str, log: str) -> None:
    parse_sass(text, log)
    lines = LISTING.splitlines()
    for code in parse_sass("\n".join([*lines[:8], *text.splitlines(), *lines[8:]]), log):
        assert control_flow(code).order


@st.composite
def codes(draw: st.DrawFn) -> MachineCode:
    """Code of up to twelve instructions that jump anywhere."""
    count = draw(st.integers(1, 12))
    instructions = []
    for address in range(count):
        target = draw(st.integers(0, count - 1))
        opcode, predicate = draw(
            st.sampled_from([("FADD", ""), ("BRA", "P0"), ("BRA", ""), ("EXIT", ""), ("EXIT", "P0")])
        )
        operands = f"`(.L_{target})" if opcode == "BRA" else ""
        instructions.append(Instruction(address, opcode, operands, predicate))
    return MachineCode("f", tuple(instructions), {f".L_{index}": index for index in range(count)})


def reached(graph: Graph, without: int | None = None) -> set[int]:
    """The blocks that are reached from the entry when one block is closed."""
    found: set[int] = set()
    waiting = [graph.entry]
    while waiting:
        block = waiting.pop()
        if block not in found and block != without:
            found.add(block)
            waiting += graph.blocks[block].after
    return found


@given(codes())
def test_a_dominator_cannot_be_bypassed(code: MachineCode) -> None:
    graph = control_flow(code)
    assert set(graph.order) == reached(graph) == set(graph.blocks)
    for one in graph.blocks:
        open_without = reached(graph, without=one)
        for other in graph.blocks:
            assert graph.dominates(one, other) == (one == other or other not in open_without)


@given(codes())
def test_loops_are_entered_at_their_header_and_nest(code: MachineCode) -> None:
    graph = control_flow(code)
    for place, loop in enumerate(graph.loops):
        assert loop.header in loop.blocks
        for block in loop.blocks:
            assert graph.dominates(loop.header, block)
            assert block == loop.header or set(graph.before[block]) <= loop.blocks
        if loop.parent is not None:
            assert loop.parent < place
            assert loop.blocks < graph.loops[loop.parent].blocks
