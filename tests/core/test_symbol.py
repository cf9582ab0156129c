"""Names as profilers print them, and what the source calls the kernel."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.symbol import normal_argument, read_symbol, split


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("scale", "scale"),
        ("scale(float *, int)", "scale"),
        ("void scale<float>(T1 *, int)", "scale"),
        ("void scale<float, (int)256>(T1 *, int) [clone .kd]", "scale"),
        ("scale(float*, int) [clone .kd]", "scale"),
        ("scale.kd", "scale"),
        ("(anonymous namespace)::scale(float *)", "scale"),
        ("<unnamed>::scale(float *)", "scale"),
        ("void <unnamed>::scale<ns::Vector<double, int>>(T1)", "scale"),
        ("ns::Solver<float, 3>::step(ns::Solver<float, 3> *)", "step"),
        ("apply(void (*)(int, float), std::function<void (int)>)", "apply"),
    ],
)
def test_a_demangled_name_tells_the_function(text: str, name: str) -> None:
    assert read_symbol(text).name == name
    assert read_symbol(text).is_called(name)


def test_template_arguments_and_parameters_are_compared_in_one_spelling() -> None:
    symbol = read_symbol("void tile<(int)16, const float, ns::Pair<int, int>>(const T2 *, unsigned int)")
    assert symbol.template_arguments == ("16", "float", "ns::Pair<int,int>")
    assert symbol.parameters == ("T2*", "unsignedint")
    assert [normal_argument(text) for text in ("16", "16u", "(int)16", " 16UL ")] == ["16"] * 4
    assert [normal_argument(text) for text in ("int16_t", "std::int16_t", "const short")] == ["short"] * 3
    assert [normal_argument(text) for text in ("uint", "unsigned", "uint32_t")] == ["unsignedint"] * 3
    assert read_symbol("tile").template_arguments is None
    assert read_symbol("tile()").parameters == ()


@pytest.mark.parametrize(
    ("text", "function", "line"),
    [
        ("__omp_offloading_fd02_1a2b3c_main_l77", "main", 77),
        ("__omp_offloading_10302_2c4b1__Z6updatePfS_PKfj_l328", "update", 328),
        ("__omp_offloading_2a_d4ce97d__Z4copyPdS__l13.kd", "copy", 13),
        ("__omp_offloading_fd02_1a2b3c__ZN6miniFE6daxpbyINS_6VectorIdiiEEEvdRKT_dRS3__l210_1", "daxpby", 210),
        ("nvkernel_main_F1L77_2", "main", 77),
        ("nvkernel__Z6updatePfS__F2L328_4", "update", 328),
    ],
)
def test_an_offloaded_region_tells_its_function_and_its_line(text: str, function: str, line: int) -> None:
    symbol = read_symbol(text)
    assert (symbol.offload, symbol.line) == (True, line)
    assert symbol.is_called(function)
    assert not symbol.is_called(function[:-1])


def test_a_mangled_name_tells_its_template_arguments_as_far_as_they_are_read() -> None:
    region = read_symbol("__omp_offloading_2a_d4ce97d__Z5scaleIdLi4ESt4lessIiEEvPT_i_l2")
    assert region.template_arguments == ("double", "4", "")
    assert region.is_instance_of(("double", "4", "std::less<int>"))
    assert not region.is_instance_of(("float", "4", "std::less<int>"))
    assert not region.is_instance_of(("double", "4"))
    assert read_symbol("_Z4copyIyLb1EEvPT_").is_instance_of(("unsigned long long", "true"))


def test_gnu_regions_tell_no_line() -> None:
    symbol = read_symbol("main$_omp_fn$0")
    assert (symbol.name, symbol.line, symbol.offload) == ("main", None, True)


def test_types_of_halves_have_several_names() -> None:
    names = ("half2", "__half2", "__nv_half2", "nv_half2")
    assert {read_symbol(f"k<{name}>({name} *)") for name in names} == {read_symbol("k<half2>(half2*)")}
    assert normal_argument("__nv_bfloat16") == normal_argument("nv_bfloat16") != normal_argument("__half")


def test_a_mangled_name_is_searched_for_whole_identifiers() -> None:
    symbol = read_symbol("_Z13scale_columnsIfEvPT_iN2ns5scaleE")
    assert symbol.is_called("scale_columns")
    assert not symbol.is_called("columns")
    # A type among the parameters may bear a kernel's name, too: it stands later.
    assert symbol.is_called("scale")
    assert symbol.place("scale_columns") < symbol.place("scale")


@given(st.text(alphabet="ab<>()[]{},:* _Zl0123456789$.", max_size=60))
def test_any_text_is_taken_apart_without_an_error(text: str) -> None:
    symbol = read_symbol(text)
    assert isinstance(symbol.name, str)


@given(st.lists(st.text(alphabet="abc*& ", min_size=1).filter(str.strip), min_size=1))
def test_parts_between_commas_come_back(parts: list[str]) -> None:
    assert split(",".join(parts)) == parts
    assert split(f"<{','.join(parts)}>,x") == [f"<{','.join(parts)}>", "x"]
