"""How bounds are put into words: where figures come from, which array costs, what was assumed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jouleline.app import wording
from jouleline.app.analyse import KernelReport, analyse, parse_files
from jouleline.app.evidence import Refinement, refined
from jouleline.core.counts import ArrayTraffic, CompiledFacts, Evidence
from jouleline.core.profile import KernelProfile
from jouleline.core.roofline import Bound, BoundKind, classify
from jouleline.wiring import catalogue

DEVICE = catalogue().get("a100-sxm4-40gb")
PREFIXES = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}


def reports(text: str, *arguments: str) -> tuple[KernelReport, ...]:
    parsed, _ = parse_files({"main.cu": text.encode()})
    return analyse(parsed, DEVICE, arguments).kernels


def gather(stride: int) -> KernelReport:
    """A kernel that reads one float in ``stride`` of ``x`` and writes ``y``."""
    [report] = reports(
        "__global__ void pick(const float *x, float *y) {\n"
        "    int i = blockIdx.x * blockDim.x + threadIdx.x;\n"
        f"    y[i] = x[{stride} * i];\n"
        "}\nint main() { pick<<<65536, 256>>>(x, y); }"
    )
    return report


@given(st.floats(min_value=1, max_value=1e20))
@example(999.6)
@example(999_999.0)
def test_a_scaled_number_has_three_digits_and_the_prefix_that_fits(value: float) -> None:
    digits, prefix = re.fullmatch(r"([\d.e+]+) ([kMGTPE]?)", wording.scaled(value)).groups()  # type: ignore[union-attr]
    assert float(digits) * PREFIXES[prefix] == pytest.approx(value, rel=5e-3)
    assert 1 <= float(digits) < 1000
    assert "e" not in digits


def test_the_costliest_array_is_named_with_its_bytes_and_the_use_of_its_sectors() -> None:
    counts = gather(8).counts
    said = wording.traffic_sentence(counts)
    assert said == "most of the traffic is `x`: 537 MB, 12% of each sector used by one access of a warp"
    assert wording.arrays(counts).startswith("x 537 MB (12% of each sector used by one access of a warp), y ")
    assert "sector" not in wording.arrays(gather(1).counts)


def test_arrays_that_do_not_matter_are_summed() -> None:
    small = tuple(ArrayTraffic(f"a{index}", 1000.0, 1.0) for index in range(3))
    counts = replace(gather(1).counts, arrays=(ArrayTraffic("x", 1e9, 1.0), *small), dram_bytes=1.000003e9)
    assert wording.arrays(counts) == "x 1 GB, 3 others 3 kB"
    assert wording.arrays(replace(counts, arrays=counts.arrays[:2])) == "x 1 GB, 1 other 1 kB"
    only_small = replace(counts, arrays=small, dram_bytes=1e9)
    assert wording.arrays(only_small) == "3 arrays 3 kB"
    assert wording.traffic_sentence(only_small) == ""


def test_an_array_that_nothing_names_is_said_not_to_be_known() -> None:
    counts = gather(8).counts
    nameless = replace(counts, arrays=(replace(counts.arrays[0], name="?"), *counts.arrays[1:]))
    assert wording.traffic_sentence(nameless).startswith(
        "most of the traffic is an array that is not known: "
    )
    assert wording.arrays(nameless).startswith("an array that is not known 537 MB")


@pytest.mark.parametrize(
    ("directive", "shown"),
    [
        ("parallel for", ""),
        (
            "target teams distribute parallel for",
            "grid 3200, block 128 (what OpenMP runtimes usually choose)",
        ),
        (
            "target teams distribute parallel for thread_limit(64)",
            "grid 3200, block 64 (partly from the source, partly what OpenMP runtimes usually choose)",
        ),
        (
            "target teams distribute parallel for num_teams(100) thread_limit(64)",
            "grid 100, block 64 (from the source)",
        ),
    ],
)
def test_who_chose_the_launch_of_a_region_is_said_and_the_host_has_none(directive: str, shown: str) -> None:
    [region] = reports(
        "void scale(float *x) {\n"
        f"    #pragma omp {directive}\n"
        "    for (int i = 0; i < 4000000; i++) x[i] *= 2.0f;\n"
        "}\n"
    )
    assert wording.shape(region) == shown


def test_a_threads_own_array_is_said_to_lie_in_local_memory() -> None:
    [report] = reports(
        "__global__ void sort(float *out, const int *order) {\n"
        "    float own[4096];\n"
        "    for (int i = 0; i < 4096; i++) own[order[i]] = i;\n"
        "    out[threadIdx.x] = own[order[threadIdx.x]];\n"
        "}\nint main() { sort<<<4096, 256>>>(x, y); }"
    )
    assert "own (local)" in [array.name for array in report.counts.arrays]
    assert wording.traffic_sentence(report.counts).startswith(
        "most of the traffic is `own` in local memory: "
    )
    assert "own in local memory" in wording.arrays(report.counts)


def test_each_kind_of_evidence_says_how_it_was_had() -> None:
    source = gather(1)
    assert wording.evidence_words(source) == "source estimate"
    assert "nothing was compiled or run" in wording.evidence_sentence(source)

    facts = CompiledFacts("nvcc", "sm_80", 38, 16, 2048, 0.75)
    counts = replace(source.counts, evidence=Evidence.COMPILED, compiled=facts)
    compiled = replace(source, counts=counts)
    assert wording.evidence_words(compiled) == "estimate from code that nvcc made for sm_80"
    assert "operations counted in code that nvcc made for sm_80" in wording.evidence_sentence(compiled)
    assert wording.resources(compiled) == (
        "compiled: 38 registers, 16 B spilled, 2.05 kB of shared memory a block, occupancy 75%"
    )

    profile = KernelProfile(
        "pick",
        (65536, 1, 1),
        (256, 1, 1),
        {},
        1e9,
        "ncu",
        31e-6,
        registers=24,
        occupancy=0.63,
        target="sm_80",
    )
    counts = profile.counts(DEVICE)
    measured = replace(source, counts=counts, bound=classify(counts, DEVICE), profile=profile)
    assert wording.evidence_words(measured) == "measured by ncu in a launch of 31 µs on sm_80"
    assert wording.evidence_sentence(measured) == (
        "evidence: profile (measured by ncu in a launch of 31 µs on sm_80)"
    )
    assert wording.resources(measured) == "measured: 24 registers, occupancy 63%"
    assert wording.shape(measured) == "grid 65536, block 256 (measured)"
    assert wording.certainty(measured) == "99% sure, for its counts were measured"
    assert wording.label([measured]).endswith(" · profile")


def test_certainty_stands_on_spreads_or_says_that_there_are_none() -> None:
    report = gather(1)
    measured = replace(report, counts=replace(report.counts, uncertainty_log2={"int": 0.5}))
    unknown = replace(report, counts=replace(report.counts, uncertainty_log2={}))
    assert wording.certainty(measured).endswith("% sure, by how far counts of this kind have been off")
    assert wording.certainty(unknown).endswith("% sure, though how far such counts are off was not measured")


def test_an_opinion_is_shown_as_one_whatever_was_counted() -> None:
    parsed, _ = parse_files({"main.cu": b"__global__ void k(float *x) { x[threadIdx.x] *= 2; }"})
    analysis = analyse(parsed, DEVICE)
    bound = Bound(BoundKind.BANDWIDTH, None, -1.0, 0.3, 0.0)
    [opinion] = refined(analysis, Refinement(opinions={0: bound})).kernels
    assert wording.evidence_words(opinion) == "a language model's opinion"
    assert wording.margin_sentence(opinion, DEVICE) == "no margin"
    assert wording.label([opinion]) == "◂ bandwidth-bound? · model"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.634, "0.63"), (4.24, "4.2"), (13.4, "13"), (3249.0, "3200"), (1_270_000.0, "1300000")],
)
def test_a_number_of_two_digits_is_one_word(value: float, shown: str) -> None:
    assert wording.two_digits(value) == shown
