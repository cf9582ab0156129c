import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jouleline import wiring
from jouleline.app.analyse import KernelReport, analyse, parse_files
from jouleline.app.roofline_picture import program_picture, roofline_picture
from jouleline.core.counts import Operation

DEVICES = sorted(device.id for device in wiring.catalogue())
KERNEL = b"__global__ void k(float *a) { a[threadIdx.x] *= 2.0f; } int main() { k<<<9, 256>>>(0); }"
SVG = "{http://www.w3.org/2000/svg}"


def report() -> KernelReport:
    parsed, _ = parse_files({"k.cu": KERNEL})
    return analyse(parsed, wiring.catalogue().get("a100-sxm4-40gb")).kernels[0]


REPORT = report()


def with_operations(operations: dict[Operation, float], dram_bytes: float) -> KernelReport:
    return replace(REPORT, counts=replace(REPORT.counts, operations=operations, dram_bytes=dram_bytes))


def drawn(reports: list[KernelReport], device: str) -> ET.Element:
    return ET.fromstring(roofline_picture(reports, wiring.catalogue().get(device)))  # noqa: S314 - our own


def discs(picture: ET.Element) -> list[ET.Element]:
    return [one for one in picture.iter(f"{SVG}circle") if one.get("fill") != "none"]


def test_each_class_of_operations_has_a_point_and_a_roof_with_the_devices_figures() -> None:
    one = with_operations({Operation.SP: 4e9, Operation.DP: 1e9, Operation.INT: 0.0}, 1e9)
    picture = drawn([one], "a100-sxm4-40gb")
    assert len(discs(picture)) == 2
    texts = [text.text for text in picture.iter(f"{SVG}text")]
    assert "1.55 TB/s" in texts
    assert "sp 19.5 TFLOP/s" in texts
    assert "dp 9.75 TFLOP/s" in texts


def test_a_point_lies_left_of_its_ridge_point_where_the_kernel_is_bandwidth_bound() -> None:
    for operations, left in ((1e9, True), (1e11, False)):
        picture = drawn([with_operations({Operation.SP: operations}, 1e9)], "a100-sxm4-40gb")
        (ridge,) = (one for one in picture.iter(f"{SVG}circle") if one.get("fill") == "none")
        (point,) = discs(picture)
        assert (float(point.get("cx", "")) < float(ridge.get("cx", ""))) is left
        assert (float(point.get("cy", "")) > float(ridge.get("cy", ""))) is left


def test_nothing_is_drawn_where_there_is_nothing_to_compare() -> None:
    device = wiring.catalogue().get("a100-sxm4-40gb")
    assert roofline_picture([with_operations({}, 1e6)], device) == ""
    assert roofline_picture([with_operations({Operation.SP: 1.0}, 0.0)], device) == ""
    assert roofline_picture([], device) == ""


def test_a_programs_kernels_stand_by_the_class_that_decides_and_how_they_were_is_hollow() -> None:
    device = wiring.catalogue().get("a100-sxm4-40gb")
    both = with_operations({Operation.SP: 1e9, Operation.DP: 1e9}, 1e9)
    slower = with_operations({Operation.DP: 1e8}, 1e9)
    picture = ET.fromstring(program_picture([both, slower], device, [both]))  # noqa: S314 - our own
    titles = [title.text for one in picture.iter(f"{SVG}circle") for title in one.iter(f"{SVG}title")]
    assert titles == ["k, before: bandwidth-bound", "k: bandwidth-bound", "k: bandwidth-bound"]
    numbers = {text.text for text in picture.iter(f"{SVG}text")} & {"1", "2"}
    assert numbers == {"1", "2"}
    assert "dp 9.75 TFLOP/s" in {text.text for text in picture.iter(f"{SVG}text")}
    assert "sp 19.5 TFLOP/s" not in {text.text for text in picture.iter(f"{SVG}text")}


@given(intensities=st.lists(st.floats(min_value=1e-3, max_value=1e4), min_size=1, max_size=12))
def test_no_number_covers_another_while_there_is_room(intensities: list[float]) -> None:
    device = wiring.catalogue().get("a100-sxm4-40gb")
    reports = [with_operations({Operation.SP: one * 1e9}, 1e9) for one in intensities]
    picture = ET.fromstring(program_picture(reports, device))  # noqa: S314 - our own
    wanted = {str(number) for number in range(1, len(reports) + 1)}
    places = [
        (float(text.get("x", "")), float(text.get("y", "")))
        for text in picture.iter(f"{SVG}text")
        if text.get("text-anchor") == "end" and text.text in wanted
    ]
    assert len(places) == len(reports)
    inside = [place for place in places if place[1] > 14]
    for at, (x, y) in enumerate(inside):
        assert not any(abs(x - left) < 14 and abs(y - top) < 11 for left, top in inside[:at])


amounts = st.floats(min_value=0, max_value=1e18)


@given(
    counts=st.lists(
        st.tuples(st.dictionaries(st.sampled_from(list(Operation)), amounts), amounts), min_size=1, max_size=3
    ),
    device=st.sampled_from(DEVICES),
)
def test_all_of_it_is_inside_whatever_was_counted(
    counts: list[tuple[dict[Operation, float], float]], device: str
) -> None:
    reports = [with_operations(operations, dram_bytes) for operations, dram_bytes in counts]
    text = roofline_picture(reports, wiring.catalogue().get(device))
    if not text:
        return
    picture = ET.fromstring(text)  # noqa: S314 - our own
    width, height = float(picture.get("width", "")), float(picture.get("height", ""))
    for one in picture.iter(f"{SVG}circle"):
        assert 0 <= float(one.get("cx", "")) <= width
        assert 0 <= float(one.get("cy", "")) <= height
    for one in picture.iter(f"{SVG}text"):
        assert 0 <= float(one.get("x", "")) <= width
        assert 0 <= float(one.get("y", "")) <= height
    for one in picture.iter(f"{SVG}path"):
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", one.get("d", ""))]
        assert all(-1 <= number <= width for number in numbers)


def contrast(colour: str, other: str) -> float:
    """WCAG's contrast of two colours, from 1 to 21."""

    def luminance(text: str) -> float:
        parts = [int(text[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(colour), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["#ffffff", "#1e1e1e"])
def test_it_can_be_read_on_light_and_on_dark(theme: str) -> None:
    everything = with_operations(dict.fromkeys(Operation, 1e9), 1e9)
    text = roofline_picture([everything], wiring.catalogue().get("h200"))
    colours = set(re.findall(r"#[0-9a-f]{6}\b", text))
    assert len(colours) == 5
    for colour in colours:
        assert contrast(colour, theme) >= 3, colour
