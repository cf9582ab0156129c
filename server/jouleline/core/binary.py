"""Compare binary outputs by meaning: arrays of numbers, and images pixel by pixel.

What an output is follows from the baseline's bytes alone, or from what the workload declares. Images
are recognised by their first bytes: PGM and PPM (also as text), BMP and PNG without compression tricks
of their own. Bytes are taken as numbers only where a tolerance is given and every number is one that a
program would write: finite, and neither tiny nor huge. All else is compared byte for byte.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any, Final

from .workload import Tolerance

FORMS: Final = {"float64": "<f8", "float32": "<f4", "float16": "<f2", "bytes": "", "image": ""}
"""What a workload may declare an output to be."""

_LEAST: Final = 1e-30
_MOST: Final = 1e30
_FEWEST: Final = 4
_NETPBM: Final = (b"P2", b"P3", b"P5", b"P6")
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_CHANNELS: Final = {0: 1, 2: 3, 4: 2, 6: 4}
# Where rounding differs, a colour between two steps goes the other way; more than few do not.
_OFF_BY_ONE_SHARE: Final = 0.01


@dataclass(frozen=True)
class _Image:
    shape: tuple[int, ...]
    most: int
    pixels: Any
    head: int


def is_binary(data: bytes, form: str = "") -> bool:
    """Whether an output is taken as numbers or pixels although it may look like text."""
    return form not in ("", "bytes") or (data[:2] in _NETPBM and data[2:3].isspace() and bool(_image(data)))


def compare_binary(
    expected: bytes, actual: bytes, tolerance: Tolerance, form: str = ""
) -> tuple[tuple[str, ...], float]:
    """How two outputs differ, as sentences (none if they agree), and the largest relative error."""
    if expected == actual:
        return (), 0.0
    if form in ("", "image") and (wanted := _image(expected)) is not None:
        got = _image(actual)
        if got is None:
            return ("the image cannot be read",), 1.0
        return _images(wanted, got, tolerance)
    if len(expected) != len(actual):
        return (f"expected {len(expected)} bytes, got {len(actual)}",), 1.0
    kind = form or (_recognised(expected) if tolerance.relative or tolerance.absolute else "")
    if FORMS.get(kind):
        return _arrays(expected, actual, tolerance, kind)
    places = [place for place, (a, b) in enumerate(zip(expected, actual, strict=True)) if a != b]
    return (f"{len(places)} of {len(expected)} bytes differ, the first at byte {places[0]}",), 1.0


def blank(data: bytes, form: str = "") -> bytes:
    """An output of the same form that holds nothing but zeros: a black image with its head."""
    image = _image(data) if form in ("", "image") else None
    if image is None or data[:2] in (b"P2", b"P3") or data.startswith(_PNG):
        return b"" if image is not None else bytes(len(data))
    return data[: image.head] + bytes(len(data) - image.head)


def _recognised(data: bytes) -> str:
    import numpy as np

    for kind in ("float64", "float32"):
        width = int(FORMS[kind][-1])
        if len(data) % width or len(data) < _FEWEST * width:
            continue
        values = np.frombuffer(data, FORMS[kind])
        size = np.abs(values[np.isfinite(values)])
        plain = (size == 0) | ((size >= _LEAST) & (size <= _MOST))
        # NaN and infinity are results too, though bad ones, but not most of them.
        if size.size * 2 >= values.size and plain.all() and size.any():
            return kind
    return ""


def _arrays(expected: bytes, actual: bytes, tolerance: Tolerance, kind: str) -> tuple[tuple[str, ...], float]:
    import numpy as np

    if len(expected) % int(FORMS[kind][-1]):
        return (f"{len(expected)} bytes are no whole number of {kind}",), 1.0
    wanted = np.frombuffer(expected, FORMS[kind]).astype(np.float64)
    got = np.frombuffer(actual, FORMS[kind]).astype(np.float64)
    with np.errstate(all="ignore"):
        off = np.abs(wanted - got)
        allowed = tolerance.absolute + tolerance.relative * np.abs(wanted)
        special = ~np.isfinite(wanted) | ~np.isfinite(got)
        same = (wanted == got) | (np.isnan(wanted) & np.isnan(got))
        wrong = np.where(special, ~same, off > allowed)
        sizes = np.where(wanted == 0, 1.0, np.abs(wanted))
        error = float(np.max(np.where(special | same, 0.0, off / sizes), initial=0.0))
    if not wrong.any():
        return (), error
    first = int(np.argmax(wrong))
    what = f"expected {wanted[first]:.9g}, got {got[first]:.9g}"
    wrongs = f"{int(wrong.sum())} of {wanted.size} numbers ({kind}) differ"
    return (f"{wrongs}, the first at {first}: {what}",), error


def _images(wanted: _Image, got: _Image, tolerance: Tolerance) -> tuple[tuple[str, ...], float]:
    import numpy as np

    if wanted.shape != got.shape or wanted.most != got.most:
        shapes = (" x ".join(map(str, one.shape)) for one in (wanted, got))
        return (f"expected an image of {next(shapes)}, got {next(shapes)}",), 1.0
    off = np.abs(wanted.pixels - got.pixels)
    error = float(off.max(initial=0)) / wanted.most
    allowed = tolerance.absolute + tolerance.relative * wanted.most
    wrong = int((off > allowed).sum())
    loose = tolerance.relative or tolerance.absolute
    if not wrong or (loose and off.max() <= 1 and wrong <= _OFF_BY_ONE_SHARE * off.size):
        return (), error
    return (f"{wrong} of {off.size} pixel values differ, by up to {int(off.max())} of {wanted.most}",), error


def _image(data: bytes) -> _Image | None:
    try:
        if data[:2] in _NETPBM and data[2:3].isspace():
            return _netpbm(data)
        if data[:2] == b"BM":
            return _bitmap(data)
        if data.startswith(_PNG):
            return _png(data)
    except (ValueError, IndexError, struct.error, zlib.error, OverflowError):
        pass
    return None


def _netpbm(data: bytes) -> _Image:
    import numpy as np

    words: list[int] = []
    place = 2
    while len(words) < 3:
        while data[place : place + 1].isspace():
            place += 1
        end = place
        if data[place : place + 1] == b"#":
            place = data.index(b"\n", place)
            continue
        while data[end : end + 1].isdigit():
            end += 1
        words.append(int(data[place:end]))
        place = end
    width, height, most = words
    channels = 3 if data[:2] in (b"P3", b"P6") else 1
    if not 0 < most < 65536:
        raise ValueError
    place += 1
    if data[:2] in (b"P2", b"P3"):
        pixels = np.array(data[place:].split(), dtype=np.int64)
    else:
        pixels = np.frombuffer(data[place:], ">u2" if most > 255 else "u1").astype(np.int64)
    return _Image((height, width, channels), most, _sized(pixels, width * height * channels), place)


def _sized(pixels: Any, count: int) -> Any:
    if pixels.size != count:
        raise ValueError
    return pixels


def _bitmap(data: bytes) -> _Image:
    import numpy as np

    start, _, width, height, _, bits, packed = struct.unpack_from("<IIiiHHI", data, 10)
    if bits not in (24, 32) or packed not in (0, 3) or width <= 0:
        raise ValueError
    row = (width * bits // 8 + 3) // 4 * 4
    rows = np.frombuffer(data, "u1", count=row * abs(height), offset=start).reshape(abs(height), row)
    pixels = rows[:, : width * bits // 8].astype(np.int64)
    return _Image((height, width, bits // 8), 255, pixels.ravel(), start)


def _png(data: bytes) -> _Image:
    import numpy as np

    place, packed = len(_PNG), b""
    width = height = depth = colour = interlaced = 0
    while place < len(data):
        (size,) = struct.unpack_from(">I", data, place)
        name, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + size]
        if name == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", body)
        elif name == b"IDAT":
            packed += body
        place += size + 12
    if depth != 8 or interlaced or colour not in _CHANNELS or width * height > 2**28:
        raise ValueError
    channels = _CHANNELS[colour]
    row = width * channels
    raw = zlib.decompressobj().decompress(packed, (row + 1) * height)
    if len(raw) != (row + 1) * height:
        raise ValueError
    before = bytearray(row)
    rows = []
    for line in range(height):
        start = line * (row + 1)
        before = _unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + row]), before, channels)
        rows.append(bytes(before))
    pixels = np.frombuffer(b"".join(rows), "u1").astype(np.int64)
    return _Image((height, width, channels), 255, pixels, 0)


def _unfiltered(kind: int, line: bytearray, above: bytearray, width: int) -> bytearray:
    """A line of a PNG image without its filter (RFC 2083, section 6)."""
    for place in range(len(line) if kind else 0):
        left = line[place - width] if place >= width else 0
        corner = above[place - width] if place >= width else 0
        match kind:
            case 1:
                guess = left
            case 2:
                guess = above[place]
            case 3:
                guess = (left + above[place]) // 2
            case 4:
                distances = [
                    (abs(left + above[place] - corner - one), one) for one in (left, above[place], corner)
                ]
                guess = min(distances, key=lambda pair: pair[0])[1]
            case _:
                raise ValueError
        line[place] = (line[place] + guess) % 256
    return line
