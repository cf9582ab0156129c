from dataclasses import replace

from jouleline import wiring
from jouleline.app.analyse import KernelReport, analyse, parse_files
from jouleline.app.memory_smells import memory_smells
from jouleline.core.counts import ArrayTraffic, CompiledFacts

KERNEL = """\
__global__ void pick(const float *x, float *y) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    y[i] = x[STRIDE * i];
}
int main() { pick<<<65536, 256>>>(0, 0); }
"""


def report(stride: int = 8, text: str = KERNEL) -> KernelReport:
    data = text.replace("STRIDE", str(stride)).encode()
    parsed, _ = parse_files({"k.cu": data})
    return analyse(parsed, wiring.catalogue().get("a100-sxm4-40gb")).kernels[0]


def test_an_array_most_of_whose_sectors_is_thrown_away_is_marked_where_it_is_read() -> None:
    one = report()
    (smell,) = memory_smells(one)
    assert smell.code == "uncoalesced-access"
    assert one.kernel.source.text.data[smell.start : smell.end] == b"x[8 * i]"
    assert "is x, with an estimated 12% of each sector used by one access of a warp" in smell.message
    assert not smell.minor
    assert smell.fix is None


def test_what_is_used_is_not_marked() -> None:
    assert list(memory_smells(report(stride=1))) == []


def with_arrays(one: KernelReport, *arrays: ArrayTraffic) -> KernelReport:
    total = sum(array.dram_bytes for array in arrays)
    return replace(one, counts=replace(one.counts, arrays=arrays, dram_bytes=total))


def test_how_much_of_the_traffic_it_is_decides() -> None:
    def marks(share: float) -> list[bool]:
        arrays = ArrayTraffic("x", share, 0.2), ArrayTraffic("y", 1 - share, 1.0)
        return [smell.minor for smell in memory_smells(with_arrays(report(), *arrays))]

    assert marks(0.9) == [False]
    assert marks(0.3) == [True]
    assert marks(0.1) == []


def test_an_array_that_is_accessed_in_another_way_is_marked_at_the_kernels_name() -> None:
    one = report(text="template <int size>\n" + KERNEL)
    (smell,) = memory_smells(with_arrays(one, ArrayTraffic("elsewhere", 1e6, 0.1)))
    assert one.kernel.source.text.data[smell.start : smell.end] == b"pick"


def test_spilled_registers_are_told_where_a_compiler_was_asked() -> None:
    one = report(stride=1)
    facts = CompiledFacts("nvcc", "sm_80", 255, 64, 0, None)
    (smell,) = memory_smells(replace(one, counts=replace(one.counts, compiled=facts)))
    assert smell.code == "register-spills"
    assert smell.message.startswith("Each thread spills 64 B of registers to memory as nvcc compiles this")


def test_a_target_region_is_marked_at_its_directive() -> None:
    text = """\
void pick(const float *x, float *y, int n) {
    #pragma omp target teams distribute parallel for
    for (int i = 0; i < n; i++) y[i] = x[i];
}
"""
    one = report(text=text)
    (smell,) = memory_smells(with_arrays(one, ArrayTraffic("elsewhere", 1e6, 0.1)))
    marked = one.kernel.source.text.data[smell.start : smell.end]
    assert marked.strip() == b"#pragma omp target teams distribute parallel for"


def test_regions_of_the_host_are_left_alone() -> None:
    text = """\
void pick(const float *x, float *y, int n) {
    #pragma omp parallel for
    for (int i = 0; i < n; i++) y[i] = x[16 * i];
}
"""
    assert list(memory_smells(report(text=text))) == []
