import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline.core.binary import blank, compare_binary, is_binary
from jouleline.core.workload import Tolerance

LOOSE = Tolerance(relative=1e-6)
EXACT = Tolerance()


def doubles(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}d", *values)


def png(pixels: bytes, width: int, kind: int = 0) -> bytes:
    height = len(pixels) // width
    lines = []
    for row in range(height):
        line = pixels[row * width : (row + 1) * width]
        if kind == 1:
            line = bytes((line[i] - (line[i - 1] if i else 0)) % 256 for i in range(width))
        lines.append(bytes([kind]) + line)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    packed = zlib.compress(b"".join(lines))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@given(st.lists(st.floats(1e-3, 1e6), min_size=4))
def test_doubles_agree_within_the_tolerance_and_no_further(values: list[float]) -> None:
    near = doubles(*(value * (1 + 1e-8) for value in values))
    far = doubles(*values[:-1], values[-1] * 1.001)
    assert compare_binary(doubles(*values), near, LOOSE)[0] == ()
    assert compare_binary(doubles(*values), near, EXACT)[0] != ()
    (said,), error = compare_binary(doubles(*values), far, LOOSE)
    assert f"the first at {len(values) - 1}" in said
    assert error == pytest.approx(1e-3, rel=1e-3)


def test_not_a_number_is_no_wildcard() -> None:
    bad = doubles(1.0, 2.0, float("nan"), 4.0)
    assert compare_binary(doubles(1.0, 2.0, 3.0, 4.0), bad, Tolerance(relative=1.0))[0] != ()
    assert compare_binary(bad, doubles(1.0, 2.0, 3.0, 4.0), Tolerance(relative=1.0))[0] != ()
    assert compare_binary(bad, doubles(1.0, 2.0 + 1e-9, float("nan"), 4.0), LOOSE)[0] == ()


def test_whole_numbers_and_bytes_are_compared_exactly() -> None:
    ints = struct.pack("<8i", *range(1, 9))
    other = struct.pack("<8i", 1, 2, 3, 4, 5, 6, 7, 9)
    assert compare_binary(ints, other, Tolerance(relative=0.5))[0] == (
        "1 of 32 bytes differ, the first at byte 28",
    )
    assert compare_binary(doubles(1, 2, 3, 4), doubles(1, 2, 3, 4 + 1e-9), LOOSE, "bytes")[0] != ()


@pytest.mark.parametrize(
    "image", [b"P5 4 2 255\n" + bytes(range(100, 108)), png(bytes(range(100, 108)), 4, 1)], ids=["pgm", "png"]
)
def test_images_are_compared_by_pixels(image: bytes) -> None:
    close = png(bytes([101, *range(101, 108)]), 4)
    if image.startswith(b"P5"):
        close = b"P5\n# by another\n4 2\n255\n" + bytes([101, *range(101, 108)])
    assert is_binary(image) == image.startswith(b"P5")
    assert compare_binary(image, close, EXACT)[0] == ("1 of 8 pixel values differ, by up to 1 of 255",)
    assert compare_binary(image, close, Tolerance(absolute=1.0))[0] == ()
    assert compare_binary(image, blank(image), Tolerance(relative=0.1))[0] != ()
    assert compare_binary(image, image[:-9], LOOSE)[0] != ()


@given(
    st.binary(max_size=200),
    st.sampled_from([b"P5", b"P3 ", b"BM", b"\x89PNG\r\n\x1a\n", b"P6 1 1 255\n", b""]),
)
def test_damaged_images_are_bytes(data: bytes, head: bytes) -> None:
    assert compare_binary(head + data, head + data, LOOSE) == ((), 0.0)
    compare_binary(head + data, head + data + b"x", LOOSE)
    blank(head + data)
