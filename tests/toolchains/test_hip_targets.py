"""hipcc makes code for the instruction sets that its device library is for."""

from pathlib import Path

import pytest

from jouleline.toolchains.gcn import HipccListing


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("gfx90a", "gfx90a"),
        ("gfx942", "gfx940"),
        ("gfx950", "gfx940"),
        ("gfx1100", "gfx1036"),
        ("odd", "odd"),
    ],
)
def test_the_nearest_target_is_taken(
    target: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for known in ("908", "90a", "940", "1030", "1036"):
        (tmp_path / f"oclc_isa_version_{known}.bc").touch()
    monkeypatch.setenv("HIP_DEVICE_LIB_PATH", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert HipccListing().nearest(target) == expected


def test_without_a_library_the_target_is_left_to_the_compiler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HIP_DEVICE_LIB_PATH", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert HipccListing().nearest("gfx942") == "gfx942"


@pytest.mark.needs("hipcc")
def test_the_library_of_this_machine_is_found() -> None:
    assert HipccListing().nearest("gfx90a") == "gfx90a"
    assert HipccListing().nearest("gfx90b").startswith("gfx90")


def test_what_changes_the_code_is_taken_from_the_makefile() -> None:
    given = ["-O2", "-DN=4", "-I", "include", "-ffast-math", "-munsafe-fp-atomics", "--offload-arch=gfx1030"]
    assert HipccListing().options(given, "src") == (
        "-DN=4", "-Isrc/include", "-ffast-math", "-munsafe-fp-atomics",
    )  # fmt: skip
