"""The shipped device files: readable, sourced, consistent, and right about the papers' labels."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from jouleline.core.device import Device, Provenance, UnknownDevice
from jouleline.devices import DeviceFileError, load_catalogue, shipped_device

DEVICES = tuple(load_catalogue())
LABELS = Path(__file__).parents[2].parent / "shared" / "roofline" / "labels_dev.csv"

# fp32, fp64 and int32 lanes of one multiprocessor by target: independent of the files.
LANES = {
    "sm_70": (64, 32, 64),
    "sm_75": (64, 2, 64),
    "sm_80": (64, 32, 64),
    "sm_86": (128, 2, 64),
    "sm_87": (128, 2, 64),
    "sm_89": (128, 2, 64),
    "sm_90": (128, 64, 64),
    "sm_100": (128, 64, 64),
    "sm_120": (128, 2, 128),
    "gfx908": (64, 32, 64),
    "gfx90a": (64, 64, 64),
    "gfx942": (128, 64, 64),
}

# As vendors print them (TFLOP/s): fp32, fp64. A second pair of eyes on clocks and counts.
PRINTED = {
    "v100-sxm2": (15.7, 7.8),
    "a100-sxm4-40gb": (19.5, 9.7),
    "h100-sxm5-80gb": (66.9, 33.5),
    "h100-pcie-80gb": (51.2, 25.6),
    "rtx-3080": (29.77, 0.465),
    "rtx-4090": (82.6, 1.29),
    "l4": (30.3, 0.473),
    "mi100": (23.1, 11.5),
    "mi210": (22.6, 22.6),
    "mi250x-gcd": (23.95, 23.95),
    "mi300a": (122.6, 61.3),
    "mi300x": (163.4, 81.7),
}

TOY = """
id = "toy-1"
name = "Toy"
aliases = ["plaything"]
vendor = "nvidia"
architecture = "Toy"
target = "sm_00"
[sources]
sheet = "Toy data sheet"
[figures]
multiprocessors = { value = 10, unit = "1", from = "verified", source = "sheet" }
warp_size = { value = 32, unit = "1", from = "secondary", source = "sheet" }
clock_hz = { value = 1e9, unit = "Hz", from = "measured", source = "sheet" }
sp_flop_per_s = { value = 1e12, unit = "FLOP/s", from = "derived", formula = "10 x 50 x 2 x 1 GHz" }
dp_flop_per_s = { value = 1e11, unit = "FLOP/s", from = "assumed", reason = "a tenth of fp32" }
int_op_per_s = { value = 5e11, unit = "op/s", from = "assumed", reason = "half of fp32" }
dram_bytes_per_s = { value = 1e11, unit = "B/s", from = "verified", source = "sheet" }
dram_bytes = { value = 1e9, unit = "B", from = "verified", source = "sheet" }
l2_bytes = { value = 1_000_000, unit = "B", from = "verified", source = "sheet" }
tdp_w = { value = 100, unit = "W", from = "verified", source = "sheet" }
"""


every_device = pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.id)


def write(folder: Path, text: str) -> Path:
    (folder / "toy.toml").write_text(text, encoding="utf-8")
    return folder


def test_at_least_twenty_two_devices_and_the_papers_own() -> None:
    ids = [device.id for device in DEVICES]
    assert len(ids) >= 23
    assert "rtx-3080-paper" in ids
    assert ids == sorted(ids, key=lambda i: f"{i}.toml")


@pytest.mark.parametrize(
    ("name", "device_id"),
    [
        ("RTX 3080", "rtx-3080"),
        ("rtx_3080", "rtx-3080"),
        ("NVIDIA GeForce RTX 3080", "rtx-3080"),
        ("A100", "a100-sxm4-40gb"),
        ("NVIDIA A100-SXM4-80GB", "a100-sxm4-80gb"),
        ("NVIDIA A100 80GB PCIe", "a100-pcie-80gb"),
        ("Tesla V100-SXM2-16GB", "v100-sxm2"),
        ("NVIDIA H100 80GB HBM3", "h100-sxm5-80gb"),
        ("NVIDIA GH200 480GB", "gh200-96gb"),
        ("H200", "h200"),
        ("AMD Instinct MI250X", "mi250x-gcd"),
    ],
)
def test_devices_go_by_the_names_drivers_and_people_use(name: str, device_id: str) -> None:
    assert load_catalogue().get(name).id == device_id


@every_device
def test_every_figure_names_its_source(device: Device) -> None:
    for figure in device.figures().values():
        assert len(figure.source) > 5
        assert figure.provenance is not Provenance.MEASURED, "a file is read on other machines too"


@every_device
def test_peaks_are_lanes_times_multiprocessors_times_clock_times_two(device: Device) -> None:
    for kind, lanes in zip(("sp", "dp", "int"), LANES[device.target], strict=True):
        per_s = lanes * device.multiprocessors.value * device.clock_hz.value * 2
        assert device.figures()[_peak(kind)].value == pytest.approx(per_s, rel=0.02)


def _peak(kind: str) -> str:
    return "int_op_per_s" if kind == "int" else f"{kind}_flop_per_s"


@pytest.mark.parametrize("device_id", PRINTED)
def test_peaks_agree_with_the_vendors_own(device_id: str) -> None:
    device = load_catalogue().get(device_id)
    sp, dp = PRINTED[device_id]
    assert device.sp_flop_per_s.value == pytest.approx(sp * 1e12, rel=0.02)
    assert device.dp_flop_per_s.value == pytest.approx(dp * 1e12, rel=0.02)


@every_device
def test_magnitudes_are_plausible(device: Device) -> None:
    """Catches a slipped prefix: MHz for Hz, GB for B, a sparse peak for a dense one."""
    assert 0.5e9 < device.clock_hz.value < 4e9
    assert 100e9 < device.dram_bytes_per_s.value < 10e12
    assert 4e9 < device.dram_bytes.value < 400e9
    assert 1e6 < device.l2_bytes.value < 200e6
    assert 20 < device.tdp_w.value < 1500
    assert device.warp_size.value == (64 if device.vendor == "amd" else 32)
    tensor = device.tensor_flop_per_s
    assert tensor is not None
    assert 1.5 < tensor.value / device.sp_flop_per_s.value < 35
    if device.idle_w is not None:
        assert 0.03 < device.idle_w.value / device.tdp_w.value < 0.4
    if device.half_flop_per_s is not None:
        ratio = device.half_flop_per_s.value / device.sp_flop_per_s.value
        assert any(ratio == pytest.approx(whole, rel=0.02) for whole in (1, 2, 4))


def test_the_papers_ridge_points() -> None:
    device = load_catalogue().get("rtx-3080-paper")
    assert device.ridge("sp") == pytest.approx(32.97, abs=0.005)
    assert device.ridge("dp") == pytest.approx(0.515, abs=0.0005)
    assert device.ridge("int") == pytest.approx(16.49, abs=0.0055)


@pytest.mark.skipif(not LABELS.exists(), reason="the corpus of profiled labels is not beside us")
def test_the_papers_labels_follow_from_their_counts() -> None:
    device = load_catalogue().get("rtx-3080-paper")
    with LABELS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 1083
    wrong = [row["kernel_display"] for row in rows if _label(device, row) != row["label"]]
    assert wrong == []


def _label(device: Device, row: dict[str, str]) -> str:
    moved = float(row["dram_bytes"])
    counts = {"sp": "sp_flop", "dp": "dp_flop", "int": "intop"}
    ridges = {"sp": device.ridge("sp"), "dp": device.ridge("dp"), "int": device.ridge("int")}
    below = all(float(row[counts[kind]]) < ridge * moved for kind, ridge in ridges.items())
    return "Bandwidth" if below else "Compute"


def test_an_unknown_gpu_is_met_with_close_names() -> None:
    with pytest.raises(UnknownDevice) as caught:
        load_catalogue().get("rtx3081")
    message = str(caught.value)
    assert message.startswith('unknown GPU "rtx3081": did you mean rtx-3080')
    assert message.endswith("? `jouleline devices` lists all")


def test_nothing_close_offers_nothing() -> None:
    with pytest.raises(UnknownDevice) as caught:
        load_catalogue().get("toaster")
    assert str(caught.value) == 'unknown GPU "toaster"; `jouleline devices` lists all'


def test_a_device_is_read_without_all_others_by_its_id_alone() -> None:
    for device in load_catalogue():
        assert shipped_device(device.id) is device
    for name in ("h100", "../devices/h200", "h200.toml", ""):
        assert shipped_device(name) is None


def test_a_folder_adds_devices(tmp_path: Path) -> None:
    catalogue = load_catalogue(write(tmp_path, TOY))
    toy = catalogue.get("plaything")
    assert toy.id == "toy-1"
    assert toy.sp_flop_per_s.provenance is Provenance.DERIVED
    assert toy.sp_flop_per_s.source == "10 x 50 x 2 x 1 GHz"
    assert toy.dram_bytes.source == "Toy data sheet"
    assert len(catalogue) == len(DEVICES) + 1
    assert [device.id for device in catalogue][-1] == "toy-1"


def test_a_folder_that_is_not_there_adds_none(tmp_path: Path) -> None:
    assert len(load_catalogue(tmp_path / "absent")) == len(DEVICES)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('unit = "Hz"', 'unit = "MHz"', 'figures.clock_hz.unit: must be "Hz", not "MHz"'),
        ('value = 1e9, unit = "Hz"', 'unit = "Hz"', "figures.clock_hz.value: must be a number"),
        ("value = 32", 'value = "32"', "figures.warp_size.value: must be a number"),
        ("value = 32", "value = nan", "figures.warp_size.value: a figure must be finite"),
        ("value = 100,", "value = -1,", "figures.tdp_w.value: a figure must be finite"),
        ('source = "sheet" }\nwarp', 'source = "x" }\nwarp', '"x" is not a key of [sources]'),
        (', reason = "a tenth of fp32"', "", "figures.dp_flop_per_s.reason: is missing"),
        ('from = "measured"', 'from = "hearsay"', "figures.clock_hz.from: must be one of measured"),
        ("tdp_w", "tpd_w", "figures.tpd_w: is not a key; known are multiprocessors"),
        ('vendor = "nvidia"', 'vendor = "acme"', "vendor: must be one of nvidia, amd, cpu"),
        ('id = "toy-1"', 'id = "Toy 1"', "id: must be lower-case letters, digits and dashes"),
        ('id = "toy-1"', "", "id: is missing"),
        ('["plaything"]', '"plaything"', "aliases: must be an array of strings"),
        ('["plaything"]', '["A100"]', '"A100" of device toy-1 already belongs to a100-sxm4-40gb'),
        ('id = "toy-1"', 'id = "h200"', '"h200" of device h200 already belongs to h200'),
        ("[figures]", "[figures", "is not valid TOML"),
        ('value = 1e11, unit = "B/s"', 'value = 0, unit = "B/s"', "dram_bytes_per_s must not be"),
    ],
)
def test_a_broken_file_gives_a_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert old in TOY
    with pytest.raises(DeviceFileError) as caught:
        load_catalogue(write(tmp_path, TOY.replace(old, new, 1)))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'toy.toml'}: ")
    assert sentence in message
    assert "\n" not in message


def test_a_missing_figure_is_named(tmp_path: Path) -> None:
    lines = [line for line in TOY.splitlines() if not line.startswith("l2_bytes")]
    with pytest.raises(DeviceFileError, match=r"figures\.l2_bytes: is missing"):
        load_catalogue(write(tmp_path, "\n".join(lines)))


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "toy.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(DeviceFileError, match=r"toy\.toml: cannot be read"):
        load_catalogue(tmp_path)


def test_the_documentation_lists_every_device_with_its_ridge_points() -> None:
    text = (Path(__file__).parents[2] / "docs" / "devices.md").read_text(encoding="utf-8")
    for device in DEVICES:
        sp, dp, integer = device.ridge("sp"), device.ridge("dp"), device.ridge("int")
        assert f"| `{device.id}` | {sp:.1f} | {dp:.2f} | {integer:.1f} |" in text


def test_the_documentations_example_is_a_device(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "devices.md").read_text(encoding="utf-8")
    example = text.split("```toml\n")[1].split("```")[0]
    assert load_catalogue(write(tmp_path, example)).get("toy").ridge("sp") == pytest.approx(38.4)
