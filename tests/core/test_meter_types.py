"""The type checker keeps measured and modelled joules apart; run for real, on programs that mix them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PREAMBLE = """
from jouleline.app.measure import EnergyComparison, rank
from jouleline.core.energy import Arm, Block, Comparison, EnergyVerdict, summarise
from jouleline.core.idle import Idle
from jouleline.core.kernel_joules import joules_by_kernel
from jouleline.core.meter import EnergySample, Measured, MeterInfo, Modelled

watched = EnergySample(Measured, 1.0, 1.0, 1.0, 1)
guessed = EnergySample(Modelled, 1.0, 1.0, 1.0, 1)
sensor = MeterInfo("rapl", "package-0", Measured, 5.0, "")
model = MeterInfo("cpu-time", "a processor", Modelled, 0.2, "")

def first(one: EnergyComparison[Measured], other: EnergyComparison[Modelled]) -> None:
    {first}

{rest}
"""


def complaints(tmp_path: Path, text: str) -> str:
    """What mypy says of a program, with this repository's settings."""
    path = tmp_path / "mixture.py"
    path.write_text(text)
    settings = ["--config-file", str(ROOT / "pyproject.toml"), "--python-executable", sys.executable]
    # A process of its own: mypy raises the recursion limit of the one it runs in.
    command = [sys.executable, "-m", "mypy", *settings, "--cache-dir", str(tmp_path / "cache"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.stderr
    assert done.returncode == (0 if done.stdout.startswith("Success") else 1)
    return done.stdout


MIXTURES = (
    "Block(((Arm.BASELINE, watched), (Arm.CANDIDATE, guessed)))",
    "summarise([watched, guessed])",
    "summarise([guessed], Idle(watched))",
    "Idle(watched, guessed)",
    "Comparison(sensor, (Block(((Arm.BASELINE, guessed),)),), 0.01, EnergyVerdict.IMPROVED)",
    "joules_by_kernel([guessed], frozenset(), [])",
)


@pytest.mark.slow
def test_no_mixture_passes_the_type_checker(tmp_path: Path) -> None:
    text = PREAMBLE.format(first="rank([one, other])", rest="\n".join(MIXTURES))
    lines = text.splitlines()
    blamed = {
        lines[int(line.split(":")[1]) - 1].strip()
        for line in complaints(tmp_path, text).splitlines()
        if ": error: " in line
    }
    assert blamed == {"rank([one, other])", *MIXTURES}


@pytest.mark.slow
def test_what_is_of_one_kind_passes(tmp_path: Path) -> None:
    alike = [one.replace("guessed", "watched").replace("model", "sensor") for one in MIXTURES]
    text = PREAMBLE.format(first="rank([one, one])", rest="\n".join(alike))
    assert complaints(tmp_path, text).startswith("Success")
