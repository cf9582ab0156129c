"""``jouleline whatif``: the same kernels on several GPUs."""

from __future__ import annotations

from pathlib import Path

import pytest

from jouleline.wiring import WHAT_IF_DEVICES, catalogue
from tests.cli.command import SAMPLES, jouleline


def test_a_kernel_that_changes_its_bound_is_shown_as_such(tmp_path: Path) -> None:
    words = ("whatif", SAMPLES / "jacobi-omp", "--gpu", "A100,h200", "--gpu", "rtx-4090")
    said = jouleline(*words, home=tmp_path)
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    changes = lines.index("  changes its bound: compute-bound on rtx-4090; bandwidth-bound on the others")
    assert lines[changes - 1] == "solve  main.cpp:10"
    assert [line.split()[0] for line in lines if "below dp" in line or "above dp" in line] == [
        "a100-sxm4-40gb",
        "h200",
        "rtx-4090",
    ]
    assert "1 of 2 kernels changes its bound between these 3 devices." in lines
    assert "nothing was compiled or run" in said.out


def test_the_document_tells_the_same(tmp_path: Path) -> None:
    words = ("whatif", SAMPLES / "jacobi-omp", "--gpu", "a100,rtx-4090", "--args", "1024 5")
    document = jouleline(*words, "--format", "json", home=tmp_path).document
    assert (document["schema"], document["args"]) == ("jouleline/what-if/1", "1024 5")
    solve, copy = document["kernels"]
    assert (solve["changes"], copy["changes"]) == (True, False)
    assert [one["bound"] for one in solve["devices"]] == ["bandwidth", "compute"]


def test_without_a_choice_a_few_devices_of_the_catalogue_are_compared(tmp_path: Path) -> None:
    document = jouleline("whatif", SAMPLES / "hash-hip", "--format", "json", home=tmp_path).document
    devices = [catalogue().get(one["id"]) for one in document["devices"]]
    assert [one.id for one in devices] == list(WHAT_IF_DEVICES)
    assert {one.vendor for one in devices} == {"nvidia", "amd"}


def test_a_kernel_with_nothing_to_count_has_no_bound(tmp_path: Path) -> None:
    (tmp_path / "k.cu").write_text("__global__ void idle() {}\nint main() { idle<<<1, 32>>>(); }\n")
    for verb in ("bound", "whatif"):
        said = jouleline(verb, tmp_path / "k.cu", home=tmp_path)
        assert "nothing was found to count in this kernel" in said.out
        assert "bandwidth-bound" not in said.out


def test_a_table_fits_a_narrow_terminal(tmp_path: Path) -> None:
    longest = max((device.id for device in catalogue()), key=len)
    said = jouleline("whatif", SAMPLES / "hash-hip", "--gpu", f"h200,{longest}", home=tmp_path)
    rows = [line for line in said.out.splitlines() if "ridge point" in line or " above " in line]
    assert len(rows) == 1 + 2
    assert longest in rows[-1]
    assert max(map(len, rows)) <= 80


@pytest.mark.parametrize(
    ("verb", "gpu", "sentence"),
    [
        ("whatif", "a100,h2000", 'unknown GPU "h2000": did you mean h200'),
        ("whatif", " , ", "--gpu names no device"),
        ("bound", "a100,h200", "`jouleline whatif` compares several"),
    ],
)
def test_a_wrong_device_is_said_in_a_sentence(tmp_path: Path, verb: str, gpu: str, sentence: str) -> None:
    said = jouleline(verb, SAMPLES / "jacobi-cuda", "--gpu", gpu, home=tmp_path)
    assert (said.code, said.out) == (2, "")
    assert sentence in said.err
    assert said.err.count("\n") == 1
