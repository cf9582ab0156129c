"""The gates of docs/ci.md, by the very commands that stand there."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.cli.command import SAMPLES, Said, jouleline

DOC = Path(__file__).parents[2] / "docs" / "ci.md"


def commands() -> list[str]:
    """The commands of the document's shell blocks, without their redirections."""
    blocks = re.findall(r"```sh\n(.*?)```", DOC.read_text("utf-8"), re.DOTALL)
    return [re.split(r"\s+[>#]", line)[0] for block in blocks for line in block.splitlines()]


SARIF, WRITE, COMPARE, MEASURE = commands()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose programs are where the document has them."""
    shutil.copytree(SAMPLES / "jacobi-cuda", tmp_path / "src")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(command: str, project: Path) -> Said:
    program, *words = shlex.split(command)
    assert program == "jouleline"
    return jouleline(*words, home=project)


def test_smells_and_bounds_are_marked_at_their_lines(project: Path) -> None:
    (run,) = said(SARIF, project).document["runs"]
    levels = {(result["ruleId"], result["level"]) for result in run["results"]}
    assert ("bound", "note") in levels
    assert ("single-precision", "warning") in levels
    known = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert {code for code, _ in levels} <= known


def test_a_kernel_that_changes_its_bound_fails_the_job(project: Path) -> None:
    (project / "bounds.json").write_text(said(WRITE, project).out)
    same = said(COMPARE, project)
    assert (same.code, same.err) == (0, "")
    assert "No kernel changed its bound." in same.out

    source = project / "src" / "main.cu"
    text = source.read_text()
    kernel = text.index("__global__")
    body = text.index("{", kernel) + 1
    busy = "float w = 1.0f; for (int k = 0; k < 99999; k++) w = w * 0.5f + 1.0f; next[0] = w;"
    source.write_text(text[:body] + busy + text[body:])
    changed = said(COMPARE, project)
    assert changed.code == 3
    assert "was bandwidth-bound and is compute-bound" in changed.out
    (one, *_) = said(f"{COMPARE} --format json", project).document["changes"]
    assert one["before"] == "bandwidth-bound"
    assert one["file"] == "main.cu"
    (run,) = said(f"{COMPARE} --format sarif", project).document["runs"]
    assert run["results"][0]["level"] == "error"


def test_bounds_that_cannot_be_compared_with_are_refused(project: Path) -> None:
    assert "cannot be read" in said(COMPARE, project).err
    for other in ("[]", "int main() {}", "\N{LATIN SMALL LETTER E WITH ACUTE}"):
        (project / "bounds.json").write_text(other, "latin-1")
        refused = said(COMPARE, project)
        assert refused.code == 2
        assert "bounds.json: it is no JSON of `jouleline bound --format json`" in refused.err
    assert "emulated" not in jouleline("bound", "--help", home=project).out
    document = json.loads(said(WRITE, project).out)
    (project / "bounds.json").write_text(json.dumps({**document, "device": "h200"}))
    assert "give the same --gpu" in said(COMPARE, project).err


SPIN = """\
#include <cstdio>
int main() {
    volatile long steps = 0;
    while (steps < 20000000) steps = steps + 1;
    printf("%ld\\n", (long)steps / 20000000);
}
"""
WORKLOAD = """\
[workload]
build = "g++ -O1 main.cpp -o main"
run = "./main"
[measure]
seconds = 20
"""


def test_a_change_that_uses_more_energy_fails_the_job(project: Path) -> None:
    for name, steps in (("base", "20000000"), ("change", "60000000")):
        (project / name).mkdir()
        (project / name / "main.cpp").write_text(SPIN.replace("20000000", steps))
        (project / name / "jouleline.toml").write_text(WORKLOAD)
    regressed = said(MEASURE, project)
    assert regressed.code == 3, regressed.err
    assert "regressed: energy +" in regressed.out
