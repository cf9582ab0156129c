"""Inline assembly counts as what it is compiled to, or is said not to be counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.counts import Doubt, Operation

from .kernels import INDEX_COST, THREADS, kernel, moved, per_thread

LONG = "9" * 5000
"""More digits than Python reads as a number."""


@pytest.mark.parametrize(
    ("code", "operation", "amount"),
    [
        ("fma.rn.f32 %0, %1, %1, %0;", Operation.SP, 2),
        ("mul.ftz.f32 %0, %0, %1;\\n\\tadd.f32 %0, %0, %1;", Operation.SP, 2),
        ("{ .reg .f32 t; sub.f32 t, %0, %1; mov.f32 %0, t; }", Operation.SP, 1),
        ("fma.rn.f64 %0, %1, %1, %0;", Operation.DP, 2),
        ("fma.rn.f16x2 %0, %1, %1, %0;", Operation.SP, 4),  # a device that is no faster with halves
        ("mad.lo.s32 %0, %1, %1, %0;", Operation.INT, 1),
        ("lop3.b32 %0, %1, %1, %0, 0x96; shl.b32 %0, %0, 3; // two", Operation.INT, 2),
        ("add.u64 %0, %0, %1;", Operation.INT, 2),
        ("@p add.u32 %0, %0, 1;", Operation.INT, 1),
        ("ex2.approx.ftz.f32 %0, %1;", Operation.SPECIAL, 1),
        ("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %0, %0, %0}, {%1, %1}, {%1}, {%0, %0};",
         Operation.TENSOR, 2 * 16 * 8 * 8 / 32),
        # What moves, converts, waits or compares floating-point numbers costs nothing.
        ("mov.u32 %0, %%laneid; cvt.rn.f32.u32 %0, %1; bar.sync 0; max.f32 %0, %0, %1;", Operation.SP, 0),
        ("", Operation.INT, 0),
    ],
)  # fmt: skip
def test_instructions_count_by_class(code: str, operation: Operation, amount: float) -> None:
    found = kernel(f'float u = 1, w = 2; asm volatile("{code}" : "+f"(u) : "f"(w) : "memory");')
    assert per_thread(found, operation) - (INDEX_COST if operation is Operation.INT else 0) == amount
    assert found.counts.assumptions == ()
    assert found.counts.doubt is Doubt.NOTHING


def test_macros_are_parts_of_the_text() -> None:
    body = 'float u = 1; asm(OPC " %0, %0, %0, %0;" : "+f"(u));'
    assert per_thread(kernel(body, '#define OPC "fma.rn.f32"'), Operation.SP) == 2
    assert kernel(body).counts.assumptions == ("assembly in line 2 is not counted: OPC",)


def test_a_loop_repeats_them() -> None:
    found = kernel(
        'float u = x[i]; for (int j = 0; j < 100; j++) asm("fma.rn.f32 %0, %0, %0, %0;" : "+f"(u));'
    )
    assert per_thread(found, Operation.SP) == 200


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("tcgen05.mma.cta_group::1.kind::f16 [%0], a, b, c, p;", "tcgen05.mma.cta_group::1.kind::f16"),
        ("add.f32 %0, %0, %0; s_nop 0;\\nfoo.bar;", "s_nop, foo.bar"),
        ("ld.global.f32 %0, [rd1];", "ld.global.f32"),
    ],
)
def test_what_is_not_known_is_listed_with_its_line(code: str, said: str) -> None:
    found = kernel(f'float u = 1;\nasm volatile("{code}" : "+f"(u));')
    assert found.counts.assumptions == (f"assembly in line 3 is not counted: {said}",)
    assert found.counts.doubt is Doubt.TRIPS


@pytest.mark.parametrize(
    "code",
    [
        'float u; asm("ld.global.nc.f32 %0, [%1];" : "=f"(u) : "l"(a + i));',
        'float u; asm("ld.global.f32 %0, [%1+4];" : "=f"(u) : "l"(&a[i]));',
        'asm("cp.async.ca.shared.global [%0], [%1], 4;" :: "r"(0), "l"(a + i));',
        'asm("cp.async.ca.shared.global [%0], [%1], %2;" :: "r"(0), "l"(a + i), "n"(4));',
    ],
)
def test_reads_of_memory(code: str) -> None:
    assert moved(code)["a"] == 4 * 16 * 2**20


def test_four_numbers_at_a_time_and_writes() -> None:
    code = """if (i < n / 4) {{ float4 v;
      asm("ld.global.v4.f32 {{%0, %1, %2, %3}}, [%4];"
          : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w) : "l"((const float4 *)a + i));
      asm volatile("st.global.v4.f32 [%0], {{%1, %2, %3, %4}};"
          :: "l"((float4 *)b + i), "f"(v.x), "f"(v.y), "f"(v.z), "f"(v.w)); }}""".format()
    found = moved(code)
    assert found["a"] == 4 * 16 * 2**20
    assert found["b"] == pytest.approx(found["a"], rel=0.05)


def test_a_variable_that_assembly_writes_is_not_known_any_longer() -> None:
    body = 'int m = 8; asm("mov.u32 %0, %%smid;" : "=r"(m)); for (int j = 0; j < m; j++) x[i] += 1;'
    assert kernel(body).counts.doubt is not Doubt.NOTHING


@given(st.text(alphabet="abcdfmu.%0123 ;:@{}[]/*\\n\\", max_size=60))
def test_any_text_is_read(code: str) -> None:
    found = kernel(f'float u = 1; asm("{code}" : "+f"(u));'.replace("\\", "\\\\"))
    assert found.counts.operations[Operation.INT] >= THREADS


@pytest.mark.parametrize(
    "code",
    [
        f"ld.global.f32 %0, [%{LONG}];",
        f"ld.global.f32 %0, [%1+{LONG}];",
        f"cp.async.ca.shared.global [%0], [%1], {LONG};",
        "cp.async.ca.shared.global [%0], [%1], %2;",
        f"mma.sync.aligned.m{LONG}n8k8.row.col.f32.tf32.tf32.f32 %0, %1, %1, %0;",
    ],
)
def test_numbers_beyond_any_machine_are_said_not_to_be_counted(code: str) -> None:
    found = kernel(f'float u = 1; asm volatile("{code}" : "+f"(u) : "l"(x), "n"(1e200 * 1e200));')
    assert found.counts.doubt is Doubt.TRIPS
