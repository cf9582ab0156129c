"""The same kernels on several devices: each as if analysed for that device alone, side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jouleline.app.analyse import analyse, parse_files
from jouleline.app.program import Problem, read_program
from jouleline.app.what_if import WhatIf, what_if, what_if_json
from jouleline.core.roofline import BoundKind
from jouleline.wiring import WHAT_IF_DEVICES, catalogue

SAMPLES = Path(__file__).parents[2] / "samples"
PERSISTENT = b"""\
__global__ void scale(float *x, int n) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) x[i] *= 2.0f;
}
int main(int argc, char **argv) {
    int n = atoi(argv[1]);
    cudaDeviceProp device;
    cudaGetDeviceProperties(&device, 0);
    float *x;
    cudaMalloc(&x, n * sizeof(float));
    for (int blocks = 4; blocks > 0; blocks -= 3)
        scale<<<blocks * device.multiProcessorCount, 256>>>(x, n);
}
"""


def across(text: bytes, *devices: str, arguments: tuple[str, ...] = ()) -> WhatIf:
    parsed, _ = parse_files({"main.cu": text})
    return what_if(parsed, [catalogue().get(one) for one in devices], arguments)


@pytest.mark.parametrize("sample", ["jacobi-omp", "jacobi-cuda", "lookup-hip", "hash-hip"])
def test_each_device_gets_what_it_gets_alone(sample: str) -> None:
    parsed, _ = parse_files(read_program([SAMPLES / sample]).files)
    devices = [catalogue().get(one) for one in WHAT_IF_DEVICES]
    found = what_if(parsed, devices, ("2048", "10"))
    assert found.kernels
    for column, device in enumerate(devices):
        alone = analyse(parsed, device, ("2048", "10")).kernels
        together = [kernel.reports[column] for kernel in found.kernels]
        assert [(one.counts, one.bound) for one in together if one] == [
            (one.counts, one.bound) for one in alone
        ]


def test_a_kernel_may_change_its_bound_between_two_devices() -> None:
    parsed, _ = parse_files(read_program([SAMPLES / "jacobi-omp"]).files)
    devices = [catalogue().get(one) for one in ("a100-sxm4-40gb", "rtx-4090")]
    solve, copy = what_if(parsed, devices, ("2048", "25")).kernels
    # Its double literals meet 9.7 TFLOP/s on the one and 1.3 on the other, at similar bandwidths.
    assert [one.bound.kind for one in solve.known] == [BoundKind.BANDWIDTH, BoundKind.COMPUTE]
    assert solve.changes
    assert not copy.changes


def test_a_launch_may_depend_on_the_devices_multiprocessors() -> None:
    found = across(PERSISTENT, "a100-sxm4-40gb", "rtx-3080-paper", arguments=("16777216",))
    grids = [[one.counts.shape.grid[0] for one in kernel.known] for kernel in found.kernels]
    assert grids == [[4 * 108, 4 * 68], [108, 68]]


def test_a_shape_that_one_device_does_not_see_leaves_a_gap() -> None:
    text = PERSISTENT.replace(b"blocks * device.multiProcessorCount", b"blocks > 1 ? 108 : COUNT")
    text = text.replace(b"COUNT", b"device.multiProcessorCount")
    both, second = across(text, "a100-sxm4-40gb", "rtx-3080-paper", arguments=("4096",)).kernels
    assert [one is not None for one in both.reports] == [True, True]
    assert [one is not None for one in second.reports] == [False, True]
    assert not second.changes


def test_the_document_lists_the_devices_of_each_kernel() -> None:
    parsed, _ = parse_files({"main.cu": PERSISTENT})
    devices = [catalogue().get(one) for one in ("h200", "mi250x-gcd")]
    found = what_if(parsed, devices, ("16777216",), (Problem("x.h", 3, "is a binary file"),))
    document = what_if_json(found, "16777216")
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["schema"] == "jouleline/what-if/1"
    assert [one["id"] for one in document["devices"]] == ["h200", "mi250x-gcd"]
    assert document["devices"][0]["ridge"]["sp"] == devices[0].ridge("sp")
    assert document["problems"] == [{"file": "x.h", "line": 3, "message": "is a binary file"}]
    kernel = document["kernels"][0]
    assert (kernel["name"], kernel["line"], kernel["changes"]) == ("scale", 1, False)
    assert [one["device"] for one in kernel["devices"]] == ["h200", "mi250x-gcd"]
    for one in kernel["devices"]:
        assert (one["bound"], one["evidence"]) == ("bandwidth", "source")
        assert one["floor_s"] > 0
        assert one["launch"]["known"]
