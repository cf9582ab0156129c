"""When a search stops because the roofline leaves nothing to gain, and how bounds are compared."""

from __future__ import annotations

import pytest

from jouleline.app.context import analysed
from jouleline.app.headroom import BeforeAfter, floor_of, near_floor
from jouleline.app.launch_counts import launch_counts
from jouleline.devices import load_catalogue
from jouleline.devices.host import host_device
from tests.cli.command import SAMPLES

DEVICE = load_catalogue(None).get("a100-sxm4-40gb")
SCALE = b"""
__global__ void scale(float *x, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) x[i] = 2.0f * x[i];
}
int main() {
    float *x;
    cudaMalloc(&x, 268435456 * sizeof(float));
    scale<<<1048576, 256>>>(x, 268435456);
}
"""
BUSY = SCALE.replace(b"2.0f * x[i]", b"sinf(x[i])" + b" + sinf(2.0f * x[i])" * 60)


def test_the_floor_of_a_streaming_kernel_is_its_bytes_over_the_bandwidth() -> None:
    analysis = analysed({"a.cu": SCALE}, DEVICE, "", {})
    bytes_moved = 2 * 268435456 * 4
    expected = bytes_moved / DEVICE.dram_bytes_per_s.value
    assert 0.9 * expected < floor_of(analysis).seconds < 1.1 * expected
    assert near_floor(analysis, 1.1 * expected)
    assert not near_floor(analysis, 2 * expected)


def test_without_a_kernel_that_could_be_counted_nothing_is_near_its_floor() -> None:
    analysis = analysed({"a.cpp": b"int main() { return 0; }"}, DEVICE, "", {})
    assert floor_of(analysis).seconds == 0
    assert not near_floor(analysis, 1e-9)


def test_bounds_are_told_before_and_after() -> None:
    before, after = (analysed({"a.cu": text}, DEVICE, "", {}) for text in (SCALE, BUSY))
    assert BeforeAfter(before, before).words() == ["scale: bandwidth-bound, as before"]
    [line] = BeforeAfter(before, after).words()
    assert line.startswith("scale: bandwidth-bound -> compute-bound")
    gone = analysed({"a.cpp": b"int main() { return 0; }"}, DEVICE, "", {})
    assert BeforeAfter(before, gone).words() == ["scale: bandwidth-bound -> gone"]
    assert BeforeAfter(gone, before).words() == ["new kernel scale: bandwidth-bound"]


def counts(source: bytes, args: str = "") -> list[tuple[int, bool]]:
    analysis = analysed({"a.cu": source}, DEVICE, args, {})
    return [(one.number, one.known) for one in launch_counts(analysis)]


LAUNCH = b"scale<<<1048576, 256>>>(x, 268435456);"


@pytest.mark.parametrize(
    ("around", "expected"),
    [
        (b"for (int r = 0; r < 50; r++) LAUNCH", (50, True)),
        (b"for (int r = 0; r < 50; r++) { for (int k = 0; k < 4; k += 2) { LAUNCH } }", (100, True)),
        (b"const int n = atoi(argv[1]); for (int r = 1; r <= n; ++r) { LAUNCH }", (7, True)),
        (b"float *y = x; for (int r = 0; r < 9; r++) { LAUNCH float *t = x; x = y; y = t; }", (9, True)),
        (b"if (argc > 1) for (int r = 0; r < 50; r++) LAUNCH", (50, False)),
        (b"for (int r = 0; r < 50; r++) { if (r % 2) LAUNCH }", (1, False)),
        (b"for (int r = 0; r < 50; r++) { if (r > 3) break; LAUNCH }", (1, False)),
        (b"int r = 0; while (r++ < 50) LAUNCH", (1, False)),
        (b"for (int r = 0; r < 50; r++) { scale<<<1048576 - r, 256>>>(x, 268435456); }", (1, False)),
        (b"int m = 1; for (int r = 0; r < 50; r++) { scale<<<m, 256>>>(x, 268435456); m *= 2; }", (1, False)),
        (b"for (int r = 0; r < 50; r++) { r += 2; LAUNCH }", (1, False)),
    ],
)
def test_launches_are_counted_as_often_as_is_sure(around: bytes, expected: tuple[int, bool]) -> None:
    main = SCALE.replace(b"main()", b"main(int argc, char **argv)")
    found = counts(main.replace(LAUNCH, around.replace(b"LAUNCH", LAUNCH)), "7")
    assert found[0] == expected


def test_the_floor_of_many_launches_is_theirs_together_unless_the_cache_holds_what_they_read() -> None:
    once = floor_of(analysed({"a.cu": SCALE}, DEVICE, "", {}))
    often = SCALE.replace(LAUNCH, b"for (int r = 0; r < 50; r++) " + LAUNCH)
    fifty = floor_of(analysed({"a.cu": often}, DEVICE, "", {}))
    assert fifty.seconds == pytest.approx(50 * once.seconds)
    assert "scale: 50 x" in fifty.words
    small = often.replace(b"268435456", b"262144").replace(b"1048576", b"1024")
    held = floor_of(analysed({"a.cu": small}, DEVICE, "", {}))
    first = floor_of(analysed({"a.cu": small.replace(b"r < 50", b"r < 1")}, DEVICE, "", {}))
    assert first.seconds < held.seconds < 25 * first.seconds


def test_a_sample_launches_its_sweep_as_often_as_its_run_line_says() -> None:
    sample = SAMPLES / "jacobi-cuda" / "main.cu"
    analysis = analysed({"main.cu": sample.read_bytes()}, DEVICE, "2048 120", {})
    assert [(one.number, one.known) for one in launch_counts(analysis)] == [(120, True)]
    regions = {"main.cpp": (SAMPLES / "jacobi-omp" / "main.cpp").read_bytes()}
    found = launch_counts(analysed(regions, host_device(), "1024 60", {}))
    assert [one.number for one in found] == [60, 60]
