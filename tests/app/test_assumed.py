"""What was taken for granted, in sentences."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from jouleline.app import assumed
from jouleline.app.analyse import KernelReport, analyse, parse_files
from jouleline.core.device import Device
from jouleline.core.launch import DEFAULT_TRIPS
from jouleline.wiring import catalogue

GPU = catalogue().get("rtx-3080")


def reports(text: str, *arguments: str, device: Device = GPU) -> tuple[KernelReport, ...]:
    parsed, _ = parse_files({"main.cu": text.encode()})
    return analyse(parsed, device, arguments).kernels


def test_a_region_of_the_host_is_said_to_be_judged_elsewhere_on_a_gpu_alone() -> None:
    text = """\
void heat(float *x) {
    #pragma omp DIRECTIVE
    for (int i = 0; i < 4000000; i++) x[i] *= 2.0f;
}
"""
    host = text.replace("DIRECTIVE", "parallel for")
    [region] = reports(host)
    (said,) = set(assumed.assumptions(region, GPU)) - set(region.counts.assumptions)
    assert said.startswith("this region runs on the host and is judged as if on NVIDIA GeForce RTX 3080")
    processor = catalogue().get("host")
    [region] = reports(host, device=processor)
    assert assumed.assumptions(region, processor) == region.counts.assumptions
    [offloaded] = reports(text.replace("DIRECTIVE", "target teams distribute parallel for"))
    assert assumed.assumptions(offloaded, GPU) == offloaded.counts.assumptions


def test_assumptions_of_one_kind_share_a_sentence() -> None:
    [report] = reports(
        "__device__ float helper(float);\n"
        "__global__ void k(float *x, int *ends, int n) {\n"
        "    for (int i = 0; i < ends[0]; i++) x[i] = helper(x[i]);\n"
        "    for (int i = 0; i < ends[1]; i++) x[i] = other(x[i]);\n"
        "}\n"
        "int main(int argc, char **argv) {\n"
        "    int blocks = atoi(argv[1]), n = atoi(argv[2]);\n"
        "    k<<<blocks, 256>>>(x, e, n);\n}",
        "64",
        "5",
    )
    said = list(assumed.grouped(report.counts.assumptions))
    assert "blocks = 64 and n = 5 from the run line" in said
    assert "helper() and other() are not counted: their source is not in the program" in said
    assert f"the loops in lines 3 and 4 run {DEFAULT_TRIPS:g} times: their ends depend on data" in said


ASSUMPTIONS = st.lists(
    st.one_of(
        st.integers(0, 99).map(lambda size: f"n{size} = {size} from the run line"),
        st.integers(0, 99).map(lambda name: f"f{name}() is not counted: its source is not in the program"),
        st.integers(0, 99).map(
            lambda line: f"the loop in line {line} runs 16 times: its end depends on data"
        ),
        st.text(min_size=1),
    ),
    unique=True,
)


@given(ASSUMPTIONS)
def test_grouping_loses_nothing_and_says_nothing_twice(assumptions: list[str]) -> None:
    said = list(assumed.grouped(assumptions))
    assert len(said) == len(set(said))
    everything = " ".join(said)
    for assumption in assumptions:
        subject = re.match(r"the loop in line (\d+)|(\S+)", assumption)
        assert assumption in said or (subject and (subject[1] or subject[2]) in everything)
