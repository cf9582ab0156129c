"""Programs on another machine as a user has them run: the same verdicts and figures as here."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jouleline.app.target_settings import KEYS, find_target
from jouleline.cli.main import _options
from tests.cli.command import Said, jouleline
from tests.runners.processes import until
from tests.support.slurm import Slurm
from tests.support.sshd import UNKNOWN, Sshd

pytestmark = pytest.mark.needs("g++", "bwrap")

Run = Callable[..., Said]


@pytest.fixture
def run(sshd: Sshd, tmp_path: Path) -> Run:
    """Runs the command line as a user who has described the machine in their own file."""
    home = tmp_path / "home"
    (home / ".config/jouleline").mkdir(parents=True)
    (home / ".config/jouleline/jouleline.toml").write_text(
        f"{sshd.described('far')}{sshd.described('unknown', UNKNOWN)}"
        f'[target.cluster]\nrunner = "slurm"\npython = "{sys.executable}"\nfolder = "{sshd.far}/files"\n'
        '[measure]\nmeter = "cpu-time"\n'
    )
    return lambda *words: jouleline(*words, home=home)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program of a few milliseconds that repeats its work and writes a file."""
    folder = tmp_path / "sum"
    folder.mkdir()
    (folder / "main.cpp").write_text(
        "#include <cstdio>\n#include <cstdlib>\n"
        "int main(int, char **argv) {\n"
        "  double sum = 0;\n"
        "  for (int again = 0; again < std::atoi(argv[2]); ++again)\n"
        "    for (int i = 1; i <= std::atoi(argv[1]); ++i) sum += 1.0 / i;\n"
        '  std::printf("%.12g\\n", sum);\n'
        '  std::fprintf(std::fopen("sum.txt", "w"), "%.12g\\n", sum);\n'
        "}\n"
    )
    (folder / "jouleline.toml").write_text(
        '[workload]\nbuild = "g++ -O1 main.cpp -o main"\nrun = "./main {args}"\nargs = "1000000 20"\n'
        'check_args = ["1000 3"]\noutputs = ["sum.txt"]\n'
        '[target.trap]\nhost = "elsewhere.example"\n'
    )
    return folder


@pytest.mark.slow
def test_a_verdict_is_the_same_everywhere(
    run: Run, slurm: Slurm, program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_CONF", slurm.environment["SLURM_CONF"])
    honest, wrong = tmp_path / "honest", tmp_path / "wrong"
    for folder, old, new in ((honest, "1.0 / i", "1 / double(i)"), (wrong, "i = 1", "i = 2")):
        shutil.copytree(program, folder)
        text = (folder / "main.cpp").read_text().replace(old, new)
        (folder / "main.cpp").write_text(text)
    here, far, cluster = (
        run("verify", program, honest, "--format", "json", *where)
        for where in ((), ("--target", "far"), ("--target", "cluster"))
    )
    for said in (here, far, cluster):
        assert said.code == 0, said.err
        assert _gates(said) == _gates(here)
    refused = run("verify", program, wrong, "--format", "json", "--target", "far")
    assert refused.code == 3
    assert _gates(refused)[-1][:2] == ("output", False)
    assert slurm.jobs() == []


def _gates(said: Said) -> list[tuple[object, ...]]:
    return [(gate["name"], gate["passed"], gate["warning"]) for gate in said.document["gates"]]


def test_a_comparison_is_recorded_as_one_here(run: Run, program: Path, tmp_path: Path) -> None:
    worse = tmp_path / "worse"
    shutil.copytree(program, worse)
    text = (worse / "main.cpp").read_text().replace("again = 0", "again = -20")
    (worse / "main.cpp").write_text(text)
    done = run(
        "measure", program, worse, "--target", "far", "--seconds", "2", "--format", "json",
        "--record", tmp_path / "record",
    )  # fmt: skip
    assert done.code in (0, 3), done.err  # two seconds may be too few for a verdict
    assert done.document["energy_ratio"]["value"] > 1.3
    assert any("(target far)" in note for note in done.document["notes"])
    header = json.loads((tmp_path / "record").read_text().partition("\n")[0])
    assert header["runner"].startswith("bubblewrap on ")
    assert header["meter"]["origin"] == "modelled"
    assert set(header["surroundings"]["versions"]) == {"jouleline", "python", "kernel", "os"}
    again = run("measure", "--replay", tmp_path / "record", "--format", "json")
    assert (again.code, again.document["energy_ratio"]) == (done.code, done.document["energy_ratio"])


@pytest.mark.slow
def test_a_search_that_lost_its_machine_goes_on_without_paying_twice(
    run: Run, program: Path, sshd: Sshd, tmp_path: Path
) -> None:
    # It is killed as soon as its candidate is verified, as when a laptop's battery is empty.
    (program / "main.cpp").write_text(
        "#include <cstdio>\n#include <cstdlib>\n"
        "int main(int, char **argv) {\n"
        "  const int n = std::atoi(argv[1]);\n"
        "  double sum = 0;\n"
        "  #pragma omp parallel for\n"
        "  for (int i = 0; i < n; ++i) {\n"
        "    #pragma omp atomic\n"
        "    sum += 1.0 / (i + 1);\n"
        "  }\n"
        '  std::printf("%.12g\\n", sum);\n'
        "}\n"
    )
    (program / "jouleline.toml").write_text(
        '[workload]\nbuild = "g++ -O1 -fopenmp main.cpp -o main"\nrun = "./main {args}"\nargs = "1000000"\n'
        'check_args = ["1000"]\n[workload.tolerance]\nrelative = 1e-6\n[measure]\nseconds = 1.0\n'
    )
    words = ("refactor", program, "--target", "far")
    home = tmp_path / "home"
    started = subprocess.Popen(
        [sys.executable, "-m", "jouleline", *map(str, words)], stderr=subprocess.PIPE, text=True,
        env={**os.environ, "HOME": str(home), "XDG_STATE_HOME": str(home / "state")},
    )  # fmt: skip
    with started:
        assert started.stderr is not None
        for line in started.stderr:
            if line.strip().startswith("measure:"):
                break
        started.send_signal(signal.SIGKILL)
    until(lambda: not list((sshd.far / "files/sessions").iterdir()))
    done = run(*words, "--resume", "--format", "json")
    assert done.code == 0, done.err
    assert done.document["cost"]["reused"] >= 1
    assert any("(target far)" in note for note in done.document["notes"])


def test_the_doctor_tells_what_is_there(run: Run) -> None:
    done = run("doctor", "--target", "far", "--format", "json")
    assert done.code == 0, done.err
    found = {(one["kind"], one["name"]): one["availability"] for one in done.document["findings"]}
    assert found["agent", "python"] == "ready"
    assert found["sandbox", "bubblewrap"] == "ready"
    assert ("meter", "nvml") in found


def test_who_cannot_be_reached_or_is_not_known_is_one_sentence(run: Run, program: Path) -> None:
    lost = run("measure", program, "--target", "unknown")
    assert lost.code == 1
    assert lost.err.splitlines()[-1].startswith(
        "jouleline measure: target unknown (far-box-unknown): its host key"
    )
    for words in (("refactor", program), ("measure", program), ("verify", program, program)):
        trapped = run(*words, "--target", "trap")
        assert trapped.code == 2
        assert "no target 'trap'" in trapped.err
        assert "does not count: a program's file comes from others" in trapped.err


def test_the_page_on_targets_says_what_can_be_typed(tmp_path: Path) -> None:
    # Each of its verbs is run with --target by a test above, or of fleets.
    page = (Path(__file__).parents[2] / "docs/targets.md").read_text()
    for line in page.splitlines():
        if line.startswith("    jouleline "):
            options = _options(line.split()[1:])
            assert options.target in ("gpu-box", "fleet")
    (tmp_path / "jouleline.toml").write_text("".join(re.findall(r"(?s)```toml\n(.*?)```", page)))
    assert find_target("gpu-box", tmp_path / "jouleline.toml").runner == "ssh"
    assert find_target("cluster", tmp_path / "jouleline.toml").options == ("--gres=gpu:1",)
    assert find_target("fleet", tmp_path / "jouleline.toml").nodes == 4
    assert set(re.findall(r"`(\w+)`", "".join(re.findall(r"(?m)^\| (`.*?) \|", page)))) == set(KEYS)
