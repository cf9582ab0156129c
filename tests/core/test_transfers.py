"""Textures are read, and copies that nobody waits for move their bytes, once."""

import pytest

from jouleline.core.counts import Doubt, Operation

from .kernels import LARGE, kernel, moved, per_thread, report

IMAGE = """
texture<float, 2, cudaReadModeElementType> image;
__global__ void k(cudaTextureObject_t t, float *out, int w, int h) {{
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  float s = 0;
  for (int dy = -1; dy <= 1; dy++) for (int dx = -1; dx <= 1; dx++) s += {0};
  out[y * w + x] = s;
}}
int main() {{ cudaTextureObject_t t; float *out; k<<<dim3(256, 128), dim3(16, 16)>>>(t, out, 4096, 2048); }}
"""


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("t", "tex2D<float>(t, x + dx, y + dy)"),
        ("image", "tex2D(image, x + dx + 0.5f, y + dy + 0.5f)"),
        ("t", "tex2D<float>(t, (x + 0.5f) / w, (y + 0.5f) / h)"),  # from 0 to 1
    ],
)
def test_the_texels_of_an_image_come_once_however_often_neighbours_are_read(name: str, read: str) -> None:
    found = report(IMAGE.format(read))
    bytes_of = {array.name: array.dram_bytes for array in found.counts.arrays}
    assert bytes_of[name] == pytest.approx(4 * (4096 + 2) * (2048 + 2), rel=0.01)
    assert found.counts.doubt is Doubt.NOTHING


@pytest.mark.parametrize(("texel", "size"), [("float", 4), ("int2", 8), ("uchar4", 4)])
def test_a_fetch_reads_one_texel(texel: str, size: int) -> None:
    body = f"{texel} value = tex1Dfetch<{texel}>(t, i);"
    [array] = kernel(body, parameters="cudaTextureObject_t t").counts.arrays
    assert (array.name, array.dram_bytes) == ("t", size * 4096)


@pytest.mark.parametrize(
    "code",
    [
        "__pipeline_memcpy_async(&s[threadIdx.x], &a[i], sizeof(float));",
        "cuda::memcpy_async(s + threadIdx.x, a + i, cuda::aligned_size_t<4>(4), pipe);",
        "cg::memcpy_async(block, s, a + blockIdx.x * 256, sizeof(float) * 256); cg::wait(block);",
        "cg::memcpy_async(tile, s, a + i - tile.thread_rank(), 128);",
    ],
)
def test_a_copy_reads_what_it_is_given(code: str) -> None:
    groups = "auto block = cg::this_thread_block(); auto tile = cg::tiled_partition<32>(block);"
    assert moved(f"__shared__ float s[256]; {groups} {code}")["a"] == pytest.approx(4 * LARGE)


def test_a_copy_of_so_many_bytes_as_data_tell_is_said_not_to_be_counted() -> None:
    found = kernel("__shared__ float s[256]; __pipeline_memcpy_async(s, x, v[i]);")
    assert (
        "__pipeline_memcpy_async() is not counted: how much it copies is not known"
        in found.counts.assumptions
    )
    assert found.counts.doubt is Doubt.TRIPS


def test_a_function_of_the_program_goes_before_that_of_the_library() -> None:
    own = "__device__ float tex1Dfetch(const float *from, int at) { return 2.0f * from[at]; }"
    found = kernel("y[i] = tex1Dfetch(x, i);", own)
    assert per_thread(found, Operation.SP) == 1


def test_a_texture_that_does_not_say_of_what_is_read_all_the_same() -> None:
    found = kernel("x[i] = tex1Dfetch(picture, i);", "texture picture;")
    assert {array.name for array in found.counts.arrays} == {"picture", "x"}


def test_a_copy_without_end_is_not_counted() -> None:
    found = kernel("__shared__ float s[256]; __pipeline_memcpy_async(s, x, 1e200 * 1e200);")
    assert found.counts.doubt is Doubt.TRIPS
    assert kernel("memcpy(y, x, 1e200 * 1e200);").counts.arrays == ()
