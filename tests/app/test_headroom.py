"""When a search stops because the roofline leaves nothing to gain, and how bounds are compared."""

from __future__ import annotations

from jouleline.app.context import analysed
from jouleline.app.headroom import BeforeAfter, floor_s, near_floor
from jouleline.devices import load_catalogue

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
    assert 0.9 * expected < floor_s(analysis) < 1.1 * expected
    assert near_floor(analysis, 1.1 * expected)
    assert not near_floor(analysis, 2 * expected)


def test_without_a_kernel_that_could_be_counted_nothing_is_near_its_floor() -> None:
    analysis = analysed({"a.cpp": b"int main() { return 0; }"}, DEVICE, "", {})
    assert floor_s(analysis) == 0
    assert not near_floor(analysis, 1e-9)


def test_bounds_are_told_before_and_after() -> None:
    before, after = (analysed({"a.cu": text}, DEVICE, "", {}) for text in (SCALE, BUSY))
    assert BeforeAfter(before, before).words() == ["scale: bandwidth-bound, as before"]
    [line] = BeforeAfter(before, after).words()
    assert line.startswith("scale: bandwidth-bound -> compute-bound")
    gone = analysed({"a.cpp": b"int main() { return 0; }"}, DEVICE, "", {})
    assert BeforeAfter(before, gone).words() == ["scale: bandwidth-bound -> gone"]
