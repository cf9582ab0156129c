"""What doctor says of the meters; the rest of it is tested with what it finds."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Said, in_terminal, jouleline
from tests.support.nvml import COUNTER, NO_PERMISSION


@pytest.fixture
def driver(nvml_library: Path, tmp_path: Path) -> dict[str, str]:
    """The environment in which the driver is the double, which answers the file ``script``."""
    (tmp_path / "script").write_text("gpus 2\n")
    return {"LD_LIBRARY_PATH": str(nvml_library.parent), "NVML_DOUBLE_SCRIPT": str(tmp_path / "script")}


def doctor(*words: str, home: Path, driver: dict[str, str]) -> Said:
    return jouleline(
        *("doctor", *words),
        home=home,
        LD_LIBRARY_PATH=driver["LD_LIBRARY_PATH"],
        NVML_DOUBLE_SCRIPT=driver["NVML_DOUBLE_SCRIPT"],
    )


def meters(home: Path, driver: dict[str, str]) -> dict[str, dict[str, Any]]:
    said = doctor("--format", "json", home=home, driver=driver)
    return {one["name"]: one for one in said.document["findings"] if one["kind"] == "meter"}


def test_every_meter_is_reported_with_what_grants_access(tmp_path: Path, driver: dict[str, str]) -> None:
    found = meters(tmp_path, driver)
    assert list(found) == ["nvml", "amd-smi", "rapl", "node", "cpu-time", "default"]
    assert found["nvml"]["availability"] == "ready"
    assert found["nvml"]["detail"].startswith("2 x NVIDIA D1 (test double): energy counter")
    for one in found.values():
        assert one["availability"] == "ready" or one["remedy"]


def test_a_gpu_that_may_not_be_read_is_reported_with_the_command(
    tmp_path: Path, driver: dict[str, str]
) -> None:
    (tmp_path / "script").write_text(f"fail {COUNTER} {NO_PERMISSION}\n")
    nvml = meters(tmp_path, driver)["nvml"]
    assert nvml["availability"] == "limited"
    assert "no permission to read the energy counter of GPU 0" in nvml["detail"]
    assert nvml["remedy"].startswith("sudo chmod a+rw /dev/nvidia")


def test_a_pipe_gets_whole_lines(tmp_path: Path, driver: dict[str, str]) -> None:
    said = doctor(home=tmp_path, driver=driver)
    lines = said.out.splitlines()
    assert "meter" in lines
    (nvml,) = (line for line in lines if " nvml: " in line)
    assert nvml.endswith("; driver double 0")


def test_a_terminal_of_80_columns_is_never_overrun(tmp_path: Path, driver: dict[str, str]) -> None:
    shown = in_terminal(80, "doctor", home=tmp_path, **driver)
    assert max(map(len, shown)) <= 80
    (place,) = (place for place, line in enumerate(shown) if line.startswith("  ready   nvml: "))
    # What does not fit goes on below its text and not below its mark.
    assert shown[place + 1].startswith(" " * 10)
