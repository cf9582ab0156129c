"""Names for linkers are read back as far as kernels need it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.mangling import Symbol, read_symbol


@pytest.mark.parametrize(
    ("mangled", "symbol"),
    [
        ("_Z5saxpyifPKfPf", Symbol("saxpy")),
        ("_ZL4initv", Symbol("init")),
        ("_ZN10mean_shift3gpu6tilingEPKfPf", Symbol("tiling")),
        ("_Z6kernelIfLi4EEvPT_i", Symbol("kernel", ("float", "4"))),
        ("_Z6kernelIPKdLin1ELb1EEvPT_i", Symbol("kernel", ("double*", "-1", "true"))),
        ("_ZN12_GLOBAL__N_14stepIN3abc4typeEJidEEEvT_", Symbol("step", ("type", "int,double"))),
        ("_ZNK4Grid3runIdEEvv", Symbol("run", ("double",))),
        ("__omp_offloading_fe00_21e615_main_l57", Symbol("main", (), 57)),
        ("__omp_offloading_10_2a__Z4stepIdEvPT__l8", Symbol("step", ("double",), 8)),
        ("main", Symbol("main")),
    ],
)
def test_scopes_and_parameters_are_left_out(mangled: str, symbol: Symbol) -> None:
    assert read_symbol(mangled) == symbol


@given(st.text(alphabet="_ZNIELJKPRST0123456789abfdij", max_size=40))
def test_any_name_can_be_read(text: str) -> None:
    assert isinstance(read_symbol(f"_Z{text}"), Symbol)


@given(st.from_regex(r"[a-z]\w{0,20}", fullmatch=True).filter(str.isascii))
def test_a_plain_name_comes_back(name: str) -> None:
    assert read_symbol(f"_Z{len(name)}{name}PKfi").name == name
