"""Whether two builds are the same program."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from jouleline.app.machine_code import loaded, same_machine_code

TEXT = '#include <cstdio>\nint main() { int x = 6; printf("%d\\n", x * 7); }\n'


def built(folder: Path, text: str, *options: str) -> Path:
    folder.mkdir()
    (folder / "main.cpp").write_text(text)
    subprocess.run(["g++", "-O1", *options, "main.cpp", "-o", "main"], cwd=folder, check=True)
    return folder


@pytest.mark.needs("g++")
def test_what_is_compiled_away_leaves_the_same_code_and_what_is_not_does_not(tmp_path: Path) -> None:
    baseline = built(tmp_path / "baseline", TEXT)
    unused = built(tmp_path / "unused", TEXT.replace("int x", "int y = 3; (void)y; int x"), "-g")
    other = built(tmp_path / "other", TEXT.replace("* 7", "* 8"))
    data = built(tmp_path / "data", TEXT.replace("%d", "%i"))
    sources = {"main.cpp": b""}
    assert same_machine_code(baseline, unused, sources)
    assert not same_machine_code(baseline, other, sources)
    assert not same_machine_code(baseline, data, sources)


@pytest.mark.needs("g++")
def test_what_reads_sources_when_it_runs_is_not_judged_by_its_code(tmp_path: Path) -> None:
    text = TEXT.replace("int main", "#include <dlfcn.h>\nint main").replace(
        "* 7", '* 7 + (dlopen("x", 1) != 0)'
    )
    one, two = (built(tmp_path / name, text, "-ldl") for name in ("one", "two"))
    assert not same_machine_code(one, two, {"main.cpp": b""})
    plain, same = (built(tmp_path / name, TEXT) for name in ("plain", "same"))
    assert same_machine_code(plain, same, {"main.cpp": b""})
    assert not same_machine_code(plain, same, {"kernel.cl": b""})


def test_what_was_not_built_or_is_no_program_is_not_the_same(tmp_path: Path) -> None:
    assert not same_machine_code(tmp_path, tmp_path, {"main.cpp": b""})
    assert loaded(b"\x7fELF") is None
    assert loaded(b"\x7fELF" + bytes(60)) is None
